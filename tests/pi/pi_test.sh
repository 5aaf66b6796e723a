#!/bin/bash
# A card of examples/garden.conf boots on an emulated Raspberry Pi (QEMU, no KVM) to a running agent:
# /health answers, p3 has grown to the card. Debian's kernel stands in for the Pi's.
#
#   tests/pi/pi_test.sh [arm64]   a Raspberry Pi 3 B
#   tests/pi/pi_test.sh armhf     a Raspberry Pi 2 B, the article's own
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

arch=${1:-arm64}
case $arch in
  arm64)
    emulator=qemu-system-aarch64 machine=raspi3b board=3b
    kernel=kernel8.img initramfs=initramfs8 dtb=bcm2710-rpi-3-b.dtb
    consoles="console=ttyAMA0,115200 console=ttyS1,115200"
    ;;
  armhf)
    emulator=qemu-system-arm machine=raspi2b board=2b
    kernel=kernel7.img initramfs=initramfs7 dtb=bcm2709-rpi-2-b.dtb
    consoles="console=ttyAMA0,115200"
    ;;
  *) skip_all "no Raspberry Pi is emulated for $arch" ;;
esac

cache=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}
command -v $emulator >/dev/null || skip_all "qemu-system-arm is not installed"
for f in bookworm-$arch.img.zst openjdk-17-jre-headless-$arch.debs neo4j-enterprise-3.5.0-beta03.tar.gz; do
  [[ -e $cache/inputs/$f ]] || skip_all "input $f could not be had"
done

sed "s/bookworm-arm64/bookworm-$arch/; s/^  base .*/&\n  board = \"$board\"/" "$top/examples/garden.conf" \
  >"$scratch/garden.conf"
log=$("$bramble" build "$scratch/garden.conf" 2>&1)
ok $? "images for a Raspberry Pi $board are built" "$log"
card=$scratch/garden.images/pi1.img
partition "$card" 3
before=$part_size
truncate -s 8G "$card" # QEMU wants a power of two; the card is larger than the image, as in life

mcopy -n -i "$card@@4M" ::$kernel ::$initramfs ::$dtb ::cmdline.txt "$scratch"
cmdline=$(sed 's/console=serial0,115200//' "$scratch/cmdline.txt")
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
$emulator -M $machine -smp 4 -m 1G -kernel "$scratch/$kernel" -initrd "$scratch/$initramfs" -dtb "$scratch/$dtb" \
  -append "$cmdline $consoles loglevel=4 systemd.journald.forward_to_console=1" \
  -drive "file=$card,if=sd,format=raw,cache=unsafe" -display none -monitor none \
  -serial "file:$scratch/uart0.log" -serial "file:$scratch/uart1.log" \
  -netdev "user,id=n0,net=192.168.2.0/24,host=192.168.2.1,dns=192.168.2.3,hostfwd=tcp:127.0.0.1:$port-192.168.2.7:7470" \
  -device usb-net,netdev=n0,mac=52:54:00:00:00:01 >"$scratch/qemu.log" 2>&1 &
qemu=$!
kill_qemu() {
  kill -9 $qemu
  wait $qemu
} 2>/dev/null
cleanup_hooks=(kill_qemu "${cleanup_hooks[@]}")

answer=
for _ in $(seq 400); do
  answer=$(curl -s -m 10 "http://127.0.0.1:$port/cluster") && [[ $answer == *'"why":"'* ]] && break
  kill -0 $qemu 2>/dev/null || break
  sleep 1
done
like "$answer" '"name":"pi1"' "the agent on the Pi answers /cluster"
[[ $answer == *'"name":"pi1"'* ]] || tail -n 40 "$scratch"/uart?.log "$scratch/qemu.log" | sed 's/^/# /'
why=
for _ in $(seq 120); do
  code=$(curl -s -m 10 -o "$scratch/health" -w '%{http_code}' "http://127.0.0.1:$port/health")
  why=$(cat "$scratch/health")
  [[ $why =~ pi2 ]] && break
  sleep 1
done
is "$code" 503 "/health answers, and not yet 200"
like "$why" 'pi2' "because it waits for the other data nodes"
# Growth runs before the agent; its write to the card may still be in QEMU's hands.
for _ in $(seq 60); do
  partition "$card" 3
  [[ $part_size -gt $before ]] && break
  sleep 1
done
[[ $part_size -gt $((before * 6)) ]]
ok $? "p3's entry has grown to the card" "$before -> $part_size"
blocks=0
for _ in $(seq 60); do
  blocks=$(dd if="$card" bs=1024 skip=$((part_start / 1024 + 1)) count=1 status=none | od -An -tu4 -j4 -N4 | tr -d ' ')
  [[ $((blocks * 4096)) -gt $((before * 6)) ]] && break
  sleep 1
done
[[ $((blocks * 4096)) -gt $((before * 6)) ]]
ok $? "and so has its filesystem" "$blocks blocks"
done_testing
