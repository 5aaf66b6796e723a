#!/bin/bash
# Every form a base image may come in gives the same bytes; damaged and hostile ones are refused
# before anything is kept. No root, no network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
fixture 2>/dev/null
cd "$scratch" || exit 1
want=$(sha256sum <base.img)

zips() { # PYTHON: writes .zip files; img is the image's bytes
  python3 - <<EOF
import struct, zipfile
img = open("base.img", "rb").read()
def entry(z, name, data=b"", kind=zipfile.ZIP_DEFLATED):
    z.writestr(zipfile.ZipInfo(name), data, kind, 1)
$1
EOF
}
# check keeps the decompressed base in the cache: that file is what is looked at.
check() {
  sed "s,base.img,$1," c.conf >v.conf
  rm -rf cache/stages
  "$bramble" check v.conf >check.log 2>&1
}
same() { # FILE NAME
  check "$1"
  ok $? "$2 is taken" "$(cat check.log)"
  is "$(cat cache/stages/base-*.img 2>/dev/null | sha256sum)" "$want" "and gives the image's bytes"
}
refused() { # FILE REGEX NAME
  check "$1"
  is $? 4 "$3 is refused"
  like "$(cat check.log)" "$2" "with the reason"
  [[ -z $(find cache/stages -name '*.img') ]]
  ok $? "and nothing is kept"
}

gzip -1 -k base.img
xz -0 -T1 -k base.img
zstd -q -1 base.img
for f in gz xz zst; do same base.img.$f ".img.$f"; done
xz -0 -T2 --block-size=1MiB -c base.img >blocks.img.xz # as most that are published: decoded in threads
same blocks.img.xz "an .xz of many blocks"
half=$(($(stat -c %s base.img) / 2))
{ head -c $half base.img | xz -0 -T1; tail -c +$((half + 1)) base.img | xz -0 --block-size=1MiB; } >streams.img.xz
same streams.img.xz "an .xz of two streams"
{ head -c $half base.img | zstd -q -1; tail -c +$((half + 1)) base.img | zstd -q -1; } >frames.img.zst
same frames.img.zst "a .zst of two frames"
{ head -c $half base.img | gzip -1; tail -c +$((half + 1)) base.img | gzip -1; } >members.img.gz
same members.img.gz "a .gz of two members"

zips '
with zipfile.ZipFile("deflate.zip", "w") as z: entry(z, "raspios.img", img)
with zipfile.ZipFile("stored.zip", "w") as z: entry(z, "raspios.img", img, zipfile.ZIP_STORED)
with zipfile.ZipFile("folder.zip", "w") as z:
    entry(z, "README.md", b"read me"); entry(z, "os/"); entry(z, "os/raspios.img", img)
    entry(z, "os/raspios.img.sha256", b"0")
with zipfile.ZipFile("zip64.zip", "w") as z:
    i = zipfile.ZipInfo("raspios.img"); i.compress_type = zipfile.ZIP_DEFLATED
    with z.open(i, "w", force_zip64=True) as f: f.write(img)
with zipfile.ZipFile("two.zip", "w") as z: entry(z, "a.img", b"a"); entry(z, "b.img", b"b")
with zipfile.ZipFile("none.zip", "w") as z: entry(z, "a.iso", b"a"); entry(z, "b\x1b[2J.txt", b"b")
with zipfile.ZipFile("dir.zip", "w") as z: entry(z, "os.img/"); entry(z, "os.img/x", b"x")
with zipfile.ZipFile("empty.zip", "w"): pass
z = bytearray(open("deflate.zip", "rb").read())
open("cut.zip", "wb").write(z[:len(z) // 2])
end = z.rindex(b"PK\1\2")
for name, size in ("lie.zip", 1000), ("huge.zip", 0xfffffffe):
    y = z[:]; y[end + 24:end + 28] = struct.pack("<I", size); y[22:26] = struct.pack("<I", size)
    open(name, "wb").write(y)
y = z[:]; y[len(z) // 2] ^= 0x55; open("flip.zip", "wb").write(y)
y = z[:]; y[end + 42:end + 46] = struct.pack("<I", 0x7fffffff); open("offset.zip", "wb").write(y)
with zipfile.ZipFile("bomb.zip", "w") as b:
    i = zipfile.ZipInfo("bomb.img"); i.compress_type = zipfile.ZIP_DEFLATED
    with b.open(i, "w", force_zip64=True) as f:
        for _ in range(400): f.write(bytes(1 << 20))
y = bytearray(open("bomb.zip", "rb").read())
at = y.rindex(b"PK\1\2"); n = y.find(struct.pack("<HH", 1, 16), at)
if n > 0: y[n + 4:n + 12] = struct.pack("<Q", 1 << 40)
open("claims.zip", "wb").write(y)'
same deflate.zip "a deflated .zip"
same stored.zip "a stored .zip"
same folder.zip "a .zip with a folder and other files"
same zip64.zip "a .zip with 64-bit sizes"
refused two.zip 'holds 2 images: a.img, b.img' "a .zip of two images"
refused none.zip 'holds no .img file, but a.iso, b\?\[2J.txt' "a .zip without an image"
refused dir.zip 'holds no .img file' "a folder named .img"
refused empty.zip 'is empty|not an MBR' "an empty .zip"
refused cut.zip 'complete\?' "half a .zip"
refused lie.zip 'complete\?' "a .zip whose size is too small"
refused huge.zip 'complete\?' "a .zip whose size is too large"
refused flip.zip 'complete\?' "a .zip with one byte changed"
refused offset.zip 'complete\?|not an MBR' "a .zip whose entry is behind its end"
sed -i 's/root_size = .*/size = "300MB"/' c.conf
refused bomb.zip 'holds more than the 300 MB' "a zipped bomb"
refused claims.zip 'holds more than the 300 MB|complete\?' "one that claims 2^40 bytes"
head -c 400M /dev/zero | xz -0 >bomb.img.xz
refused bomb.img.xz 'holds more than the 300 MB' "an xz bomb"
head -c 400M /dev/zero | zstd -q >bomb.img.zst
refused bomb.img.zst 'holds more than the 300 MB' "a zst bomb"
for f in gz xz zst; do
  head -c $(($(stat -c %s base.img.$f) / 2)) base.img.$f >cut.img.$f
  refused cut.img.$f 'complete\?' "half a .$f"
done
for at in 2 3; do
  head -c $(($(stat -c %s blocks.img.xz) * at / 4)) blocks.img.xz >cut.img.xz
  refused cut.img.xz 'truncated .xz; is the file complete\?' "$at quarters of an .xz of many blocks"
done
cp blocks.img.xz flip.img.xz
printf '\x55\xaa' | dd of=flip.img.xz bs=1 seek=$(($(stat -c %s blocks.img.xz) / 2)) conv=notrunc status=none
refused flip.img.xz '(damaged|truncated|unknown).* is the file complete\?' "one with two bytes changed"
printf '\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\1\0\0' >claims.img.zst # a frame header that claims 2^40 bytes
refused claims.img.zst 'complete\?' "a .zst header of 2^40 bytes"
done_testing
