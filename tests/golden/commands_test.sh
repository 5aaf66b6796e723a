#!/bin/bash
# What the commands say of themselves agrees: the tables behind --help and completion, bramble(1),
# and the keys of cluster.conf with cluster.conf(5).
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

man=$top/builder/bramble.1
while IFS=: read -r name options; do
  # shellcheck disable=SC2086 # "rehearse cut" is two words
  help=$("$bramble" $name --help)
  ok $? "$name --help"
  grep -q "^usage: bramble $name" <<<"$help"
  ok $? "$name --help begins with the usage" "$help"
  grep -qE "^\.It Cm $name( |\$)" "$man"
  ok $? "bramble(1) has $name"
  missing=
  for o in $options; do
    grep -qE -- "^  $o( |\$)" <<<"$help" || missing+=" $o (--help)"
    grep -q -- "Fl -${o#--}" "$man" || missing+=" $o (bramble.1)"
  done
  is "$missing" "" "$name: every option is told"
  # shellcheck disable=SC2086
  fails 2 "$name" "$name: an unknown option" "$bramble" $name --no-such-option
done < <("$bramble" completion list)

unknown=$(grep -o 'Fl -[a-z-]*' "$man" | sed 's/Fl -/--/' | sort -u |
  grep -vxF -f <("$bramble" completion list | tr ' ' '\n' | grep '^--'))
is "$unknown" "" "bramble(1) tells no option that is not there"

keys=$(sed -n 's/.*CFG_[A-Z_]*("\([a-z0-9_]*\)".*/\1/p' "$top"/builder/cluster/*.c | sort -u)
missing=
for k in $keys; do
  grep -qE "^\.I[ct].*\b$k\b" "$top/builder/cluster.conf.5" || missing+=" $k"
done
is "$missing" "" "cluster.conf(5) has every key"

keys=$(sed -n 's/.*CFG_[A-Z_]*("\([a-z0-9_]*\)".*/\1/p' "$top"/proxy/proxy_conf.c | sort -u)
missing=
for k in $keys; do
  grep -qE "^\.(It Cm|Ss) $k( |\$)" "$top/proxy/bramble-proxy.conf.5" || missing+=" $k"
done
is "$missing" "" "bramble-proxy.conf(5) has every key"
unknown=$(sed -n 's/^\.It Cm \([a-z_]*\) .*/\1/p' "$top/proxy/bramble-proxy.conf.5" | grep -vxF "$keys")
is "$unknown" "" "bramble-proxy.conf(5) has no key that is not there"
missing=
for o in $("${BRAMBLE_BUILD:-$top/build}/bramble-proxy" --help | sed -n 's/.* bramble-proxy --*\([a-z-]*\).*/\1/p'); do
  grep -qE -- "Fl -?$o( |\$)" "$top/proxy/bramble-proxy.8" || missing+=" $o"
done
is "$missing" "" "bramble-proxy(8) has every option"

completes() { # WORDS...
  bash -c 'eval "$("$0" completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bramble
    printf "%s\n" "${COMPREPLY[@]}"' "$bramble" "$@"
}
like "$(completes bramble reh)" '^rehearse$' "completion of a command"
like "$(completes bramble rehearse cut --k)" '^--keep-cache$' "completion of a subcommand's option"
like "$(completes bramble build --t)" '^--twin$' "completion of an option"

for port in 0 65536 73006 7470x ''; do
  fails 2 'is not HOST or HOST:PORT' "status: no port, \"$port\"" "$bramble" status "127.0.0.1:$port"
done
fails 2 "the unit's name is not UTF-8" "logs: a unit in Latin-1" "$bramble" logs --unit $'gr\xfcn' no.conf
fails 2 "the user's name is not UTF-8" "passwd: a user in Latin-1" "$bramble" passwd no.conf $'gr\xfcn'

for page in "$top"/builder/*.[15] "$top"/node-agent/*.8 "$top"/proxy/*.[58]; do
  is "$(mandoc -T lint -W warning "$page" 2>&1 | grep -v 'referenced manual not found')" "" \
    "mandoc finds nothing in ${page##*/}"
done
done_testing
