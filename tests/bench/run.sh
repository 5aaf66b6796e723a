#!/bin/bash
# The builder's numbers of docs/BENCHMARKS.md, side by side in one run. `make bench` needs root for
# genimage's tree (owners of files), a warm input cache and about 10 GB of disk.
#   tests/bench/run.sh [RUNS]
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
runs=${1:-5}
[[ $(id -u) -eq 0 ]] || { echo "bench: needs root"; exit 1; }
command -v genimage >/dev/null || { echo "bench: genimage is not installed"; exit 1; }

cp "$top/examples/garden.conf" "$scratch/garden.conf"
images=$scratch/garden.images
"$bramble" build --twin "$scratch/garden.conf" >/dev/null 2>&1 || exit 1

seconds() { # COMMAND... -> wall seconds
  local begin=$EPOCHREALTIME
  "$@" >/dev/null 2>&1 || { echo "bench: $* failed" >&2; exit 1; }
  awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f\n", b - a }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

four_copies() {
  local n
  for n in 1 2 3 4; do
    cp --sparse=always "$images/pi$n.img" "$scratch/copy$n.img" && sync -d "$scratch/copy$n.img" || return 1
  done
}
# The same four images from a tree: what a tool that rebuilds has to do for each node.
prepare_tree() {
  mkdir -p "$scratch/gi/root" "$scratch/gi/boot"
  partition "$images/pi1.img" 2
  debugfs -R "rdump / $scratch/gi/root" "$images/pi1.img?offset=$part_start" >/dev/null 2>&1
  mcopy -s -n -i "$images/pi1.img@@4M" '::*' "$scratch/gi/boot/" >/dev/null 2>&1
  cat >"$scratch/gi/garden.cfg" <<EOF
image bootfs.vfat { vfat { extraargs = "-F 32" label = "bootfs" files = { "../boot/cmdline.txt", "../boot/config.txt" } } size = 256M }
image rootfs.ext4 { ext4 { label = "rootfs" use-mke2fs = true } mountpoint = "/" size = 3072M }
image data.ext4 { ext4 { label = "bramble-data" use-mke2fs = true } empty = true size = 512M }
image card.img { hdimage { } partition boot { partition-type = 0xC image = "bootfs.vfat" }
  partition root { partition-type = 0x83 image = "rootfs.ext4" }
  partition data { partition-type = 0x83 image = "data.ext4" } }
EOF
}
four_genimage() {
  local n
  for n in 1 2 3 4; do
    echo "pi$n" >"$scratch/gi/root/etc/hostname"
    rm -rf "$scratch/gi/tmp" "$scratch/gi/out$n"
    (cd "$scratch/gi" && genimage --config garden.cfg --rootpath root --tmppath tmp --inputpath boot \
      --outputpath "out$n") && sync -d "$scratch/gi/out$n/card.img" || return 1
  done
}

build_four() { "$bramble" build --twin "$scratch/garden.conf"; }
for _ in $(seq "$runs"); do
  seconds build_four >>"$scratch/ours"
  rm -f "$scratch"/copy?.img
  seconds four_copies >>"$scratch/copies"
done
prepare_tree
for _ in 1 2 3; do
  seconds four_genimage >>"$scratch/genimage"
done
ours=$(median <"$scratch/ours") copies=$(median <"$scratch/copies") gi=$(median <"$scratch/genimage")
awk -v o="$ours" -v c="$copies" -v g="$gi" -v r="$runs" 'BEGIN {
  printf "four images, stages cached      %6.2f s (median of %d)\n", o, r
  printf "four cp --sparse=always + sync  %6.2f s   ours / copies   = %.2f\n", c, o / c
  printf "genimage, four images           %6.2f s   genimage / ours = %.1f\n", g, g / o
}'
