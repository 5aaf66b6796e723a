#!/bin/bash
# A live cluster gets another Neo4j, on real machines with real servers: every acknowledged write of
# the old one must be there under the new one, on all nodes. First an upgrade that fails leaves all
# as it was.
#   upgrade_test.sh [FROM TO]
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

from=${1:-2.3.1} to=${2:-3.5.0-beta03}
java=openjdk-11-jre-headless # both run on it
cache=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}
name=upgrade
[[ $(id -u) -eq 0 ]] || skip_all "rehearsals need root"
for f in bookworm-amd64.img.zst neo4j-enterprise-{$from,$to}.tar.gz $java-amd64.debs; do
  [[ -e $cache/inputs/$f ]] || skip_all "input $f could not be had"
done

net=192.168.92
conf=$scratch/$name.conf
write_conf() { # VERSION
  cat >"$conf" <<EOC
cluster "$name" {
  base = "bookworm-amd64.img.zst"
  neo4j = "neo4j-enterprise-$1.tar.gz"
  java = "$java"
  direct_access = true # the writer and the reader ask each member itself
  network { subnet = "$net.0/24" gateway = "$net.1" }
  node "pi1" { roles = {"data"} address = "$net.11" id = 1 }
  node "pi2" { roles = {"data"} address = "$net.12" id = 2 }
  node "pi3" { roles = {"data", "proxy"} address = "$net.13" id = 3 }
}
EOC
}
data=(1 2 3)
# shellcheck source=tests/cluster/live.sh
. "$(dirname "$0")/live.sh"
on() { "$bramble" rehearse exec --cluster "$name" "$1" -- sh -c "$2" 2>/dev/null; } # NODE COMMAND
versions() {
  local i
  for i in 1 2 3; do
    fetch "http://$net.1$i:7474/db/data/" | python3 -c '
import json, sys
print(json.load(sys.stdin)["neo4j_version"])' 2>/dev/null
  done | sort -u
}
# shellcheck disable=SC2317 # called through until_is
is_written() { written "$@" | grep -qE '"row":\[\[[0-9]' && echo yes; }

write_conf "$from"
log=$("$bramble" build "$conf" 2>&1)
ok $? "the images are built" "$log"
"$bramble" rehearse "$conf" --detach --wait 240 --dir "$scratch" >/dev/null 2>&1
must $? "three machines become one cluster"
until_is 120 "3 1" standing
must $? "and serve, below one master"
is "$(versions)" "$from" "all with Neo4j $from"
begin_writes Before
until_is 30 yes is_written 2 Before
must $? "which writes"
fails 1 "runs Neo4j $from already" "there is nothing to upgrade to yet" \
  ip netns exec "$netns" "$bramble" upgrade --no-backup "$conf"
write_conf "$to"
log=$("$bramble" build "$conf" 2>&1)
ok $? "the images are built again, with $to" "$log"
fails 2 'no-backup' "a backup, or the word that there is none" ip netns exec "$netns" "$bramble" upgrade "$conf"

# --- one that fails: the run that upgrades the copy does not start
for i in pi1 pi2 pi3; do
  on $i 'printf "#!/bin/sh\nexit 1\n" >/tmp/fail; chmod +x /tmp/fail; mount --bind /tmp/fail /usr/lib/bramble/upgrade-store'
done
fails 1 'all is as before' "an upgrade that fails says so" \
  ip netns exec "$netns" "$bramble" upgrade --no-backup "$conf"
for i in pi1 pi2 pi3; do on $i 'umount /usr/lib/bramble/upgrade-store'; done
until_is 120 "3 1" standing
must $? "and all three serve again"
is "$(versions)" "$from" "with Neo4j $from"

# --- one that does not
start=$SECONDS
said=$(timeout 180 ip netns exec "$netns" "$bramble" upgrade --backup "$scratch/store.backup" "$conf" 2>&1)
must $? "upgraded in $((SECONDS - start)) s: $(tr '\n' ';' <<<"$said")"
end_writes
until_is 60 "3 1" standing
must $? "all three serve"
is "$(versions)" "$to" "with Neo4j $to"
none_missing Before 1 2 3
begin_writes After
sleep 4
end_writes
none_missing After 1 2 3
tar -tf "$scratch/store.backup" >/dev/null
ok $? "and there is a backup of before"
stop
ok $? "the rehearsal stops"
done_testing
