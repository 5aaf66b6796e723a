#!/bin/bash
# The two losses that Neo4j HA by itself suffers when machines start in the wrong company, replayed
# on real machines with a real Neo4j 3.5: two of three start and the survivor stays master alone
# while another pair forms; and an emptied card starts with one that was away. Nothing acknowledged
# may be missing afterwards.
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
# shellcheck disable=SC2317
answers() { fetch -o /dev/null -w '%{http_code}' "http://$net.1$1:7474/db/manage/server/ha/available"; }
why() { agent "$1" /cluster | python3 -c '
import json, sys
print(*(n["why"] for n in json.load(sys.stdin)["nodes"] if n["name"] == "'"pi$1"'"))'; }
# shellcheck disable=SC2317
says_it_waits() { [[ $(why 1) != *"waits for"* ]] || echo waits; }
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
rehearse cut "pi$other"
until_is 14 000 answers "$m"
must $? "the survivor's Neo4j is ended with its lease" "$m"

# --- the survivor's card is emptied, and the third, which was away, comes with it
rehearse cut "pi$m"
read -r start size < <(sfdisk -J "$scratch/$name.images/pi$m.img" | python3 -c '
import json, sys
p = json.load(sys.stdin)["partitiontable"]["partitions"][2]
print(p["start"], p["size"])')
dd if="$scratch/$name.images/pi$m.img" of="$(find "$scratch" -name "pi$m.data")" bs=1M iflag=skip_bytes,count_bytes \
  skip=$((start * 512)) count=$((size * 512)) conv=notrunc status=none
must $? "the survivor gets a new card" "$m"
rehearse boot "pi$m"
rehearse boot pi3
for _ in $(seq 100); do
  formed=$(has_master "$m" 3)
  [[ -z $formed ]] || break
  sleep 1
done
is "$formed" "" "the emptied one and the one that was away never start: $(why 3)"

# --- who has it all comes back
rehearse boot "pi$other"
until_is 420 yes has_master 1 2 3
must $? "with the one that has it all they do" 1 2 3
for i in 1 2 3; do
  until_is 90 '"row":[1]' count "$i" First && until_is 30 '"row":[1]' count "$i" Second
  must $? "both writes are on pi$i" 1 2 3
done
like "$(cypher "$(master 1 2 3)" "CREATE (n:Third)")" '"errors":\[\]' "a third write is acknowledged"
stop
ok $? "the rehearsal stops"
done_testing
