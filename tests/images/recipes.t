#!/usr/bin/env bash
# Checks what the recipes of images/ made, as far as it lies in the cache; the rest is skipped by name.
# No root, no network. TAP: run it by itself or with prove.
# shellcheck disable=SC2317  # functions are called through ok

set -uo pipefail
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin

CACHE=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
P1=$((8192 * 512))
P2=$((532480 * 512))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0
failed=0

ok()
{
	local name=$1 output

	shift
	n=$((n + 1))
	if output=$("$@" 2>&1); then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		printf '%s\n' "$output" | tail -n 5 | sed 's/^/# /'
		failed=1
	fi
}

skip()
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP not in the cache"
}

equal()
{
	[ "$1" = "$2" ] || { echo "expected: $1"; echo "     got: $2"; return 1; }
}

not()
{
	! "$@"
}

# ---- base images ------------------------------------------------------------

in_root()
{
	debugfs -R "$2 $3" "$1?offset=$P2" 2>/dev/null
}

exists()
{
	in_root "$1" stat "$2" | grep -q '^Inode:'
}

is_owned()
{
	in_root "$1" stat "$2" | tr '\n' ' ' | grep -qE "Mode: +$3 .*User: +$4 +Group: +$5 "
}

table()
{
	sfdisk -d "$1" | sed -n 's/^[^:]*: *start= *\([0-9]*\), size= *\([0-9]*\), type=\(.*\)/\1 \3/p' | paste -sd,
}

disk_id()
{
	sfdisk --disk-id "$1" | sed 's/^0x//'
}

features()
{
	dumpe2fs -h "$1?offset=$P2" 2>/dev/null | sed -n 's/^Filesystem features: *//p'
}

has_no_feature()
{
	local word

	for word in 64bit huge_file orphan_file metadata_csum_seed needs_recovery; do
		[[ " $(features "$1") " != *" $word "* ]] || { echo "$word"; return 1; }
	done
}

fstab()
{
	printf 'proc            /proc           proc    defaults          0       0\n'
	printf 'PARTUUID=%s-01  /boot/firmware  vfat    defaults          0       2\n' "$1"
	printf 'PARTUUID=%s-02  /               ext4    defaults,noatime  0       1\n' "$1"
}

boot_file()
{
	mtype -i "$1@@$P1" "::$2"
}

packages_installed()
{
	in_root "$1" cat /var/lib/dpkg/status | awk '/^Package:/ { p++ } /^Status: install ok installed/ { s++ }
		END { exit !(p > 100 && p == s) }'
}

check_base()
{
	local arch=$1 img=$work/$1.img id

	if [ ! -e "$CACHE/inputs/bookworm-$arch.img.zst" ]; then
		skip "base image $arch"
		return
	fi
	# -f: zstd passes over symlinks without it
	ok "$arch: decompresses" zstd -qdf --sparse "$CACHE/inputs/bookworm-$arch.img.zst" -o "$img"
	[ -s "$img" ] || return
	id=$(disk_id "$img")
	ok "$arch: the table verifies" sfdisk --verify "$img"
	ok "$arch: FAT32 at sector 8192, Linux at 532480" equal '8192 c,532480 83' "$(table "$img")"
	ok "$arch: p2 is clean" e2fsck -fn "$img?offset=$P2"
	ok "$arch: p2 has only Raspberry Pi OS's features" has_no_feature "$img"
	ok "$arch: p2 is labelled rootfs" equal rootfs "$(e2label "$img?offset=$P2")"
	ok "$arch: p1 is labelled bootfs" grep -q bootfs <(mdir -i "$img@@$P1" ::)
	ok "$arch: cmdline.txt names p2 by PARTUUID" grep -q "root=PARTUUID=$id-02 " <(boot_file "$img" cmdline.txt)
	ok "$arch: config.txt is there" grep -q auto_initramfs=1 <(boot_file "$img" config.txt)
	ok "$arch: it asks for a 64-bit kernel where that is one" equal "$([ "$arch" = armhf ] || echo arm_64bit=1)" \
		"$(boot_file "$img" config.txt | grep arm_64bit)"
	ok "$arch: fstab is Raspberry Pi OS's three lines" equal "$(fstab "$id")" "$(in_root "$img" cat /etc/fstab)"
	ok "$arch: the machine has no id yet" equal '' "$(in_root "$img" cat /etc/machine-id)"
	ok "$arch: pi owns its home" is_owned "$img" /home/pi 0755 1000 1000
	ok "$arch: pi's password is locked" grep -q '^pi:!:' <(in_root "$img" cat /etc/shadow)
	ok "$arch: sudo stays set-uid root" is_owned "$img" /usr/bin/sudo 04755 0 0
	ok "$arch: no host keys" not grep -q ssh_host <(in_root "$img" ls /etc/ssh)
	ok "$arch: the first boot makes host keys" exists "$img" \
		/etc/systemd/system/multi-user.target.wants/regenerate_ssh_host_keys.service
	ok "$arch: nobody waits for the network" not exists "$img" \
		/etc/systemd/system/network-online.target.wants/systemd-networkd-wait-online.service
	ok "$arch: no Java" not exists "$img" /usr/bin/java
	ok "$arch: it says what it is" grep -q stand-in <(in_root "$img" cat /etc/rpi-issue)
	ok "$arch: dpkg knows its packages" packages_installed "$img"
	if [ "$arch" != amd64 ]; then
		ok "$arch: kernel, device tree and initramfs are on p1" equal 3 \
			"$(mdir -b -i "$img@@$P1" :: | grep -cE "$2")"
	fi
	rm -f "$img"
}

# ---- Java, Neo4j, sysroots --------------------------------------------------

debs_match()
{
	(cd "$1" && sha256sum -- *.deb) | cut -d' ' -f1 | sort |
		diff <(grep -v '^#' "$2" | cut -d' ' -f3 | sort) -
}

check_java()
{
	local name=openjdk-$1-jre-headless-$2

	if [ ! -d "$CACHE/inputs/$name.debs" ]; then
		skip "$name"
	elif debs_match "$CACHE/inputs/$name.debs" "$ROOT/images/java/openjdk-$1-$2.pins" >/dev/null; then
		ok "$name: every package has its pinned sha256" true
	else
		ok "$name: newer than its pins, as the recipe noted" \
			debs_match "$CACHE/inputs/$name.debs" "$CACHE/inputs/$name.debs/../pins"
	fi
}

check_bundle()
{
	local version=$1 top=neo4j-enterprise-$1 archive=$CACHE/inputs/neo4j-enterprise-$1.tar.gz listing

	if [ ! -e "$archive" ]; then
		skip "$top"
		return
	fi
	listing=$(tar -tvzf "$archive")
	ok "$top: one top folder" equal "$top" "$(awk '{ print $6 }' <<<"$listing" | cut -d/ -f1 | sort -u)"
	ok "$top: everything is root's" equal 0/0 "$(awk '{ print $2 }' <<<"$listing" | sort -u)"
	ok "$top: bin/neo4j is executable" grep -qE "^-rwxr-xr-x .* $top/bin/neo4j\$" <<<"$listing"
	ok "$top: every pinned jar is there" equal "$(grep -vc '^#' "$ROOT/images/neo4j/$version.pins")" \
		"$(grep '/lib/.*\.jar$' <<<"$listing" | grep -vc bramble-launcher)"
	ok "$top: its licence is there" grep -q "$top/LICENSE.txt" <<<"$listing"
	ok "$top: configuration" grep -qE "$top/conf/(neo4j.conf|neo4j-server.properties)\$" <<<"$listing"
}

check_sysroot()
{
	local dir=$CACHE/sysroot/$1 lib

	if [ ! -d "$dir" ]; then
		skip "sysroot $1"
		return
	fi
	for lib in confuse jansson sodium openssl/ssl openssl/crypto; do
		ok "sysroot $1: lib${lib##*/}.a and its header" test -s "$dir/usr/lib/$2/lib${lib##*/}.a" -a -s "$dir/usr/include/$lib.h"
	done
}

check_base amd64
check_base arm64 'kernel8.img|initramfs8|bcm2710-rpi-3-b.dtb'
check_base armhf 'kernel7.img|initramfs7|bcm2709-rpi-2-b.dtb'
check_java 17 amd64
check_java 17 arm64
check_java 17 armhf
check_java 11 amd64
check_bundle 3.5.0-beta03
check_bundle 2.3.1
check_sysroot amd64 x86_64-linux-gnu
check_sysroot arm64 aarch64-linux-gnu
check_sysroot armhf arm-linux-gnueabihf
echo "1..$n"
exit $failed
