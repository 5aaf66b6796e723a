#!/bin/bash
# The two losses that Neo4j HA by itself suffers when machines start in the wrong company, replayed
# on real machines with a real Neo4j 3.5: two of three start and the survivor stays master alone
# while another pair forms; and an emptied card starts with one that was away. Nothing that a majority
# held when it was acknowledged may be missing afterwards.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

version=3.5.0-beta03
cache=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}
name=quorum
net=192.168.78
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
  direct_access = true # this test reads each member itself
  network { subnet = "$net.0/24" gateway = "$net.1" }
  node "pi1" { roles = {"data"} address = "$net.11" id = 1 }
  node "pi2" { roles = {"data"} address = "$net.12" id = 2 }
  node "pi3" { roles = {"data", "proxy"} address = "$net.13" id = 3 }
}
EOF
data=(1 2 3)
# shellcheck source=tests/cluster/live.sh
. "$(dirname "$0")/live.sh"
agent() { fetch "http://$net.1$1:7470$2"; } # NODE PATH
master() { # NODE...: which of them is writable
  local i
  for i in "$@"; do
    [[ $(fetch -o /dev/null -w '%{http_code}' "http://$net.1$i:7470/writable") != 200 ]] || echo -n "$i"
  done
}
has_master() { [[ -n $(master "$@") ]] && echo yes; }
cypher() { # NODE STATEMENT
  fetch -m 30 -H 'Content-Type: application/json' -d "{\"statements\":[{\"statement\":\"$2\"}]}" \
    "http://$net.1$1:7474/db/data/transaction/commit"
}
# shellcheck disable=SC2317 # called through until_is
count() { cypher "$1" "MATCH (n:$2) RETURN count(n)" | grep -o '"row":\[[0-9]*\]'; } # NODE LABEL
why() { agent "$1" /cluster | python3 -c '
import json, sys
print(*(n["why"] for n in json.load(sys.stdin)["nodes"] if n["name"] == "'"pi$1"'"))'; }
# shellcheck disable=SC2317
says_it_waits() { [[ $(why 1) != *"waits for"* ]] || echo waits; }
# Process 1 of a machine: by it requests are made from inside, whatever becomes of the network.
leader_of() { # NODE
  local machine
  machine=$(rehearse status --json | python3 -c '
import json, sys
print(*(m["pid"] for m in json.load(sys.stdin)["machines"] if m["node"] == "'"pi$1"'"))')
  for i in $(cat "/proc/$machine/task/$machine/children"); do
    [[ $(readlink "/proc/$i/ns/net") == "$(readlink "/proc/$machine/ns/net")" ]] || echo "$i"
  done
}
cable() { # NODE up|down: the bridge's end of it
  ip -n "$netns" link set "vb-$(rehearse status --json | python3 -c '
import json, sys
print(*(m["machine"] for m in json.load(sys.stdin)["machines"] if m["node"] == "'"pi$1"'"))')" "$2"
}
# Writes one by one to the Neo4j of that machine, also when it is master no more, until the file
# $scratch/quiet is there or the test has ended; the ids of the acknowledged ones go to $scratch/acked.
write_alone() { # LEADER
  local id=0
  until [[ -e $scratch/quiet || ! -d $scratch ]]; do
    id=$((id + 1))
    [[ $(nsenter --net="/proc/$1/ns/net" curl -s -m 5 -H 'Content-Type: application/json' \
      -d "{\"statements\":[{\"statement\":\"CREATE (n:Alone {id: $id})\"}]}" \
      http://127.0.0.1:7474/db/data/transaction/commit) != *'"errors":[]'* ]] || echo "$id" >>"$scratch/acked"
    sleep 0.1
  done
}
acked() { paste -sd' ' "$scratch/acked"; }
# shellcheck disable=SC2317 # called through until_is
written_some() { [[ $(acked | wc -w) -lt 20 ]] || echo yes; }
alone() { # NODE: the ids it has
  cypher "$1" "MATCH (n:Alone) RETURN collect(n.id)" | python3 -c '
import json, sys
print(*sorted(json.load(sys.stdin)["results"][0]["data"][0]["row"][0]))' 2>/dev/null
}
lacks() { # NODE IDS: how many of them; nothing when it cannot tell
  local there
  there=$(alone "$1")
  [[ -z $there ]] || tr ' ' '\n' <<<"$2" | grep -cvxFf <(tr ' ' '\n' <<<"$there")
}
# shellcheck disable=SC2317
neo4j_of() { # NODE: asked inside, for a closed port tells nothing
  case $(rehearse exec "pi$1" -- systemctl is-active neo4j) in
  failed | inactive) echo dead ;;
  esac
}
show() {
  for i in "$@"; do
    echo "# pi$i: $(agent "$i" /cluster)"
    "$bramble" rehearse logs --cluster "$name" "pi$i" 2>/dev/null | grep bramble- | tail -n 12 | sed 's/^/#   /'
  done
}
must() { # STATUS NAME NODE...
  ok "$1" "$2"
  [[ $1 -eq 0 ]] || { show "${@:3}"; done_testing; }
}

log=$("$bramble" build "$conf" 2>&1)
ok $? "the images are built" "$log"
"$bramble" rehearse "$conf" --detach --wait 240 --dir "$scratch" >/dev/null 2>&1
must $? "three machines become one cluster" 1 2 3
until_is 120 yes has_master 1 2 3
must $? "a majority grants a master" 1 2 3
like "$(cypher "$(master 1 2 3)" "CREATE (n:First)")" '"errors":\[\]' "a first write is acknowledged"
until_is 30 '"row":[1]' count 3 First
until_is 30 '"row":[1]' count 2 First
until_is 30 '"row":[1]' count 1 First
ok $? "and is on all of them"

# --- two of three, and then one
for i in 1 2 3; do rehearse cut "pi$i"; done
rehearse boot pi1
rehearse boot pi2
until_is 60 waits says_it_waits
is "$(has_master 1 2)" "" "two of three do not start at once: $(why 1)"
until_is 300 yes has_master 1 2
must $? "but do after the time of grace" 1 2
m=$(master 1 2) other=$((3 - m))
like "$(cypher "$m" "CREATE (n:Second)")" '"errors":\[\]' "a second write is acknowledged by the two"
until_is 30 '"row":[1]' count "$other" Second
ok $? "and is on both"

# --- one of the two loses its cable, not its power, and goes on writing; the third comes
leader=$(leader_of "$m")
: >"$scratch/acked"
write_alone "$leader" &
writer=$!
until_is 60 yes written_some
must $? "pi$m is written to from inside" 1 2
held=$(acked)
until_is 30 0 lacks "$other" "$held"
must $? "the first $(wc -w <<<"$held") writes are on both" 1 2
cable "$m" down
begin=$SECONDS
until_is 14 dead neo4j_of "$m"
must $? "the survivor's Neo4j is ended with its lease, after $((SECONDS - begin)) s" "$m"
sleep 1 # an answer on its way
all=$(acked)
until_is 14 dead neo4j_of "$other"
must $? "and the other one's, which is alone, too" "$other"
rehearse boot pi3
until_is 300 yes has_master "$other" 3
must $? "the two others form while it has power" "$other" 3
like "$(cypher "$(master "$other" 3)" "CREATE (n:Third)")" '"errors":\[\]' "a third write is acknowledged by them"
until_is 30 '"row":[1]' count 3 Third && until_is 30 '"row":[1]' count "$other" Third
must $? "and is on both" "$other" 3
is "$(neo4j_of "$m")" dead "the survivor's Neo4j was not begun again"
is "$(acked)" "$all" "and acknowledged nothing more"
: >"$scratch/quiet"
wait "$writer"
is "$(lacks 3 "$held") $(lacks "$other" "$held")" "0 0" "what was on both is on the new pair"
kept=$(alone 3)
echo "# $(wc -w <<<"$all") writes acknowledged, $(wc -w <<<"$held") before the cable was pulled; $(lacks 3 "$all") are gone"

# --- the card of the new master is emptied, and the survivor, which was away, comes with it
new=$(master "$other" 3) full=$((other + 3 - $(master "$other" 3)))
for i in 1 2 3; do rehearse cut "pi$i"; done
read -r start size < <(sfdisk -J "$scratch/$name.images/pi$new.img" | python3 -c '
import json, sys
p = json.load(sys.stdin)["partitiontable"]["partitions"][2]
print(p["start"], p["size"])')
dd if="$scratch/$name.images/pi$new.img" of="$(find "$scratch" -name "pi$new.data")" bs=1M iflag=skip_bytes,count_bytes \
  skip=$((start * 512)) count=$((size * 512)) conv=notrunc status=none
must $? "the new master gets a new card" "$new"
ip netns exec "$netns" timeout 800 "$bramble" node replace "$conf" "pi$new" >"$scratch/replaced" 2>&1 &
replaced=$!
rehearse boot "pi$new"
rehearse boot "pi$m"
for _ in $(seq 100); do
  formed=$(has_master "$new" "$m")
  [[ -z $formed ]] || break
  sleep 1
done
is "$formed" "" "the emptied one and the one that was away never start: $(why "$m")"

# --- who has it all comes back
rehearse boot "pi$full"
until_is 420 yes has_master 1 2 3
must $? "with the one that has it all they do" 1 2 3
wait "$replaced"
must $? "bramble node replace waits for the new card: $(grep -c "waiting" "$scratch/replaced") reasons to wait" 1 2 3
like "$(tail -n 1 "$scratch/replaced")" "pi$new: serving" "and says that it serves"
for i in 1 2 3; do
  until_is 90 '"row":[1]' count "$i" First && until_is 30 '"row":[1]' count "$i" Second &&
    until_is 30 '"row":[1]' count "$i" Third
  must $? "all three writes are on pi$i" 1 2 3
  until_is 30 "$kept" alone "$i"
  must $? "and of the survivor's what the pair had" 1 2 3
done
like "$(cypher "$(master 1 2 3)" "CREATE (n:Fourth)")" '"errors":\[\]' "a fourth write is acknowledged"
stop
ok $? "the rehearsal stops"
done_testing
