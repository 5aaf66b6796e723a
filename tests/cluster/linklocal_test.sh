#!/bin/bash
# A cluster whose cluster.conf gives no addresses, on real machines without DHCP or DNS: each takes
# a link-local address, the agents find each other, Neo4j and the proxy are told where everybody is. The new cards
# get power one after the other, at moments that SEED draws. Then the same by DHCP, without avahi-daemon.
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
  local got end=$((SECONDS + ${patience:-120}))
  until got=$("${@:3}") && [[ $got == "$1" ]]; do
    [[ $SECONDS -lt $end ]] || break
    sleep 0.5
  done
  is "$got" "$1" "$2"
}
# shellcheck disable=SC2317 # called through eventually, as some below
formed() { rehearse status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["formed"])'; }
new_card() { # NODE
  local part file image=$scratch/$name.images/$1.img
  for part in root:2 data:3; do
    partition "$image" "${part#*:}"
    file=$(find "$scratch" -name "$1.${part%:*}")
    rm "$file" && dd if="$image" of="$file" bs=1M iflag=skip_bytes,count_bytes skip="$part_start" \
      count="$part_size" conv=sparse status=none || return 1
  done
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
log=$("$bramble" rehearse "$conf" --detach --dir "$scratch" 2>&1)
ok $? "three machines boot" "$log"
for i in 1 2 3; do rehearse cut "pi$i"; done
for i in 1 2 3; do
  new_card "pi$i"
  ok $? "pi$i gets a new card"
done
seed=${SEED:-$RANDOM}
mapfile -t moments < <(python3 -c '
import random, sys
r = random.Random(int(sys.argv[1]))
for second, n in sorted((r.randint(0, 30), n) for n in (1, 2, 3)):
    print(second, "pi%d" % n)' "$seed")
echo "# SEED=$seed: seconds until power:$(printf ' %s,' "${moments[@]}")"
begin=$SECONDS
for moment in "${moments[@]}"; do
  read -r second node <<<"$moment"
  until [[ $((SECONDS - begin)) -ge $second ]]; do sleep 0.2; done
  rehearse boot "$node"
done
patience=240 eventually True "without addresses, and powered on one by one, they become one cluster" formed
[[ $tap_bad -eq 0 ]] || {
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
move() { # ADDRESS
  rehearse exec pi2 -- mkdir -p /boot/firmware &&
    rehearse exec pi2 -- sh -c 'printf "%s\r\n" "$@" >/boot/firmware/bramble.txt' - \
      "address = \"$1/16\"" 'hostname = "kitchen"' &&
    rehearse exec pi2 -- sync && rehearse cut pi2 && rehearse boot pi2
}
move 169.254.77.77 >/dev/null
ok $? "a node's power is cut, and it comes back"
eventually "${at[0]} 169.254.77.77 ${at[2]}" "at another address, which all know" seen "${at[0]}"
eventually kitchen "it has its new name" rehearse exec pi2 -- hostname
eventually '"row":[1]' "where its Neo4j is a member again" count pi2
eventually 169.254.77.77:7474 "and the proxy looks for it" \
  rehearse exec pi3 -- sed -n 's/.*member "pi2".* http = "\([^"]*\)".*/\1/p' /etc/bramble/proxy.conf

# A network whose router gives the addresses, and comes later than the Pis, as after a power cut. Each bramble.txt
# says so; neither avahi-daemon nor, on one node, what it remembers tells where the others are.
avahi=(avahi-daemon.socket avahi-daemon.service)
no_avahi() { # NODE
  rehearse exec "$1" -- sh -ec 'systemctl is-active -q avahi-daemon
    systemctl mask "$@"
    systemctl kill -s KILL avahi-daemon' - "${avahi[@]}" 2>/dev/null
}
avahis() { for i in 1 2 3; do rehearse exec "pi$i" -- systemctl is-active avahi-daemon; done | grep -xc active; }
# shellcheck disable=SC2317 # called through eventually, as some below
leased() { rehearse exec "$1" -- ip -4 -o address show dev host0 | wc -l; }
router=$scratch/dnsmasq
no_router() {
  local pid
  pid=$(cat "$router.pid" 2>/dev/null) || return 0
  kill "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  rm -f "$router".*
}
cleanup_hooks+=(no_router)
router() { # FIRST LAST: what it gives
  no_router
  ip netns exec "bramble-$name" dnsmasq --conf-file=/dev/null --user=root --port=0 --interface=bramble0 --bind-interfaces \
    --dhcp-range="$1,$2,2m" --dhcp-authoritative --dhcp-leasefile="$router.leases" --pid-file="$router.pid"
}
# shellcheck disable=SC2317
moved_to() { # PATTERN: are all at such an address, and do all know it?
  local all i
  all=$(addresses)
  [[ $all =~ ^$1\ $1\ $1$ ]] || return
  for i in $all; do [[ $(seen "$i") == "$all" ]] || return; done
  echo all
}
# shellcheck disable=SC2317
# One that has no answer may be there all the same, and is said again.
written() { # PHASE
  cypher "$(addresses | cut -d ' ' -f 3):8090" "MERGE (n:Hello {phase: '$1'}) RETURN id(n)" | grep -o '"errors":.*'
}

for i in 1 2 3; do
  no_avahi "pi$i"
  ok $? "pi$i's avahi-daemon is killed"
  rehearse exec "pi$i" -- sh -c 'printf "address = \"dhcp\"\r\n" >/boot/firmware/bramble.txt; sync'
done
rehearse exec pi2 -- rm /srv/bramble/bramble.peers
for i in 1 2 3; do rehearse cut "pi$i"; done
for i in 1 2 3; do rehearse boot "pi$i"; done
for i in 1 2 3; do eventually 0 "pi$i boots, and has no address" leased "pi$i"; done
eventually pi2 "pi2 has its own name again" rehearse exec pi2 -- hostname
ip -n "bramble-$name" address add 192.168.91.1/24 dev bramble0
router 192.168.91.100 192.168.91.149
ok $? "the router comes"
eventually all "by DHCP they get addresses, and find each other" moved_to '192\.168\.91\.1[0-4][0-9]'
is "$(avahis)" 0 "none has an avahi-daemon"
eventually '"errors":[]}' "they are a cluster again" written 1
eventually '"row":[2]' "with a node that had forgotten where the others were" count pi2

# Another router, which gives others: Neo4j listens where its machine is no more.
router 192.168.91.200 192.168.91.249
ok $? "another router comes"
for i in 1 2 3; do rehearse exec "pi$i" -- networkctl renew host0; done
eventually all "all get other addresses while they run, and find each other" moved_to '192\.168\.91\.2[0-4][0-9]'
begin=$SECONDS
eventually '"errors":[]}' "and are a cluster again" written 2
echo "# $((SECONDS - begin)) s after all knew where all are"
# Once one was, the others may begin anew with it before their turn comes.
ended() { for i in 1 2 3; do rehearse logs "pi$i"; done | grep -c 'runs by an address that this node has no more'; }
[[ $(ended) -ge 1 ]]
ok $? "Neo4j was ended for that"
eventually '"row":[3]' "which has it all" count pi2
stop
ok $? "the rehearsal stops"
done_testing
