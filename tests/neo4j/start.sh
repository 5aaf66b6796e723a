#!/bin/bash
# Starts one real Neo4j in the namespace this runs in (its own network, mounts and processes) on a
# card's configuration and data, asks it and prints what it said. For profiles_test.sh.
#   start.sh HOME CARD VERSION MODE
set -uo pipefail
home=$1 card=$2 version=$3 mode=$4
log=$card/neo4j.log
address=10.9.0.11

mount --make-rprivate /
ip link set lo up
ip addr add $address/24 dev lo
mount -t tmpfs none /srv
mount -t tmpfs none /run
mount -t tmpfs none /opt
mkdir -p /srv/bramble /run/neo4j /opt/neo4j
mount --bind "$home" /opt/neo4j
cp -a "$card/data/neo4j" /srv/bramble/

/opt/neo4j/bin/neo4j console >"$log" 2>&1 </dev/null &
server=$!

case $version in
  [23].*) commit=/db/data/transaction/commit ;;
  *) commit=/db/neo4j/tx/commit ;;
esac
bean='/db/manage/server/jmx/domain/org.neo4j/instance%3Dkernel%230%2Cname%3DHigh%20Availability'
get() { curl -s -m 5 "$@"; }
role() {
  if [[ $mode == ha ]]; then
    get http://$address:7474/db/manage/server/ha/available
  else
    get -o /dev/null -w '%{http_code}' http://$address:7474/
  fi
}
write() { # CURL-OPTION...
  get -m 30 -w ' %{http_code}' -H 'Content-Type: application/json' -H 'Accept: application/json' \
    -d '{"statements":[{"statement":"CREATE (n:Hello) RETURN n"}]}' "$@" "http://$address:7474$commit"
}

got=
for _ in $(seq 300); do
  got=$(role)
  [[ $got == master || $got == 200 ]] && break
  kill -0 $server 2>/dev/null || break
  sleep 1
done
echo "role: $got"
echo "unknown settings: $(grep -rhiE 'unknown config|unrecognized setting|no declared setting|deprecated setting' \
  "$log" /srv/bramble/neo4j | sort -u | tee "$card/unknown" | wc -l)"
cat "$card/unknown"
netrc=$card/netrc
(umask 077 && printf 'machine %s login neo4j password %s\n' $address "$(cat "$card/password")" >"$netrc")
out=$(write)
echo "without password: ${out##* }"
out=$(write --netrc-file "$netrc")
echo "with password: ${out##* } ${out% *}"
[[ $mode != ha ]] || echo "bean: $(get --netrc-file "$netrc" -o /dev/null -w '%{http_code}' "http://$address:7474$bean")"
[[ $got == master || $got == 200 ]] || { grep -E 'ERROR|Caused by' "$log" | head -n 10; tail -n 10 "$log"; }
kill $server
wait $server
