#!/bin/bash
# Flashing with verification: bramble against `bmaptool copy` and `dd`, each followed by what makes
# it verified (cmp past the cache), onto a file-backed loop device, interleaved in one run. Needs
# root, loop devices, bmap-tools, a warm input cache and about 12 GB of disk.
#   tests/bench/flash.sh [RUNS]
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
runs=${1:-5}
[[ $(id -u) -eq 0 ]] || { echo "bench: needs root"; exit 1; }
command -v bmaptool >/dev/null || { echo "bench: bmaptool is not installed"; exit 1; }

cp "$top/examples/garden.conf" "$scratch/garden.conf"
"$bramble" build --twin "$scratch/garden.conf" >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
image=$scratch/pi1.img
mv "$scratch/garden.images/pi1.img" "$image" && rm -rf "$scratch/garden.images"
mkdir "$scratch/theirs"
ln "$image" "$scratch/theirs/pi1.img"
bmaptool -q create -o "$scratch/theirs/pi1.bmap" "$image" || exit 1

device=
detach() { [[ -z $device ]] || losetup -d "$device"; }
cleanup_hooks+=(detach)
fresh_device() {
  detach
  rm -f "$scratch/card"
  truncate -s "$(stat -c %s "$image")" "$scratch/card"
  device=$(losetup --direct-io=on -f --show "$scratch/card") || exit 1
  sync
}
written() { awk '{ printf "%.0f\n", $7 * 512 }' "/sys/block/${device##*/}/stat"; }
same() { blockdev --flushbufs "$device" && cmp "$image" "$device"; }

ours() { "$bramble" flash --yes "$image" "$device"; }
theirs() { bmaptool -q copy "$scratch/theirs/pi1.img" "$device" && copied && same; }
plain() { dd if="$image" of="$device" bs=4M oflag=direct conv=fsync && same; }

elapsed() { awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f\n", b - a }'; }
copied() { elapsed >>"$scratch/copied.s"; }
measure() { # NAME -> appends seconds to NAME.s, bytes to NAME.b
  fresh_device
  cat "$image" >/dev/null # all of them find it in the cache
  local before begin
  before=$(written) begin=$EPOCHREALTIME
  "$1" >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
  elapsed >>"$scratch/$1.s"
  echo $(($(written) - before)) >>"$scratch/$1.b"
}
median() { sort -n "$scratch/$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

for ((i = 0; i < runs; i++)); do
  for how in ours theirs plain; do measure $how; done
done
echo "image: $(($(stat -c %s "$image") / 1000000)) MB; medians of $runs runs, verification included"
for how in ours theirs plain; do
  awk -v n="$how" -v s="$(median $how.s)" -v b="$(median $how.b)" -v o="$(median ours.s)" \
    'BEGIN { printf "%-8s %7.2f s  %6.0f MB written  %.2f of ours\n", n, s, b / 1e6, s / o }'
  printf '         %s\n' "$(tr '\n' ' ' <"$scratch/$how.s")"
done
echo "bmaptool copy alone, nothing read back: $(median copied.s) s"
