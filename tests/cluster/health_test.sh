#!/bin/bash
# A master whose card is full, and one whose card is read-only, on real machines with a real Neo4j
# 3.5: it would answer "master" for ever while every write fails. Another one must become master,
# nothing acknowledged may be missing, and the sick node must come back when it is mended. Likewise
# one whose agent is gone: bramble-guard has to end its Neo4j.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

version=3.5.0-beta03
cache=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}
name=health
net=192.168.87
[[ $(id -u) -eq 0 ]] || skip_all "rehearsals need root"
for f in bookworm-amd64.img.zst neo4j-enterprise-$version.tar.gz openjdk-17-jre-headless-amd64.debs; do
  [[ -e $cache/inputs/$f ]] || skip_all "input $f could not be had"
done

conf=$scratch/$name.conf
cat >"$conf" <<END
cluster "$name" {
  base = "bookworm-amd64.img.zst"
  neo4j = "neo4j-enterprise-$version.tar.gz"
  java = "openjdk-17-jre-headless"
  $(neo4j_settings 3.5)
  direct_access = true # this test reads each member itself
  network { subnet = "$net.0/24" gateway = "$net.1" }
  node "pi1" { roles = {"data"} address = "$net.11" id = 1 }
  node "pi2" { roles = {"data"} address = "$net.12" id = 2 }
  node "pi3" { roles = {"data"} address = "$net.13" id = 3 }
}
END
data=(1 2 3)
# shellcheck source=tests/cluster/live.sh
. "$(dirname "$0")/live.sh"
inside() { "$bramble" rehearse exec --cluster "$name" "pi$1" -- "${@:2}"; } # NODE COMMAND...
agent() { fetch "http://$net.1$1:7470$2"; } # NODE PATH
master() { # which node is writable; - when it is not one
  local i got=
  for i in 1 2 3; do
    [[ $(fetch -o /dev/null -w '%{http_code}' "http://$net.1$i:7470/writable") != 200 ]] || got+=$i
  done
  echo "${got:--}"
}
has_master() { [[ $(master) == ? && $(master) != - ]] && echo yes; }
# shellcheck disable=SC2317 # called through until_is
is_another() { local m; m=$(master); [[ $m == ? && $m != - && $m != "$1" ]] && echo yes; }
field() { # NODE FIELD BY: what BY's agent says of NODE
  agent "${3:-$1}" /cluster | python3 -c '
import json, sys
print(*(n[sys.argv[2]] for n in json.load(sys.stdin)["nodes"] if n["name"] == sys.argv[1]))' "pi$1" "$2"
}
cypher() { # NODE STATEMENT
  fetch -m 30 -H 'Content-Type: application/json' -d "{\"statements\":[{\"statement\":\"$2\"}]}" \
    "http://$net.1$1:7474/db/data/transaction/commit"
}
# Writes one by one to whoever is writable, until the file $scratch/quiet is there or the test has
# ended; the ids of the acknowledged ones go to $scratch/acked.
write_on() {
  local id=0 m end=$((SECONDS + 900))
  until [[ -e $scratch/quiet || ! -d $scratch || $SECONDS -gt $end ]]; do
    m=$(master)
    [[ $m == ? && $m != - ]] || { sleep 0.3; continue; }
    id=$((id + 1))
    [[ $(cypher "$m" "CREATE (n:Acked {id: $id})") != *'"errors":[]'* ]] || echo "$id $m" >>"$scratch/acked"
    sleep 0.1
  done
}
acked() { wc -l <"$scratch/acked"; }
# shellcheck disable=SC2317 # called through until_is
goes_on() { [[ $(acked) -gt $before ]] && echo yes; }
show() {
  for i in 1 2 3; do
    echo "# pi$i: $(agent "$i" /cluster)"
    "$bramble" rehearse logs --cluster "$name" "pi$i" 2>/dev/null | grep bramble- | tail -n 25 | sed 's/^/#   /'
  done
}
must() { # STATUS NAME
  ok "$1" "$2"
  [[ $1 -eq 0 ]] || { : >"$scratch/quiet"; wait; show; done_testing; }
}
all_there() { # every acknowledged write on all three
  local want i
  want="\"row\":[$(cut -d' ' -f1 "$scratch/acked" | sort -u | wc -l)]"
  for i in 1 2 3; do
    until_is 60 "$want" rows_of_acked "$i" || { echo "# pi$i: $(rows_of_acked "$i"), want $want"; return 1; }
  done
}
rows_of_acked() {
  local ids
  ids=$(cut -d' ' -f1 "$scratch/acked" | sort -un | paste -sd,)
  cypher "$1" "MATCH (n:Acked) WHERE n.id IN [$ids] RETURN count(DISTINCT n.id)" | grep -o '"row":\[[0-9]*\]'
}

log=$("$bramble" build "$conf" 2>&1)
ok $? "the images are built" "$log"
"$bramble" rehearse "$conf" --detach --wait 240 --dir "$scratch" >/dev/null 2>&1
must $? "three machines become one cluster"
until_is 120 yes has_master
must $? "a majority grants a master"
: >"$scratch/acked"
write_on &
sleep 5

# --- an agent that hangs
m=$(master)
agent_pid() { inside "$m" systemctl show -p MainPID --value bramble-agent; }
neo4j_pid() { inside "$m" systemctl show -p MainPID --value neo4j; }
old=$(agent_pid) neo4j=$(neo4j_pid)
inside "$m" kill -STOP "$old"
begin=$SECONDS
changed() { local p; p=$(agent_pid); [[ $p != 0 && $p != "$old" ]] && echo yes; }
until_is 30 yes changed
must $? "an agent that hangs is begun anew after $((SECONDS - begin)) s"
until_is 60 "$m" master
must $? "pi$m is writable again"
is "$(neo4j_pid)" "$neo4j" "its Neo4j was left alone"

# --- an agent that is gone
m=$(master)
before=$(acked)
# shellcheck disable=SC2317 # called through until_is
guard_said() { inside "$m" journalctl --no-pager -o cat -u bramble-guard | grep -c 'killed, the lease is over'; }
said=$(guard_said)
inside "$m" systemctl mask --runtime bramble-agent 2>/dev/null
inside "$m" systemctl kill -s KILL bramble-agent
begin=$SECONDS
until_is 60 0 neo4j_pid
must $? "pi$m's agent is gone, and $((SECONDS - begin)) s later its Neo4j"
is "$(agent_pid)" 0 "no other agent was begun"
is "$(fetch -o /dev/null -w '%{http_code}' "http://$net.1$m:7474/")" 000 "nobody gets an answer from its Neo4j"
until_is 10 $((said + 1)) guard_said
must $? "it was the guard: $(inside "$m" journalctl --no-pager -o cat -u bramble-guard | tail -n 1)"
until_is 120 yes is_another "$m"
must $? "another one becomes master after $((SECONDS - begin)) s: pi$(master)"
until_is 60 yes goes_on
must $? "writes go on: $before acknowledged before, $(acked) now"
inside "$m" systemctl unmask --runtime bramble-agent 2>/dev/null
inside "$m" systemctl start bramble-agent
until_is 240 serving field "$m" state
must $? "its agent begins again, and it comes back: $(field "$m" neo4j)"

# --- full
until_is 60 yes has_master
m=$(master) begin=$SECONDS
inside "$m" sh -c 'cat /dev/zero >/srv/bramble/fill' 2>/dev/null
before=$(acked)
until_is 400 yes is_another "$m"
must $? "pi$m's card is full, and another one becomes master after $((SECONDS - begin)) s: pi$(master)"
until_is 60 unfit field "$m" state "$(master)"
must $? "the others say that it is unfit: $(field "$m" why "$(master)")"
like "$(field "$m" why)" "p3 is full" "and why"
like "$("$bramble" rehearse logs --cluster "$name" "pi$m" 2>/dev/null)" "sick: p3 is full" "so does its log"
until_is 60 yes goes_on
must $? "writes go on: $before acknowledged before, $(acked) now"
is "$(field "$m" neo4j)" down "its Neo4j stays down"
inside "$m" rm /srv/bramble/fill
until_is 240 serving field "$m" state
must $? "with room again it comes back: $(field "$m" neo4j)"

# --- read-only
until_is 60 yes has_master
m=$(master) begin=$SECONDS
before=$(acked)
# As after an error of the card: ext4 aborts its journal, and only a mount heals it.
# By fstab's line mount would do nothing: its device is not there, and it says nofail.
inside "$m" mount --options-mode ignore -o remount,abort none /srv/bramble
must $? "pi$m's card becomes read-only"
until_is 400 yes is_another "$m"
must $? "another one becomes master after $((SECONDS - begin)) s: pi$(master)"
like "$(field "$m" why)" "[Rr]ead-only" "it says why: $(field "$m" why)"
until_is 60 yes goes_on
must $? "writes go on: $before acknowledged before, $(acked) now"
rehearse cut "pi$m"
rehearse boot "pi$m"
until_is 240 serving field "$m" state
must $? "after a repair and a boot it comes back: $(field "$m" neo4j)"

# --- nothing is missing
: >"$scratch/quiet"
wait
all_there
must $? "each of $(acked) acknowledged writes is on all three"
stop
ok $? "the rehearsal stops"
done_testing
