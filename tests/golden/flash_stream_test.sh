#!/bin/bash
# bramble flash of compressed images straight onto cards: one decoding for all of them, damaged and
# cut streams, failing cards. Files stand for the cards; no root, no network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
fixture
cd "$scratch" || exit 1
sed -i 's/root_size = .*/&\n  data_size = "96MiB"/' c.conf # small, for each of its bytes is read back
"$bramble" build --bmap --compress zst c.conf >build.log 2>&1 || { cat build.log; exit 1; }
mib=$((1 << 20))
size=$((400 * mib))
image=c.images/n1.img
image_size=$(stat -c %s $image)
# Away from the folder where manifest.json and the map would be.
mkdir alone
cp --sparse=always $image alone/n1.img
zstd -q -1 alone/n1.img
gzip -1 -k alone/n1.img
xz -0 -T1 -k alone/n1.img
python3 -c 'import zipfile
with zipfile.ZipFile("alone/n1.zip", "w", zipfile.ZIP_DEFLATED, True, 1) as z: z.write("alone/n1.img", "n1.img")'
rm alone/n1.img

used_card() { # NAME... whose old bytes must not show
  local c
  [[ -f old ]] || tr '\0' '\245' </dev/zero | head -c $size >old
  for c in "$@"; do cp old "$c"; done
}
new_card() { # NAME...
  rm -f "$@"
  truncate -s $size "$@"
}
# No folder of a cache can be made: nothing is decompressed into one.
flash() { BRAMBLE_CACHE=/dev/null/x "$bramble" flash --yes "$@" 2>&1 </dev/null; }
blank() { # CARD -> does it boot nothing?
  [[ $(sfdisk -d "$1" 2>/dev/null | grep -c 'type=c') -eq 0 ]]
}
equals() { # CARD NAME
  cmp -n "$image_size" "$1" $image
  ok $? "$2: the card has every byte of the image"
}

# --- without a map: all of it, zeros too
used_card card
for f in img.zst img.xz img.gz zip; do
  out=$(flash alone/n1.$f card)
  [[ $? -eq 0 && $out != *twice* ]]
  ok $? ".$f onto a used card" "$out"
  equals card ".$f"
done
is "$(tail -c 4096 card | tr -d '\0' | wc -c)" 0 "the end, where a GPT may have been, is cleared"
log=$("$bramble" verify card)
ok $? "the node is whole" "$log"
new_card card card2
fails 2 'both are one node' "refused: nobody tells whose image it is, and two cards" \
  "$bramble" flash --yes alone/n1.img.zst card card2
out=$(flash --clones alone/n1.img.zst card card2)
ok $? "two cards from one decoding" "$out"
equals card "the first of two"
equals card2 "the second of two"

# --- with the map and the manifest beside it
mkdir node
ln c.images/n1.img.zst c.images/n1.img.bmap c.images/manifest.json node/
used_card card
out=$(flash node/n1.img.zst card)
ok $? "with a map" "$out"
like "$out" 'card \(0.4 GB\) becomes n1 of golden' "the manifest tells whose it is"
log=$("$bramble" verify card)
ok $? "with a map: the node is whole" "$log"
partition card 3
is "$(dd if=card bs=1M skip=$((part_start / mib + 80)) count=1 status=none | tr -d '\245' | wc -c)" 0 \
  "with a map: what the image does not use is not written"
fails 2 'both are n1 ' "refused: a clone" "$bramble" flash --yes node/n1.img.zst card card2
rm node/n1.img.bmap
out=$(flash node/n1.img.zst card)
ok $? "with a manifest that has the sum" "$out"
equals card "with a manifest"

# --- streams that are not what they should be
refused() { # STATUS REGEX NAME IMAGE: nothing is written
  local changed
  changed=$(stat -c %z card)
  fails "$1" "$2" "refused: $3" "$bramble" flash --yes "$4" card
  is "$(stat -c %z card)" "$changed" "$3: costs no card"
}
breaks() { # REGEX NAME IMAGE: noticed on the way
  new_card card card2
  out=$(flash --clones "$3" card card2)
  is $? 4 "$2: the status"
  like "$out" "$1" "$2: is told"
  like "$out" 'it does not boot now: flash it again' "$2: and what that means"
  like "$out" '0 of 2 cards are whole' "$2: for both cards"
  blank card && blank card2
  ok $? "$2: neither card boots"
}
flip() { # FILE: one bit in the middle
  python3 - "$1" <<'EOF'
import os, sys
f = open(sys.argv[1], "r+b"); at = os.path.getsize(sys.argv[1]) // 2
f.seek(at); b = f.read(1)[0]; f.seek(at); f.write(bytes([b ^ 16]))
EOF
}
mkdir cut
for f in img.zst img.xz img.gz; do
  head -c $(($(stat -c %s alone/n1.$f) / 2)) alone/n1.$f >cut/n1.$f
  breaks "n1.$f: .*(truncated|ends after|complete)" "a truncated .$f" cut/n1.$f
done
head -c $((250 * mib)) $image | zstd -q -1 >cut/frame.img.zst
breaks 'frame.img.zst: ends after 262144000 bytes' "a stream that ends between two frames" cut/frame.img.zst
cp alone/n1.img.xz cut/flip.img.xz
flip cut/flip.img.xz
breaks 'flip.img.xz: ' "a damaged .xz" cut/flip.img.xz
# Stored blocks: all that would notice is gzip's own sum, at which libarchive does not look.
mkdir gz
python3 - $image gz/n1.img.gz <<'EOF'
import struct, sys, zlib
z = zlib.compressobj(0, zlib.DEFLATED, -15)
image = open(sys.argv[1], "rb").read(90 << 20)
out = bytearray(b"\x1f\x8b\x08\0\0\0\0\0\0\3" + z.compress(image) + z.flush())
at = out.find(image[80 << 20:(80 << 20) + 64], 80 << 20)
out[at] ^= 16
open(sys.argv[2], "wb").write(out + struct.pack("<II", zlib.crc32(image), len(image)))
EOF
tail -c +$(((90 << 20) + 1)) $image | gzip -1 >>gz/n1.img.gz
cp c.images/n1.img.bmap gz/
breaks 'not what its map .* says' "a bit that only the map knows" gz/n1.img.gz
rm gz/n1.img.bmap
cp c.images/manifest.json gz/
out=$(new_card card && flash gz/n1.img.gz card)
is $? 4 "a bit that only the manifest knows: the status"
like "$out" 'not what manifest.json beside it says .SHA-256' "a bit that only the manifest knows: is told"
blank card
ok $? "a bit that only the manifest knows: the card does not boot"

new_card card
cp alone/n1.img.zst cut/more.img.zst
head -c 6M /dev/urandom | zstd -q -1 >>cut/more.img.zst
out=$(flash cut/more.img.zst card)
ok $? "an image that goes on behind its last partition" "$out"
cmp <(tail -c +$((image_size + 1)) card | head -c 6M) <(zstd -qdc cut/more.img.zst | tail -c 6M)
ok $? "has that, too"
truncate -s "$image_size" card
fails 1 'too small: .*and cut/more.img.zst has more.*does not boot' "one that goes on behind the card" \
  "$bramble" flash --yes cut/more.img.zst card
is "$(stat -c %s card)" "$image_size" "the card does not grow"
truncate -s $((200 * mib)) small
fails 4 'too small: 209715200 bytes' "refused: too small for its partitions" \
  "$bramble" flash --yes alone/n1.img.zst small
cp c.images/manifest.json cut/
ln -f cut/more.img.zst cut/n1.img.zst
new_card card
out=$(flash cut/n1.img.zst card)
like "$out" 'is longer than the [0-9]* bytes' "more than the manifest says"
head -c $mib /dev/zero | zstd -q >cut/zeros.img.zst
refused 4 'not an MBR' "no image of a card" cut/zeros.img.zst
head -c 1000 $image | zstd -q >cut/tiny.img.zst
refused 4 'too small to be' "a tiny image" cut/tiny.img.zst
: >cut/empty.img.xz
refused 4 'is empty|too small' "an empty file" cut/empty.img.xz
head -c 100000 /dev/urandom >cut/noise.img.xz
refused 4 'noise.img.xz' "noise" cut/noise.img.xz
mkfifo cut/fifo.img.xz
refused 4 'an image is a file' "a FIFO" cut/fifo.img.xz
ln c.images/n2.img.bmap cut/noise.img.bmap
sed 's,<ImageSize>[^<]*,<ImageSize> 123456,' c.images/n1.img.bmap >cut/zeros.img.bmap
refused 4 'zeros.img' "a damaged map" cut/zeros.img.zst

# --- --keep-data compares first, and so decompresses
new_card card
flash n1 card >/dev/null
out=$("$bramble" flash --yes --keep-data alone/n1.img.zst card 2>&1)
ok $? "--keep-data from a compressed image" "$out"
like "$out" 'its data are kept' "keeps them"

# --- cards that fail
lib=${BRAMBLE_BUILD:-$top/build}/preload/bad_card.so
[[ -f $lib ]] || { ok 1 "$lib is built"; done_testing; }
bad() { # HOW AT TIMES ARGUMENT... ; the card is "card"
  local how=$1 at=$2 times=$3
  shift 3
  ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=$lib BAD_CARD=card BAD_HOW=$how BAD_AT=$at \
    BAD_TIMES=${times:-1000000} "$bramble" flash --yes --clones "$@" 2>&1 </dev/null
}
at=$((80 * mib)) # in p2, in use
survives() { # NAME HOW AT TIMES
  local out
  new_card card card2
  out=$(bad "$2" "$3" "$4" alone/n1.img.zst card card2)
  ok $? "$1: is overcome" "$out"
  like "$out" 'card: [0-9]* of its pieces had to be written or read twice' "$1: is told"
  equals card "$1"
}
dies() { # NAME HOW AT TIMES REGEX
  local out status
  new_card card card2
  out=$(bad "$2" "$3" "$4" alone/n1.img.zst card card2)
  status=$?
  [[ $status -eq 1 && $out =~ $5 && $out == *"1 of 2 cards are whole"* ]]
  ok $? "$1: fails" "status $status: $out"
  blank card
  ok $? "$1: does not boot"
}
survives "a write that fails once" write-eio $at 1
survives "a write that is dropped once" write-nothing $at 1
survives "a bit that flips once" write-bit $at 1
survives "a read that fails once" read-eio $at 1
dies "writes that fail" write-eio $at '' 'card: cannot write at byte [0-9]*: Input/output error'
dies "writes that are dropped" write-nothing $at '' 'reads back as something else'
dies "an MBR that is not written" write-nothing 440 '' 'at byte 0 .*reads back as something else'
dies "a card pulled out" write-pulled $at '' 'cannot write at byte .*the card was pulled out'
equals card2 "the other card of these runs"

# --- interrupted while it is decoded and written
new_card card
bad write-slow $at '' alone/n1.img.zst card >log &
for ((i = 0; i < 100; i++)); do
  grep -qs writing log && break
  sleep 0.1
done
kill -INT "$(pgrep -P $! -x bramble || echo $!)"
wait $!
is $? 130 "interrupted: the status"
like "$(cat log)" 'interrupted; it does not boot now: flash it again' "interrupted: told"
blank card
ok $? "interrupted: it does not boot"
done_testing
