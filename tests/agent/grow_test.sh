#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Grows a real ext4 on a real partition of a loop device while it is mounted. Prints TAP.
# Needs root and loop devices; the filesystem's own step needs CAP_SYS_RESOURCE too, without
# which only the partition's steps are tested and the rest is skipped.
#
# usage: grow_test.sh [path of bramble-agent]
set -u
agent=$(realpath "${1:-${BRAMBLE_BUILD:-build}/bramble-agent}")
count=0
failed=0

ok() { # ok STATUS TEXT
  count=$((count + 1))
  if [ "$1" -eq 0 ]; then
    echo "ok $count - $2"
  else
    failed=1
    echo "not ok $count - $2"
  fi
}

if [ "$(id -u)" -ne 0 ]; then
  echo "1..0 # SKIP not root"
  exit 0
fi
if [ "${BRAMBLE_UNSHARED:-}" != 1 ]; then
  # The mounts below vanish with this namespace, whatever happens.
  if ! unshare -m true 2>/dev/null; then
    echo "1..0 # SKIP no mount namespace of one's own here"
    exit 0
  fi
  BRAMBLE_UNSHARED=1 exec unshare -m --propagation private "$0" "$agent"
fi

dir=$(mktemp -d) || exit 1
disk=
# shellcheck disable=SC2317 # called by the trap
cleanup() {
  umount "$dir/srv/bramble" 2>/dev/null
  [ -n "$disk" ] && losetup -d "$disk"
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

# A card of 300 MiB with an image of 101 MiB on it: p3 has 32 MiB, of 4 KiB blocks.
truncate -s $((300 * 1048576 + 512 * 77)) "$dir/card"
printf 'label: dos\nstart=2048,size=65536,type=c\nstart=67584,size=71680,type=83\nstart=139264,size=65536,type=83\n' |
  sfdisk -q "$dir/card" || exit 1
mke2fs -q -F -t ext4 -b 4096 -m 0 -E offset=$((139264 * 512)) "$dir/card" 32M || exit 1
disk=$(losetup -P -f --show "$dir/card" 2>/dev/null)
if [ -z "$disk" ]; then
  echo "1..0 # SKIP no loop device"
  exit 0
fi
# A kernel that does not read MBR tables is told; one that does says it is there already.
[ -b "${disk}p3" ] || addpart "$disk" 3 139264 65536
i=0
while [ ! -b "${disk}p3" ] && [ $i -lt 50 ]; do
  sleep 0.1
  i=$((i + 1))
done

mkdir -p "$dir/srv/bramble" "$dir/etc/bramble"
if ! mount -t ext4 "${disk}p3" "$dir/srv/bramble"; then
  echo "1..0 # SKIP no partitions on loop devices"
  exit 0
fi
cat >"$dir/etc/bramble/node.conf" <<CONF
cluster { id = "00112233445566778899aabbccddeeff"  name = "garden"  generation = 1 }
node { name = "pi1"  reserved_end_mib = 16 }
neo4j { version = "3.5.0-beta03"  profile = "3.x-ha" }
member "pi1" { id = 1  roles = {"data"}  address = "127.0.0.1" }
CONF
mark() {
  cat >"$dir/srv/bramble/bramble.marker" <<MARKER
cluster = "00112233445566778899aabbccddeeff"
node = "pi1"
layout = 1
state = "virgin"
MARKER
}
grow() {
  "$agent" --root "$dir" grow >"$dir/log" 2>&1
}
table() {
  sfdisk -d "$dir/card" | grep -c "$1"
}
# Bit 24 is CAP_SYS_RESOURCE.
may_resize() {
  [ $((0x$(sed -n 's/^CapEff:\t//p' /proc/self/status) >> 24 & 1)) -eq 1 ]
}
# The last step was made, or tried by one who may not.
filesystem_grew() {
  if may_resize; then
    [ "$code" -eq 0 ] && [ "$(stat -f -c %b "$dir/srv/bramble")" -gt 50000 ]
    ok $? "the filesystem grew to $(stat -f -c %b "$dir/srv/bramble") blocks"
  else
    grep -q 'cannot grow the filesystem: Operation not permitted' "$dir/log"
    ok $? "ext4 asks for CAP_SYS_RESOURCE"
  fi
}
kernel_sectors() {
  cat "/sys/class/block/$(basename "$disk")p3/size"
}

grow
[ $? -eq 1 ] && grep -q bramble.marker "$dir/log"
ok $? "without a marker it refuses: $(cat "$dir/log")"
[ "$(kernel_sectors)" -eq 65536 ] && [ "$(table 'size= *65536')" -eq 2 ]
ok $? "and changes nothing"

mark
echo kept >"$dir/srv/bramble/file"
sync
grow
code=$?
sed 's/^/# /' "$dir/log"
want=$(((300 - 68 - 16) * 2048))
[ "$(table "size= *$want")" -eq 1 ]
ok $? "the table says 216 MiB: up to 16 MiB before the end, rounded down to 1 MiB"
[ "$(kernel_sectors)" -eq $want ]
ok $? "so does the kernel"
[ "$(table 'start= *2048, size= *65536, type=c')" -eq 1 ] && [ "$(table 'start= *67584, size= *71680')" -eq 1 ]
ok $? "the other partitions are as they were"

filesystem_grew
if may_resize; then
  before=$(sfdisk -d "$dir/card")
  grow
  ok $? "a second time"
  [ "$(sfdisk -d "$dir/card")" = "$before" ] && [ "$(kernel_sectors)" -eq $want ]
  ok $? "changes nothing"
else
  ok 0 "the filesystem grew # SKIP no CAP_SYS_RESOURCE here"
fi
grep -q kept "$dir/srv/bramble/file"
ok $? "files are kept"
umount "$dir/srv/bramble"
e2fsck -fn "${disk}p3" >"$dir/log" 2>&1
ok $? "e2fsck finds nothing to mend"

# Power failed when only the table had grown. The next boot's kernel knows the table's length; one that the
# agent alone has left knows the old one.
cut_short() { # SECTORS
  delpart "$disk" 3 && addpart "$disk" 3 139264 "$1" && mke2fs -q -F -t ext4 -b 4096 -m 0 "${disk}p3" 32M &&
    mount -t ext4 "${disk}p3" "$dir/srv/bramble" && mark
}
for known in $want 65536; do
  cut_short "$known" && [ "$(kernel_sectors)" -eq "$known" ]
  ok $? "a card of which only the table has grown, to a kernel that knows $known sectors"
  grow
  code=$?
  [ "$(kernel_sectors)" -eq $want ] && [ "$(table "size= *$want")" -eq 1 ]
  ok $? "what was missed is made up for"
  filesystem_grew
  umount "$dir/srv/bramble"
done
echo "1..$count"
exit $failed
