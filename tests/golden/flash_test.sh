#!/bin/bash
# bramble flash onto files that stand for cards: good ones, used ones, failing and lying ones. No
# root, no device, no network; flash_device_test.sh has the devices.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
fixture
cd "$scratch" || exit 1
"$bramble" build c.conf >build.log 2>&1 || { cat build.log; exit 1; }
mib=$((1 << 20))
size=$((800 * mib))

new_card() { # NAME...
  local c
  for c in "$@"; do
    rm -f "$c"
    truncate -s $size "$c"
  done
}
flash() { "$bramble" flash --yes "$@" 2>&1 </dev/null; }
blank() { # CARD -> does it boot nothing?
  [[ $(sfdisk -d "$1" 2>/dev/null | grep -c 'type=c') -eq 0 ]]
}
fits() { # CARD NODE TEXT
  local log
  cmp -n $mib "$1" "c.images/$2.img" >/dev/null
  ok $? "$3: the head is the image's"
  log=$(fsck_partition "$1" 2 && fsck_partition "$1" 3 && "$bramble" verify "$1")
  ok $? "$3: filesystems and node are whole" "$log"
}

# --- a card with another life behind it
tr '\0' '\245' </dev/zero | head -c $size >card
out=$(flash n1 card)
ok $? "a node's image onto a used card" "$out"
like "$out" 'card \(0.8 GB\) becomes n1 of golden, all that is on it is erased' "says what happens"
fits card n1 "a used card"
is "$(tail -c 4096 card | tr -d '\0' | wc -c)" 0 "the end, where a GPT may have been, is cleared"
partition card 3
is "$(dd if=card bs=1M skip=$((part_start / mib + 300)) count=1 status=none | tr -d '\245' | wc -c)" 0 \
  "what the image does not use is not written"

new_card card card2
out=$(flash n1=card n2=card2)
ok $? "two nodes at once" "$out"
fits card2 n2 "the second"
zstd -q c.images/n3.img -o n3.img.zst
new_card card
out=$(flash n3.img.zst card)
ok $? "a compressed image" "$out"
fits card n3 "from a compressed image"
[[ $(stat -c %b card) -gt 0 ]] && before=$(stat -c %b card)
out=$(flash --discard n3 card)
ok $? "with --discard" "$out"
fits card n3 "discarded before"
[[ $(stat -c %b card) -le $before ]]
ok $? "and takes no more room"

# --- a map beside the image
if command -v bmaptool >/dev/null; then
  cp --sparse=always c.images/n4.img n4.img
  bmaptool -q create -o n4.bmap n4.img
  new_card card
  out=$(flash n4.img card)
  ok $? "bmaptool's own map" "$out"
  like "$out" 'checking n4.img' "is used"
  fits card n4 "by bmaptool's map"
  partition n4.img 2
  printf x | dd of=n4.img bs=1 seek=$((part_start + 1024 + 200)) conv=notrunc status=none
  sum=$(stat -c %z card)
  fails 4 'not what its map .* says' "an image that is not what its map says" \
    "$bramble" flash --yes n4.img card
  is "$(stat -c %z card)" "$sum" "costs no card"
  truncate -s +4096 n4.img
  fails 4 'remove it or build again' "a map of another size" "$bramble" flash --yes n4.img card
  echo '<bmap' >n4.bmap
  fails 4 'n4.bmap' "a damaged map" "$bramble" flash --yes n4.img card
else
  skip "maps made by bmaptool" "bmaptool is not installed"
fi

"$bramble" build --bmap c.conf >build.log 2>&1
new_card card
out=$(flash n4 card)
ok $? "build's own map" "$out"
like "$out" 'checking c.images/n4.img' "is used"
fits card n4 "by build's map"
out=$(flash --keep-data n4 card)
ok $? "and tells p3 from what is in front of it" "$out"

# --- what is refused
refused() { # STATUS REGEX NAME ARGUMENT...
  local status=$1 re=$2 name=$3 changed
  shift 3
  changed=$(stat -c %z card)
  fails "$status" "$re" "refused: $name" "$bramble" flash "$@"
  [[ $(stat -c %z card) == "$changed" ]] || ok 1 "$name: nothing was written"
}
new_card card card2
truncate -s $((700 * mib)) small
head -c $((300 * mib)) c.images/n1.img >short.img
refused 4 'is not there' "no such device" --yes n1 /dev/no-such-card
refused 4 'neither a disk nor a file' "no disk" --yes n1 /dev/null
refused 4 'too small: 734003200 bytes' "too small" --yes n1 small
refused 4 'is the image itself' "the image" --yes n1 c.images/n1.img
refused 2 'are the same card' "twice" --yes --clones n1 card ./card
refused 2 'two machines that both are n1' "a clone" --yes n1 card card2
refused 2 'nobody can be asked' "nobody there to ask" n1 card
refused 2 'no node "n9"' "no such node" --yes n9 card
refused 2 'onto which card' "no card" --yes n1
refused 2 'either one image' "two ways at once" --yes n1 card n2=card2
refused 2 'is no NODE=DEVICE' "half a pair" --yes n1=card n2=
refused 4 'No such file' "no image" --yes no-such.img card
refused 4 'not an MBR' "no image of a card" --yes ./small card
refused 4 'truncated' "a truncated image" --yes short.img card
exec 9<card
flock 9
refused 5 'in use' "a card another program works on" --yes n1 card
exec 9<&-
root=$(findmnt -no SOURCE / 2>/dev/null)
if [[ -b $root ]]; then
  refused 4 'running system' "the system's own disk" --yes --allow-fixed --unmount n1 "$root"
else
  skip "the system's own disk" "the root is no device here"
fi
mkdir other
cd other || exit 1
fails 2 'no built one' "refused: a node without a cluster" "$bramble" flash --yes n1 ../card
out=$(flash --cluster ../c.conf n1 ../card)
ok $? "--cluster names it" "$out"
cd ..

# --- --keep-data
p3_sum() {
  partition c.images/n1.img 3
  tail -c +$((part_start + 1)) "$1" | b2sum
}
set_marker() { # CARD STATE [NEO4J]
  local id
  partition "$1" 3
  id=$(cat c.state/id)
  printf 'cluster = "%s"\nnode = "n1"\nlayout = 1\nstate = "%s"\n' "$id" "$2" >marker
  [[ -z ${3:-} ]] || printf 'neo4j = "%s"\n' "$3" >>marker
  printf 'rm bramble.marker\nwrite marker bramble.marker\nmkdir neo4j/databases\nwrite c.conf neo4j/databases/store\n' >cmds
  debugfs -w -f cmds "$1?offset=$part_start" >/dev/null 2>&1
}
new_card card
flash n1 card >/dev/null
echo ',+' | sfdisk -q --no-reread -N 3 card
set_marker card served 3.5.9
table=$(sfdisk -d card)
kept=$(p3_sum card)
refused 2 'nobody can be asked' "erasing data without a word" n1 card
like "$("$bramble" flash n1 card 2>&1 </dev/null)" \
  'holds the store of n1 of golden, which will be erased; --keep-data keeps it' "warns of a store"
dd if=/dev/urandom of=card bs=1M seek=70 count=3 conv=notrunc status=none # damages p2
out=$(flash --keep-data n1 card)
ok $? "--keep-data" "$out"
like "$out" 'its data are kept' "says that it keeps them"
is "$(p3_sum card)" "$kept" "all of p3 is as it was"
is "$(sfdisk -d card)" "$table" "the table too, with p3 as large as it had grown"
log=$(fsck_partition card 2 && "$bramble" verify card)
ok $? "p1 and p2 are new" "$log"

refused 4 'node is n1, the image.s n2' "another node's card" --yes --keep-data n2 card
set_marker card served 3.6.0
refused 4 'store of Neo4j 3.6.0, which the image.s 3.5.9 cannot open' "a newer store" \
  --yes --keep-data --allow-store-upgrade n1 card
set_marker card used 3.4.17
cp --sparse=always card old
out=$(flash --keep-data n1 old)
ok $? "an older store" "$out"
like "$out" 'its store waits for .bramble upgrade.' "says what must follow"
is "$(card_cat old /etc/bramble/upgrade/neo4j.conf)" "" "nothing will upgrade it before"
out=$(flash --keep-data --allow-store-upgrade n1 card)
ok $? "an older store with --allow-store-upgrade" "$out"
like "$out" 'its store is upgraded at its first boot' "says what will happen"
conf=$(card_cat card /etc/bramble/upgrade/neo4j.conf)
like "$conf" $'\ndbms.mode=SINGLE\n.*\ndbms.allow_upgrade=true' "the card has what upgrades the store, once and alone"
is "$(card_cat c.images/n1.img /etc/bramble/upgrade/neo4j.conf)" "" "the image has not"
like "$(card_cat card /opt/neo4j/conf/neo4j.conf)" $'dbms.mode=HA\n' "nor is the node's own configuration another"
is "$(card_cat card /etc/bramble/upgrade/neo4j.conf)" "$(card_cat card /opt/neo4j/conf/neo4j.conf |
  grep -v -e '^dbms.mode=' -e '^dbms.connectors.default_listen_address=')"$'\n
# Once and alone, to upgrade the store.
dbms.mode=SINGLE
dbms.connectors.default_listen_address=127.0.0.1
dbms.allow_upgrade=true' "which it equals in all else"
like "$(card_stat card /usr/lib/bramble/upgrade-store)" 'Mode: *0755' "and the program that does it"
log=$(fsck_partition card 2)
ok $? "its p2 is whole" "$log"
set_marker card served
out=$(flash --keep-data n1 card)
ok $? "a marker without a version: p2 tells" "$out"
partition card 3
debugfs -w -R 'rm bramble.marker' "card?offset=$part_start" 2>/dev/null
refused 4 'no bramble.marker' "data of nobody" --yes --keep-data n1 card
new_card empty
refused 4 'cannot be kept|not an MBR' "an empty card" --yes --keep-data n1 empty

# --- cards that fail
lib=${BRAMBLE_BUILD:-$top/build}/preload/bad_card.so
[[ -f $lib ]] || { ok 1 "$lib is built"; done_testing; }
bad() { # HOW AT TIMES ARGUMENT... ; the card is "card"
  local how=$1 at=$2 times=$3
  shift 3
  ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=$lib BAD_CARD=card BAD_HOW=$how BAD_AT=$at \
    BAD_TIMES=${times:-1000000} "$bramble" flash --yes "$@" 2>&1 </dev/null
}
new_card card
flash n1 card >/dev/null
fits card n1 "a good card"
mv card good
survives() { # NAME HOW AT TIMES
  local out
  new_card card
  out=$(bad "$2" "$3" "$4" n1 card)
  ok $? "$1: is overcome" "$out"
  like "$out" "${5:-}" "$1: is told"
  cmp card good
  ok $? "$1: the card is as a good one"
}
dies() { # NAME HOW AT TIMES REGEX
  local out status
  new_card card
  out=$(bad "$2" "$3" "$4" n1=card n2=card2)
  status=$?
  [[ $status -eq 1 && $out =~ $5 && $out == *"1 of 2 cards are whole"* ]]
  ok $? "$1: fails" "status $status: $out"
  blank card
  ok $? "$1: does not boot"
}
at=$((80 * mib)) # in p2, in use
survives "a write that fails once" write-eio $at 1 'written or read twice'
survives "a read that fails once" read-eio $at 1 'written or read twice'
survives "a write that is dropped once" write-nothing $at 1 'written or read twice'
survives "a bit that flips once" write-bit $at 1 'written or read twice'
survives "a bit of the MBR that flips once" write-bit 446 2 'written or read twice'
survives "a sync that fails once" sync-eio 0 1 'written or read twice'
survives "short writes" write-short 0 3
survives "no O_DIRECT" write-direct 0 ''
fresh='flash it again'
dies "writes that fail" write-eio $at '' "card: cannot write at byte [0-9]*: Input/output error; the card may be worn out; .*$fresh"
dies "no room" write-enospc $at '' "No space left on device; no room is left where this file lies"
dies "writes that are dropped" write-nothing $at '' "reads back as something else; the card is worn out"
dies "bits that flip" write-bit $at '' "reads back as something else"
dies "an MBR that is not written" write-nothing 440 '' "at byte 0 .*reads back as something else"
dies "reads that fail" read-eio $at '' "cannot read at byte"
dies "a card pulled out while writing" write-pulled $at '' "cannot write at byte .*the card was pulled out"
dies "a card pulled out while verifying" read-pulled $at '' "cannot read at byte .*the card was pulled out"
dies "a card smaller than it says" wrapped $((100 * mib)) '' "reads back as something else"
fits card2 n2 "the other card of these runs"

# With kept data a card that failed says whose it is, and can be flashed again.
new_card card
flash n1 card >/dev/null
set_marker card served 3.5.9
kept=$(p3_sum card)
out=$(bad write-eio $at '' --keep-data n1 card)
like "$out" 'its data are as they were: flash it again with --keep-data' "kept data: told"
blank card
ok $? "kept data: it does not boot"
is "$(p3_sum card)" "$kept" "kept data: they are as they were"
out=$(flash --keep-data n1 card)
ok $? "kept data: the second time it is whole" "$out"
is "$(p3_sum card)" "$kept" "kept data: still"
fits card n1 "kept data"

# --- interrupted
interrupt() { # HOW -> status, text in log
  local i
  rm -f log
  bad "$1" $at '' n1 card >log &
  for ((i = 0; i < 100; i++)); do
    grep -qs writing log && break
    sleep 0.1
  done
  sleep 1
  kill -INT "$(pgrep -P $! -x bramble || echo $!)"
  wait $!
}
new_card card
flash n1 card >/dev/null
interrupt write-slow
is $? 130 "interrupted: the status"
like "$(cat log)" 'interrupted; it does not boot now: flash it again' "interrupted: told"
blank card
ok $? "interrupted: it does not boot"
interrupt write-stalled
is $? 130 "interrupted while the card hangs: the status"
like "$(cat log)" 'card does not answer; pull it out; it does not boot now' "interrupted while it hangs: told"
done_testing
