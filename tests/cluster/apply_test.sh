#!/bin/bash
# A changed cluster.conf on a live cluster with a real Neo4j 3.5, under a writer: a setting taken over
# in turns, TLS with it, its certificate renewed, a broken setting taken back, a fourth data node that
# joins, one that leaves. Nothing acknowledged may be missing afterwards.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

version=3.5.0-beta03
cache=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}
name=apply
[[ $(id -u) -eq 0 ]] || skip_all "rehearsals need root"
for f in bookworm-amd64.img.zst neo4j-enterprise-$version.tar.gz openjdk-17-jre-headless-amd64.debs; do
  [[ -e $cache/inputs/$f ]] || skip_all "input $f could not be had"
done

net=192.168.89
conf=$scratch/$name.conf
tls=
mkdir -p "$scratch/overlay/etc/motd.d"
echo "greeting one" >"$scratch/overlay/etc/motd.d/garden"
write_conf() { # SETTING NODE... (numbers)
  local i
  {
    cat <<EOC
cluster "$name" {
  base = "bookworm-amd64.img.zst"
  neo4j = "neo4j-enterprise-$version.tar.gz"
  java = "openjdk-17-jre-headless"
  direct_access = true # the writer and the reader ask each member itself
  network { subnet = "$net.0/24" gateway = "$net.1" }
  overlay "overlay" { }
  $tls
  $(neo4j_settings 3.5 ${1:+"$1"})
EOC
    for i in "${@:2}"; do
      case $i in
        3) echo "  node \"pi3\" { roles = {\"data\", \"proxy\"} address = \"$net.13\" id = 3 }" ;;
        *) echo "  node \"pi$i\" { roles = {\"data\"} address = \"$net.1$i\" id = $i }" ;;
      esac
    done
    echo "}"
  } >"$conf"
}
data=(1 2 3 4) strangers=1
# shellcheck source=tests/cluster/live.sh
. "$(dirname "$0")/live.sh"
tell() { ip netns exec "$netns" "$bramble" "$@" 2>&1; } # COMMAND... WORD...
generation() { fetch "http://$net.1$1:7470/cluster" | python3 -c 'import json, sys; print(json.load(sys.stdin)["generation"])'; }
setting() { # NODE KEY: as the running Neo4j tells it
  fetch -H 'Content-Type: application/json' \
    -d "{\"statements\":[{\"statement\":\"CALL dbms.listConfig('$2') YIELD value\"}]}" \
    "http://$net.1$1:7474/db/data/transaction/commit" | python3 -c '
import json, sys
print(json.load(sys.stdin)["results"][0]["data"][0]["row"][0])' 2>/dev/null
}
started() { rehearse exec "pi$1" -- systemctl show -p ExecMainStartTimestampMonotonic --value neo4j.service; }
# What a client that trusts the cluster's authority, and nobody else, gets by https at NAME.
https() { # NAME PATH [OPTION...]
  fetch --cacert "$scratch/$name.state/ca.crt" --resolve "$1:8090:$net.13" "${@:3}" "https://$1:8090$2"
}
# shellcheck disable=SC2317
https_status() { https "$1" /db/data/ -o /dev/null -w '%{http_code}'; }
proxy_pid() { rehearse exec pi3 -- systemctl show -p MainPID --value bramble-proxy.service; }
# Elections come by themselves too, so who is master is written down all the while.
watch_master() {
  while sleep 0.3 && [[ -e $scratch ]]; do
    echo "$EPOCHREALTIME $(master)"
  done >"$scratch/masters"
}
# When NODE's turn to restart came last.
turn_of() {
  rehearse exec "pi$1" -- journalctl -o short-unix -u bramble-agent | grep 'its turn has come' | tail -n 1 | cut -d' ' -f1
}
master_at() { awk -v t="$1" '$1 < t && NF == 2 { m = $2 } END { print m }' "$scratch/masters"; }

# Three members' cards of generation 1, and a fourth one's card of the four.
write_conf "" 1 2 3
"$bramble" build "$conf" >/dev/null 2>&1
write_conf "" 1 2 3 4
cp "$conf" "$scratch/four.conf"
log=$("$bramble" build "$conf" --out "$scratch/four" 2>&1)
ok $? "the images are built" "$log"
cp --sparse=always "$scratch/four/pi4.img" "$scratch/$name.images/"
write_conf "" 1 2 3
"$bramble" rehearse "$scratch/four.conf" --images "$scratch/$name.images" --detach --dir "$scratch" >/dev/null 2>&1
must $? "four machines are switched on"
until_is 240 yes has_master
must $? "three of them become a cluster"
until_is 90 3 serving 1
must $? "and all three serve"

# --- a setting, and a file of an overlay
begin_writes Setting
tls='tls { mode = "own" }'
write_conf "dbms.transaction.timeout=77s" 1 2 3
echo "greeting two" >"$scratch/overlay/etc/motd.d/garden"
said=$(tell apply --check --diff "$conf")
is $? 1 "something would change"
like "$said" '\+dbms.transaction.timeout=77s' "this line"
like "$said" '\+greeting two' "and that one"
start=$SECONDS
watch_master &
watcher=$!
said=$(tell apply "$conf")
must $? "it is taken over in $((SECONDS - start)) s: ${said##*$'\n'}"
kill $watcher
end_writes
printf '%s\n' "$said" | sed 's/^/# /'
for i in 1 2 3; do
  is "$(setting $i dbms.transaction.timeout)" 77000ms "pi$i runs with it"
  is "$(rehearse exec pi$i -- cat /etc/motd.d/garden | tr -d '\r')" "greeting two" "and has the file"
done
order=$(for i in 1 2 3; do echo "$(started $i) $i"; done | sort -n | sed 's/.* //' | tr -d '\n')
last=${order: -1}
is "$last" "$(master_at "$(turn_of "$last")")" "the master was the last to restart ($order)"
none_missing Setting 1 2 3
tell apply --check "$conf" >/dev/null
is $? 0 "then nothing would change"

# --- TLS came with it
is "$(https_status pi3.local)" 200 "the proxy takes https, with a certificate of the cluster's authority"
is "$(https_status db.example.org)" 000 "which does not stand for another name"
like "$(https pi3.local /db/data/transaction/commit -H 'X-Write: 1' -H 'Content-Type: application/json' \
  -d '{"statements":[{"statement":"CREATE (n:Https) RETURN 42"}]}')" '"row":\[42\]' "and writes come to the master by it"
before=$(proxy_pid) started=$(for i in 1 2 3; do started $i; done)
tls='tls { mode = "own" names = {"db.example.org"} }'
write_conf "dbms.transaction.timeout=77s" 1 2 3
said=$(tell apply "$conf")
ok $? "a certificate of more names is taken over: ${said##*$'\n'}"
until_is 10 200 https_status db.example.org
ok $? "new connections get it"
is "$(proxy_pid)" "$before" "from the same proxy"
is "$(for i in 1 2 3; do started $i; done)" "$started" "and no Neo4j was restarted for it"

# --- one on which Neo4j does not start
begin_writes Broken
applied=$(generation 1)
write_conf "dbms.transaction.timeout=soon" 1 2 3
before=$(for i in 1 2 3; do started $i; done)
start=$SECONDS
said=$(tell apply "$conf")
is $? 1 "a broken one is taken back in $((SECONDS - start)) s"
like "$said" 'was withdrawn.*Neo4j ended 2 times' "and why: ${said##*$'\n'}"
until_is 90 3 serving 1
must $? "all three serve"
end_writes
is "$(generation 1) $(generation 2) $(generation 3)" "$applied $applied $applied" "with what they had"
is "$(diff <(printf '%s\n' "$before") <(for i in 1 2 3; do started $i; done) | grep -c '^>')" 1 "only one of them was touched"
none_missing Broken 1 2 3

# --- a fourth one joins, with a card of an older generation
begin_writes Join
write_conf "dbms.transaction.timeout=77s" 1 2 3 4
said=$(tell node add "$conf" pi4)
must $? "pi4 is added: ${said##*$'\n'}"
until_is 120 4 serving 4
must $? "joins, and serves"
is "$(setting 4 dbms.transaction.timeout)" 77000ms "with the newest configuration, which it took from the others"
until_is 60 "$(generation 1)" generation 4
ok $? "and says so"
end_writes
none_missing Join 1 2 3 4

# --- one leaves
begin_writes Leave
before=$(master)
if [[ $before == 1 ]]; then gone=2; else gone=1; fi
rest=$(for i in 1 2 3 4; do [[ $i == "$gone" ]] || echo -n "$i "; done)
# shellcheck disable=SC2086
write_conf "dbms.transaction.timeout=77s" $rest
said=$(tell node remove "$conf" "pi$gone")
must $? "pi$gone is removed: ${said##*$'\n'}"
end_writes
until_is 30 3 serving "${rest:0:1}"
ok $? "three serve"
# Failed: its lease was over before it had stopped in order, and the guard ended it.
like "$(rehearse exec "pi$gone" -- systemctl is-active neo4j.service)" '^(inactive|failed)' "its Neo4j does not run"
like "$(fetch "http://$net.1$gone:7470/health")" 'removed from the cluster' "and it says why"
# shellcheck disable=SC2086
none_missing Leave $rest
stop
ok $? "the rehearsal stops"
done_testing
