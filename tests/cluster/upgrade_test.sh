#!/bin/bash
# A live cluster gets another Neo4j, on real machines with real servers: every acknowledged write of
# the old one must be there under the new one, on all nodes. First an upgrade that fails leaves all
# as it was. In the end the same stores on cards that were flashed with the new one and held them.
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
  $(neo4j_settings "$1")
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
fails 1 "all nodes have Neo4j $from" "there is nothing to upgrade to yet" \
  ip netns exec "$netns" "$bramble" upgrade --no-backup "$conf"
cp --sparse=always "$scratch/$name.images/pi3.img" "$scratch/pi3.old.img"
write_conf "$to"
log=$("$bramble" build "$conf" 2>&1)
ok $? "the images are built again, with $to" "$log"
fails 2 'no-backup' "a backup, or the word that there is none" ip netns exec "$netns" "$bramble" upgrade "$conf"

# --- one that fails: the run that upgrades the copy does not start. While all rest, and every store is
# closed, their cards' p3 are copied for later.
other=$writer
begin_writes Kept
sleep 3
end_writes
writer=$other
image_of() { find "$scratch" -name "$1.$2" -size +1M; } # NODE root|data: what its machine runs on
block_upgrade() {
  local i
  for i in pi1 pi2 pi3; do
    on $i 'printf "#!/bin/sh\nuntil [ -e /run/copied ]; do sleep 0.2; done\nexit 1\n" >/tmp/fail
      chmod +x /tmp/fail; rm -f /run/copied; mount --bind /tmp/fail /usr/lib/bramble/upgrade-store'
  done
}
block_upgrade
ip netns exec "$netns" "$bramble" upgrade --no-backup "$conf" >"$scratch/fails" 2>&1 &
upgrade=$!
is_working() { on "$1" 'pgrep -f "[u]pgrade-store" >/dev/null && echo yes'; } # NODE
# shellcheck disable=SC2317 # called through until_is
is_at_work() { for i in pi1 pi2 pi3; do is_working $i; done; }
until_is 120 yes is_at_work
must $? "the work on the store begins when all rest"
for i in pi1 pi2 pi3; do
  on $i 'fsfreeze -f /srv/bramble'
  cp --sparse=always "$(image_of $i data)" "$scratch/$i.kept"
  on $i 'fsfreeze -u /srv/bramble; touch /run/copied'
  debugfs -w -R 'rm bramble.task' "$scratch/$i.kept" 2>/dev/null
done
wait "$upgrade"
is $? 1 "an upgrade that fails is an error"
like "$(cat "$scratch/fails")" 'all is as before' "and says what it left"
for i in pi1 pi2 pi3; do on $i 'umount /usr/lib/bramble/upgrade-store'; done
until_is 120 "3 1" standing
must $? "and all three serve again"
is "$(versions)" "$from" "with Neo4j $from"

# --- one whose keeper loses power in the midst of it, and does not come back: the PC gives up, and the
# others go back without it. In the end it comes all the same.
begin_writes Left
until_is 30 yes is_written 1 Left
must $? "writes go on"
sleep 2
block_upgrade
ip netns exec "$netns" "$bramble" upgrade --no-backup "$conf" >"$scratch/left" 2>&1 &
upgrade=$!
until_is 120 yes is_at_work
must $? "the work on the store begins when all rest"
end_writes
writer=$other
for keeper in 1 2 3; do [[ -z $(is_working pi$keeper) ]] || break; done
rehearse cut pi$keeper
kill -INT $upgrade
wait $upgrade
is $? 130 "the keeper, pi$keeper, loses power, and Ctrl-C ends the PC's part"
fails 1 'accept-loss' "the others alone do not go back" \
  ip netns exec "$netns" "$bramble" task --back "$conf"
said=$(timeout 60 ip netns exec "$netns" "$bramble" start --accept-loss pi$keeper "$conf" 2>&1 &&
  timeout 60 ip netns exec "$netns" "$bramble" task --back "$conf" 2>&1)
must $? "its card is given up, and they do: $(tr '\n' ';' <<<"$said")"
mapfile -t left < <(printf '%s\n' 1 2 3 | grep -vx $keeper)
# shellcheck disable=SC2317 # called through until_is
two_serve() { for i in "${left[@]}"; do serving "$i"; done | sort -u; }
until_is 180 2 two_serve
must $? "both serve again"
is "$(versions)" "$from" "with Neo4j $from"
none_missing Left "${left[@]}"
rehearse boot pi$keeper
until_is 180 "3 1" standing
must $? "the keeper comes back, and all three serve"
is "$(versions)" "$from" "with Neo4j $from"
none_missing Left 1 2 3
for i in "${left[@]}"; do on pi$i 'umount /usr/lib/bramble/upgrade-store'; done

# --- one that does not
start=$SECONDS
said=$(timeout 600 ip netns exec "$netns" "$bramble" upgrade --backup "$scratch/store.backup" "$conf" 2>&1)
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

# --- those stores again, on cards that were flashed with the new one: what `flash --keep-data` does
for i in pi1 pi2 pi3; do rehearse cut $i; done
flash() { # IMAGE PARTITION FILE: what a machine has of its card
  read -r first sectors < <(partx -b -g -n "$2" -o START,SECTORS "$1")
  dd if="$1" of="$3" bs=1M conv=sparse iflag=fullblock,skip_bytes,count_bytes skip=$((first * 512)) \
    count=$((sectors * 512)) status=none
}
for i in pi1 pi2 pi3; do
  flash "$scratch/$name.images/$i.img" 2 "$(image_of $i root)"
  cp --sparse=always "$scratch/$i.kept" "$(image_of $i data)"
done
for i in pi1 pi2 pi3; do rehearse boot $i; done
why() { # what holds each of them
  fetch "http://$net.11:7470/cluster" | python3 -c '
import json, sys
print(*sorted({n["state"] + ": " + n["why"] for n in json.load(sys.stdin)["nodes"]}), sep="; ")' 2>/dev/null
}
until_is 60 "held: its store is of Neo4j $from, this card has $to: waits for \`bramble upgrade\`" why
must $? "cards with Neo4j $to and stores of $from are held: $(why)"
fails 1 'held; with --no-backup' "no slave can be asked for a backup" \
  ip netns exec "$netns" "$bramble" upgrade --backup "$scratch/none" "$conf"
start=$SECONDS
said=$(timeout 600 ip netns exec "$netns" "$bramble" upgrade --no-backup "$conf" 2>&1)
must $? "upgraded in $((SECONDS - start)) s: $(tr '\n' ';' <<<"$said")"
[[ $said != *"beside its own"* ]]
ok $? "no card is brought what it has"
until_is 60 "3 1" standing
must $? "all three serve"
none_missing Kept 1 2 3

# --- a card with another Neo4j than the others, and no store: it would seek their cluster for ever
rehearse cut pi3
flash "$scratch/pi3.old.img" 2 "$(image_of pi3 root)"
flash "$scratch/pi3.old.img" 3 "$(image_of pi3 data)"
rehearse boot pi3
held="held: the master runs Neo4j $to, this card has $from: flash it with what the others have"
# shellcheck disable=SC2317 # called through until_is
is_held() { why | grep -qF "$held" && echo yes; }
until_is 60 yes is_held
must $? "an old card with nothing on it is held: $(why)"
stop
ok $? "the rehearsal stops"
done_testing
