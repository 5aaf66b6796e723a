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
  $(neo4j_settings "$version")
  direct_access = true # the writer and the reader ask each member itself
  network { subnet = "$net.0/24" gateway = "$net.1" }
  node "pi1" { roles = {"data"} address = "$net.11" id = 1 }
  node "pi2" { roles = {"data"} address = "$net.12" id = 2 }
  node "pi3" { roles = {"data", "proxy"} address = "$net.13" id = 3 }
}
EOC
data=(1 2 3)
# shellcheck source=tests/cluster/live.sh
. "$(dirname "$0")/live.sh"
tell() { ip netns exec "$netns" "$bramble" "$@" 2>&1; }
count() { # LABEL NODE
  fetch -m 30 -H 'Content-Type: application/json' \
    -d "{\"statements\":[{\"statement\":\"MATCH (n:$1) RETURN count(n)\"}]}" \
    "http://$net.1$2:7474/db/data/transaction/commit" | python3 -c '
import json, sys
print(json.load(sys.stdin)["results"][0]["data"][0]["row"][0])' 2>/dev/null
}

log=$("$bramble" build "$conf" 2>&1)
ok $? "the images are built" "$log"
"$bramble" rehearse "$conf" --detach --wait 240 --dir "$scratch" >/dev/null 2>&1
must $? "three machines become one cluster"
until_is 120 "3 1" standing
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
until_is 90 "3 1" standing
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
is "$(standing)" "3 1" "and nothing has changed"
start=$SECONDS
said=$(tell restore --replace "$scratch/store.backup" "$conf")
must $? "restored in $((SECONDS - start)) s: $(tr '\n' ';' <<<"$said")"
until_is 60 "3 1" standing
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

# --- and a new cluster, whose cards begin with it; the first power-on is cut short on all
rm -rf "$scratch/$name.state" "$scratch/$name.images"
sed 's/direct_access/data_size = "64MiB"\n  &/' "$conf" >"$scratch/small.conf"
fails 3 'data_size.*needs' "no more than a card has room for" \
  "$bramble" build --restore "$scratch/store.backup" "$scratch/small.conf"
fails 4 'cut.backup' "of half a backup none are made" "$bramble" build --restore "$scratch/cut.backup" "$conf"
log=$("$bramble" build --restore "$scratch/store.backup" "$conf" 2>&1)
ok $? "cards that begin with it are built" "$log"
"$bramble" rehearse "$conf" --detach --dir "$scratch" >/dev/null 2>&1
must $? "and powered on"
# shellcheck disable=SC2317 # called through until_is
any_starts() { fetch "http://$net.11:7470/cluster" | grep -q '"state":"\(starting\|joining\)"' && echo yes; }
until_is 90 yes any_starts
must $? "their Neo4js start"
for i in 1 2 3; do rehearse cut "pi$i" >/dev/null; done
for i in 3 1 2; do rehearse boot "pi$i" >/dev/null; done
until_is 180 "3 1" standing
must $? "cut off and powered on again they become one cluster"
none_missing Before 1 2 3
for i in 1 2 3; do
  is "$(count After "$i") $(count Again "$i")" "0 0" "pi$i has what was backed up, and nothing else"
done
begin_writes New
sleep 3
end_writes
none_missing New 1 2 3
stop
ok $? "the rehearsal stops"
done_testing
