#!/bin/bash
# A cluster whose cluster.conf gives no addresses, on real machines without DHCP or DNS: each takes
# a link-local address, the agents find each other, Neo4j and the proxy are told where everybody is.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

version=3.5.0-beta03
cache=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}
name=linklocal
[[ $(id -u) -eq 0 ]] || skip_all "rehearsals need root"
for f in bookworm-amd64.img.zst neo4j-enterprise-$version.tar.gz openjdk-17-jre-headless-amd64.debs; do
  [[ -e $cache/inputs/$f ]] || skip_all "input $f could not be had"
done

conf=$scratch/$name.conf
cat >"$conf" <<EOF
cluster "$name" {
  base = "bookworm-amd64.img.zst"
  neo4j = "neo4j-enterprise-$version.tar.gz"
  java = "openjdk-17-jre-headless"
  $(neo4j_settings 3.5)
  network { mode = "linklocal" }
  node "pi1" { roles = {"data"} id = 1 }
  node "pi2" { roles = {"data"} id = 2 }
  node "pi3" { roles = {"data", "proxy"} id = 3 }
}
EOF
rehearse() { "$bramble" rehearse "$1" --cluster "$name" "${@:2}"; }
stop() { rehearse stop >/dev/null 2>&1; }
cleanup_hooks+=(stop)
fetch() { ip netns exec "bramble-$name" curl -s -m 10 "$@"; }
eventually() { # WANT NAME COMMAND...
  local got end=$((SECONDS + 120))
  until got=$("${@:3}") && [[ $got == "$1" ]]; do
    [[ $SECONDS -lt $end ]] || break
    sleep 0.5
  done
  is "$got" "$1" "$2"
}
addresses() { # as the supervisor's record has them
  rehearse status --json | python3 -c '
import json, sys
print(*(m["address"] for m in json.load(sys.stdin)["machines"]))'
}
# As the agent at ADDRESS sees them.
# shellcheck disable=SC2317
seen() { fetch "http://$1:7470/cluster" | python3 -c '
import json, sys
print(*(n["address"] for n in json.load(sys.stdin)["nodes"]))'; }
cypher() { # ADDRESS:PORT STATEMENT
  fetch -m 30 -H 'X-Write: 1' -H 'Content-Type: application/json' \
    -d "{\"statements\":[{\"statement\":\"$2\"}]}" "http://$1/db/data/transaction/commit"
}
# Asked on the node itself, whoever else may.
# shellcheck disable=SC2016,SC2317
count() { # NODE
  rehearse exec "$1" -- bash -c 'exec 3<>/dev/tcp/127.0.0.1/7474 &&
    printf "POST /db/data/transaction/commit HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" ${#0} "$0" >&3 && cat <&3' \
    '{"statements":[{"statement":"MATCH (n:Hello) RETURN count(n)"}]}' 2>/dev/null | grep -o '"row":\[[0-9]*\]'
}

log=$("$bramble" build "$conf" 2>&1)
ok $? "the images are built" "$log"
log=$("$bramble" rehearse "$conf" --detach --wait 240 --dir "$scratch" 2>&1)
status=$?
ok $status "three machines without addresses become one cluster" "$log"
[[ $status -eq 0 ]] || {
  for i in 1 2 3; do
    rehearse logs "pi$i" 2>/dev/null | grep bramble- | tail -n 12 | sed 's/^/#   /'
  done
  done_testing
}
echo "# $(rehearse status | head -n 1)"
all=$(addresses)
read -r -a at <<<"$all"
like "$all" '^169\.254\.[0-9.]+ 169\.254\.[0-9.]+ 169\.254\.[0-9.]+$' "each has a link-local one: $all"
for i in 0 1 2; do
  eventually "$all" "pi$((i + 1)) knows where all are" seen "${at[i]}"
done
out=$(cypher "${at[2]}:8090" "CREATE (n:Hello) RETURN id(n)")
like "$out" '"errors":\[\]' "a write through the proxy is acknowledged"
for i in 0 1 2; do
  eventually '"row":[1]' "it is read on pi$((i + 1))" count "pi$((i + 1))"
done

# Power back, at another address, for somebody wrote a bramble.txt: all follow.
move() {
  rehearse exec pi2 -- mkdir -p /boot/firmware &&
    rehearse exec pi2 -- sh -c 'printf "%s\r\n" "$@" >/boot/firmware/bramble.txt' - \
      'address = "169.254.77.77/16"' 'hostname = "kitchen"' &&
    rehearse exec pi2 -- sync && rehearse cut pi2 && rehearse boot pi2
}
move >/dev/null
ok $? "a node's power is cut, and it comes back"
eventually "${at[0]} 169.254.77.77 ${at[2]}" "at another address, which all know" seen "${at[0]}"
eventually kitchen "it has its new name" rehearse exec pi2 -- hostname
eventually '"row":[1]' "where its Neo4j is a member again" count pi2
eventually 169.254.77.77:7474 "and the proxy looks for it" \
  rehearse exec pi3 -- sed -n 's/.*member "pi2".* http = "\([^"]*\)".*/\1/p' /etc/bramble/proxy.conf
stop
ok $? "the rehearsal stops"
done_testing
