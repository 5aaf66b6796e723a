#!/bin/bash
# A store out of a live cluster into one file, and back into a cluster, on real machines with a real
# Neo4j: under writes, and every acknowledged one that was there then must be there afterwards.
#   backup_test.sh [VERSION]
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

version=${1:-3.5.0-beta03}
case $version in
  2.*) java=openjdk-11-jre-headless ;;
  *) java=openjdk-17-jre-headless ;;
esac
cache=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}
name=backup
[[ $(id -u) -eq 0 ]] || skip_all "rehearsals need root"
for f in bookworm-amd64.img.zst neo4j-enterprise-$version.tar.gz $java-amd64.debs; do
  [[ -e $cache/inputs/$f ]] || skip_all "input $f could not be had"
done

net=192.168.91
conf=$scratch/$name.conf
cat >"$conf" <<EOC
cluster "$name" {
  base = "bookworm-amd64.img.zst"
  neo4j = "neo4j-enterprise-$version.tar.gz"
  java = "$java"
  direct_access = true # the writer and the reader ask each member itself
  network { subnet = "$net.0/24" gateway = "$net.1" }
  node "pi1" { roles = {"data"} address = "$net.11" id = 1 }
  node "pi2" { roles = {"data"} address = "$net.12" id = 2 }
  node "pi3" { roles = {"data", "proxy"} address = "$net.13" id = 3 }
}
EOC
netns=bramble-$name
rehearse() { "$bramble" rehearse "$1" --cluster "$name" "${@:2}" >/dev/null 2>&1; }
stop() { rehearse stop; }
cleanup_hooks+=(stop)
fetch() { ip netns exec "$netns" curl -s -m 5 "$@"; }
tell() { ip netns exec "$netns" "$bramble" "$@" 2>&1; }
until_is() { # SECONDS WANT COMMAND...
  local end=$((SECONDS + $1)) want=$2
  shift 2
  until [[ $("$@") == "$want" ]]; do
    [[ $SECONDS -lt $end ]] || return 1
    sleep 0.5
  done
}
master() { # which of them is writable
  local i
  for i in 1 2 3; do
    [[ $(fetch -o /dev/null -w '%{http_code}' "http://$net.1$i:7470/writable") != 200 ]] || echo -n "$i"
  done
}
# shellcheck disable=SC2317 # called through until_is
serving() {
  fetch "http://$net.11:7470/cluster" | python3 -c '
import json, sys
n = json.load(sys.stdin)["nodes"]
print(sum(x["state"] == "serving" for x in n), sum(x["writable"] for x in n))' 2>/dev/null
}
show() {
  local i
  for i in 1 2 3; do
    echo "# pi$i: $(fetch "http://$net.1$i:7470/cluster")"
    "$bramble" rehearse logs --cluster "$name" "pi$i" 2>/dev/null | grep -E 'bramble-|neo4j' | tail -n 25 | sed 's/^/#   /'
  done
}
must() { # STATUS NAME
  ok "$1" "$2"
  [[ $1 -eq 0 ]] || { show; done_testing; }
}
begin_writes() { # LABEL
  python3 "$top/tests/cluster/writer.py" "$netns" "$1" 1 $net.11 $net.12 $net.13 >"$scratch/$1.json" &
  writer=$!
}
end_writes() { kill "$writer" && wait "$writer"; }
# shellcheck disable=SC2317
missing() { # NODE LABEL
  fetch -m 30 -H 'Content-Type: application/json' \
    -d "{\"statements\":[{\"statement\":\"MATCH (n:$2) RETURN collect(n.i)\"}]}" \
    "http://$net.1$1:7474/db/data/transaction/commit" | python3 -c '
import json, sys
told = json.load(open(sys.argv[1]))
there = json.load(sys.stdin)["results"][0]["data"][0]["row"][0]
lost = set(told["acknowledged"]) - set(there)
print(len(lost) + len(there) - len(set(there)) if told["acknowledged"] else "no writes")' \
    "$scratch/$2.json" 2>/dev/null
}
count() { # LABEL NODE
  fetch -m 30 -H 'Content-Type: application/json' \
    -d "{\"statements\":[{\"statement\":\"MATCH (n:$1) RETURN count(n)\"}]}" \
    "http://$net.1$2:7474/db/data/transaction/commit" | python3 -c '
import json, sys
print(json.load(sys.stdin)["results"][0]["data"][0]["row"][0])' 2>/dev/null
}
none_missing() { # LABEL NODE...
  local i
  for i in "${@:2}"; do
    until_is 60 0 missing "$i" "$1"
    must $? "every acknowledged write of \"$1\" is on pi$i ($(missing "$i" "$1") missing)"
  done
}

log=$("$bramble" build "$conf" 2>&1)
ok $? "the images are built" "$log"
"$bramble" rehearse "$conf" --detach --wait 240 --dir "$scratch" >/dev/null 2>&1
must $? "three machines become one cluster"
until_is 120 "3 1" serving
must $? "and serve, below one master"

# --- out of it, under writes
begin_writes Before
sleep 3
end_writes
before=$(master)
begin_writes During
start=$SECONDS
said=$(tell backup "$conf" "$scratch/store.backup")
must $? "a backup in $((SECONDS - start)) s: $(tr '\n' ';' <<<"$said")"
end_writes
is "$(master) $(stat -c %a "$scratch/store.backup")" "$before 600" "the master stays, and the file is its owner's"
is "$(compgen -G "$scratch/*.part*")" "" "nothing else is left"
until_is 90 "3 1" serving
must $? "all three serve again"
none_missing Before 1 2 3
none_missing During 1 2 3
echo "# $(tar -tf "$scratch/store.backup" | tail -n 1): $(tar -xOf "$scratch/store.backup" bramble-backup.json | tr -d '\n')"

# --- and back: what was written since is gone from it, and only that
begin_writes After
sleep 4
end_writes
fails 1 'holds [0-9]+ transactions.*--replace' "not over a store that holds something, unless told" \
  ip netns exec "$netns" "$bramble" restore "$scratch/store.backup" "$conf"
head -c 3000 "$scratch/store.backup" >"$scratch/cut.backup"
fails 4 'cut.backup' "half a backup is none" \
  ip netns exec "$netns" "$bramble" restore --replace "$scratch/cut.backup" "$conf"
is "$(serving)" "3 1" "and nothing has changed"
start=$SECONDS
said=$(tell restore --replace "$scratch/store.backup" "$conf")
must $? "restored in $((SECONDS - start)) s: $(tr '\n' ';' <<<"$said")"
until_is 60 "3 1" serving
must $? "all three serve"
none_missing Before 1 2 3
for i in 1 2 3; do
  is "$(count After "$i") $([[ $(count During "$i") == "$(count During 1)" ]] && echo same)" "0 same" \
    "pi$i has what was backed up, and nothing else"
done
begin_writes Again
sleep 3
end_writes
none_missing Again 1 2 3
stop
ok $? "the rehearsal stops"
done_testing
