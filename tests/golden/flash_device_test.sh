#!/bin/bash
# bramble flash onto loop devices: what only a device does. Needs root; everything is mounted in a
# namespace of the test's own.
if [[ $(id -u) -ne 0 ]]; then
  echo "1..0 # SKIP not root"
  exit 0
fi
if [[ ${BRAMBLE_UNSHARED:-} != 1 ]]; then
  unshare -m true 2>/dev/null || { echo "1..0 # SKIP no mount namespace of one's own here"; exit 0; }
  BRAMBLE_UNSHARED=1 exec unshare -m --propagation private "$0"
fi
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
devices=()
detach() {
  local d
  for d in "${devices[@]}"; do losetup -d "$d" 2>/dev/null; done
}
cleanup_hooks+=(detach)
attach() { # FILE [OPTION...] -> $device
  local file=$1
  shift
  device=$(losetup "$@" -f --show "$file" 2>/dev/null) || skip_all "no loop device"
  devices+=("$device")
}
export BRAMBLE_CACHE=$scratch/cache
fixture
cd "$scratch" || exit 1
"$bramble" build c.conf >build.log 2>&1 || { cat build.log; exit 1; }
flash() { "$bramble" flash --yes "$@" 2>&1 </dev/null; }

truncate -s 800M card1 card2 locked
attach card1
one=$device
attach card2
two=$device
attach locked -r
fails 4 'is read-only; slide' "refused: a locked card" "$bramble" flash --yes n1 "$device"
if fat=$(losetup --sector-size 4096 -f --show locked 2>/dev/null); then
  devices+=("$fat")
  fails 4 'has sectors of 4096 bytes; .* boot nothing; take' "refused: sectors of 4096 bytes" \
    "$bramble" flash --yes n1 "$fat"
else
  skip "sectors of 4096 bytes" "no such loop device"
fi
ln -s "$one" alias
fails 2 'are the same card' "refused: the same device by another name" \
  "$bramble" flash --yes --clones n1 "$one" ./alias

out=$(flash n1="$one" n2="$two")
ok $? "two devices at once" "$out"
for n in 1 2; do
  log=$("$bramble" verify "card$n")
  ok $? "card $n is whole" "$log"
  cmp -n $((1 << 20)) "card$n" "c.images/n$n.img"
  ok $? "card $n has its head"
done
# Pages of the device that somebody had read before must not hide what is on it now.
dd if="$one" of=/dev/null bs=1M count=100 status=none
out=$(flash --discard n3 "$one")
ok $? "over a card that is in the cache, with --discard" "$out"
is "$("$bramble" inspect --json "$one" | grep -o '"node": "n3"' | head -n 1)" '"node": "n3"' "the device shows the new one"

# --- from one decoding onto both; zeros must hide what was there
cp c.images/n3.img . && zstd -q -1 n3.img
tr '\0' '\245' </dev/zero | dd of="$two" bs=4M count=100 iflag=fullblock conv=notrunc status=none
out=$(flash --clones n3.img.zst "$one" "$two")
ok $? "a compressed image onto two devices" "$out"
for d in "$one" "$two"; do
  cmp -n "$(stat -c %s n3.img)" "$d" n3.img
  ok $? "is on the device as it is in the image"
done

# --- another card is put into the reader while somebody is asked
cp --sparse=always card2 card3
cat >ask.py <<'PY'
import os, pty, subprocess, sys
pid, fd = pty.fork()
if not pid:
    os.execv(sys.argv[1], [sys.argv[1], "flash", "n1", sys.argv[2]])
said = b""
while b"[y/N]" not in said:
    said += os.read(fd, 4096)
subprocess.check_call(["losetup", "-d", sys.argv[2]])
subprocess.check_call(["losetup", sys.argv[2], "card3"])
os.write(fd, b"y\n")
try:
    while more := os.read(fd, 4096):
        said += more
except OSError:
    pass
print(said.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
before=$(sha256sum <card3)
fails 5 'is another card than a moment ago' "refused: a card that was changed for another" \
  python3 ask.py "$bramble" "$two"
is "$(sha256sum <card3)" "$before" "which stays as it was"
losetup -d "$two" && losetup "$two" card2

# --- mounted
mkdir mnt
mke2fs -q -F "$two" 64M
if mount "$two" mnt 2>/dev/null; then
  fails 5 "is mounted at $scratch/mnt; unmount it" "refused: a mounted device" \
    "$bramble" flash --yes n2 "$two"
  mount --bind mnt /opt
  fails 4 'running system, which has on it: /opt' "refused: what the system needs" \
    "$bramble" flash --yes --unmount n2 "$two"
  umount /opt
  out=$(flash --unmount n2 "$two")
  ok $? "--unmount" "$out"
  like "$out" "$scratch/mnt is unmounted" "says so"
  mountpoint -q mnt
  is $? 32 "it is no longer mounted"

  # Where mountinfo of ours does not show it: in a container.
  mke2fs -q -F "$two" 64M
  unshare -m sh -c "mount '$two' mnt && : >held && exec sleep 60" &
  for ((i = 0; i < 50; i++)); do
    [[ -e held ]] && break
    sleep 0.1
  done
  fails 5 'in use by another program, or mounted in a container' "refused: mounted in a container" \
    "$bramble" flash --yes n2 "$two"
  kill $!
  wait $! 2>/dev/null
else
  skip "mounted devices" "this kernel cannot mount ext4"
fi

# --- a device that has less room than it says: its file lies on a full filesystem
mkdir tmp
if mount -t tmpfs -o size=20m none tmp; then
  truncate -s 800M tmp/card
  attach tmp/card
  fails 1 "$device: (cannot (write|sync|read)|what was written).* it does not boot now: flash it again" \
    "a device that runs out of room" "$bramble" flash --yes n1 "$device"
  losetup -d "$device"
  # Files on tmpfs have no O_DIRECT; the cache is all there is.
  mount -o remount,size=200m tmp
  rm tmp/card
  truncate -s 800M tmp/card
  out=$(flash n1 tmp/card)
  ok $? "a file without O_DIRECT" "$out"
  log=$("$bramble" verify tmp/card)
  ok $? "is whole" "$log"
  umount -l tmp
else
  skip "full devices" "no tmpfs"
fi
done_testing
