#!/bin/bash
# The builder's numbers of docs/BENCHMARKS.md, side by side in one run. `make bench` needs root for
# genimage's tree (owners of files), a warm input cache and about 12 GB of disk.
#   tests/bench/run.sh [RUNS [RUNS OF GENIMAGE]]
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
runs=${1:-5} genimage_runs=${2:-3}
[[ $(id -u) -eq 0 ]] || { echo "bench: needs root"; exit 1; }
command -v genimage >/dev/null || { echo "bench: genimage is not installed"; exit 1; }

cp "$top/examples/garden.conf" "$scratch/garden.conf"
images=$scratch/garden.images
# A cache of its own, so that it can be emptied; the inputs are the user's.
inputs=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}/inputs
export BRAMBLE_CACHE=$scratch/cache
mkdir -p "$BRAMBLE_CACHE"
ln -s "$(readlink -f "$inputs")" "$BRAMBLE_CACHE/inputs"
"$bramble" build --twin "$scratch/garden.conf" >/dev/null 2>&1 || exit 1

seconds() { # COMMAND... -> wall seconds
  local begin=$EPOCHREALTIME
  "$@" >/dev/null 2>&1 || { echo "bench: $* failed" >&2; exit 1; }
  awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f\n", b - a }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# As many copies as arguments, of these nodes' images.
copies() { # NODE...
  local n i=0
  for n in "$@"; do
    i=$((i + 1))
    cp --sparse=always "$images/pi$n.img" "$scratch/copy$i.img" && sync -d "$scratch/copy$i.img" || return 1
  done
}
four_copies() { copies 1 2 3 4; }
eight_copies() { copies 1 2 3 4 1 2 3 1; }
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

# What has to be done whatever the tool: the base decompressed by the same library, four copies.
base_and_copies() {
  zstd -q -d --sparse -f "$inputs/bookworm-amd64.img.zst" -o "$scratch/base.img" &&
    sync -d "$scratch/base.img" && four_copies
}
build() { "$bramble" build --twin "$scratch/$1.conf"; }
forget() { rm -rf "$BRAMBLE_CACHE/stages" "$BRAMBLE_CACHE/digests" "$images"; }
# As garden, with four more nodes beside the four; and with another archive of Neo4j.
write_confs() {
  local n archive
  archive=$(sed -n 's/.*neo4j *= *"\(.*\)"/\1/p' "$scratch/garden.conf")
  for n in 5 6 7 8; do
    echo "  node \"pi$n\" { roles = {\"data\"} address = \"192.168.2.1$n\" id = $n }"
  done | sed -i '/node "pi4"/r /dev/stdin' "$scratch/eight.conf"
  { zcat "$inputs/$archive" && head -c 1024 /dev/zero; } | gzip -1 >"$scratch/new-$archive"
  sed -i "s/\"$archive\"/\"new-$archive\"/" "$scratch/new.conf"
}
for c in eight new; do cp "$scratch/garden.conf" "$scratch/$c.conf"; done
write_confs

# Every command finds its output's place empty: freeing 2 GB takes as long as copying 1 GB.
clear() { rm -rf "$scratch"/copy?.img "$scratch/base.img" "$scratch"/{eight,new}.{images,state}; }
one_round() {
  forget
  seconds build garden >>"$scratch/cold"
  seconds base_and_copies >>"$scratch/base_copies"
  clear
  rm -rf "$images"
  seconds build garden >>"$scratch/warm"
  seconds four_copies >>"$scratch/copies"
  clear
  seconds eight_copies >>"$scratch/copies8"
  clear
  seconds build eight >>"$scratch/eight"
  clear
  seconds build new >>"$scratch/new"
  clear
}
for _ in $(seq "$runs"); do one_round; done
forget
/usr/bin/time -f %M -o "$scratch/rss" "$bramble" build --twin "$scratch/garden.conf" >/dev/null 2>&1 || exit 1
rss=$(<"$scratch/rss")
prepare_tree
for _ in $(seq "$genimage_runs"); do
  rm -rf "$scratch"/gi/out?
  seconds four_genimage >>"$scratch/genimage"
done

for f in cold base_copies warm copies copies8 eight new genimage; do
  declare "$f=$(median <"$scratch/$f")"
done
row() { awk -v t="$1" -v a="$2" -v u="$3" -v b="$4" 'BEGIN { printf "%-46s %6.2f s   %s = %.2f\n", t, a, u, a / b }'; }
# shellcheck disable=SC2154 # declared above
{
  printf '%-46s %6.2f s   (medians of %d; genimage of %d)\n' "the base decompressed and four copies" "$base_copies" "$runs" "$genimage_runs"
  row "four images, nothing cached" "$cold" "ours / that" "$base_copies"
  printf '%-46s %6.2f s\n' "four cp --sparse=always and sync" "$copies"
  row "four images, stages cached" "$warm" "ours / copies" "$copies"
  awk -v e="$eight" -v w="$warm" -v c="$copies8" -v d="$copies" 'BEGIN {
    printf "%-46s %6.2f s   ours / a further copy = %.2f\n", "each further node (eight less four, by 4)", (e - w) / 4, (e - w) / (c - d) }'
  row "four images for a new Neo4j" "$new" "of the cold build" "$cold"
  row "genimage, the same four" "$genimage" "genimage / ours cold" "$cold"
  row "" "$genimage" "genimage / ours warm" "$warm"
  printf '%-46s %6.1f MiB\n' "peak resident memory of the cold build" "$(awk -v k="$rss" 'BEGIN { print k / 1024 }')"
}
