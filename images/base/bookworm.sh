#!/usr/bin/env bash
# A base image laid out like a Raspberry Pi OS Lite (bookworm) card, made of Debian packages.
#
#     images/base/bookworm.sh amd64|arm64|armhf   ->  $CACHE/inputs/bookworm-ARCH.img.zst
#
# amd64 is for rehearsal in containers and carries no kernel; arm64 boots on QEMU's raspi3b, armhf on its
# raspi2b. Like the real Lite image none carries Java.
#
# Inputs: Debian 12 packages of `main` (free software by the Debian guidelines; each package's licence is
# in its own copyright file; the kernel is GPL-2). No Raspberry Pi firmware, nothing from `non-free`.
# No loop device, no mount outside mmdebstrap; as an ordinary user it needs fakeroot and uidmap.
# Beside the image: packages.txt, what it was made of.

# shellcheck source=../lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
BASE=$IMAGES/base
# shellcheck source=card.sh
. "$BASE/card.sh"
# shellcheck source=pi.sh
. "$BASE/pi.sh"

mapfile -t INCLUDE < <(grep -v "^#" "$BASE/packages.list")

arch=${1:?usage: bookworm.sh amd64|arm64|armhf}
one_of "$arch" amd64 arm64 armhf
disk_id=$(printf 'bramble base bookworm %s' "$arch" | sha256sum | cut -c1-8)

# make_tree TAR: the configured root tree.
make_tree()
{
	local option options=()

	while read -r option; do
		options+=("--aptopt=${option%;}")
	done < <(host_acquire)
	mmdebstrap --quiet --skip=check/qemu --variant=minbase --architectures="$arch" \
		--include="$(IFS=,; echo "${INCLUDE[*]}")" "${options[@]}" \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-include=/usr/share/doc/*/copyright' \
		--customize-hook="'$BASE/customize.sh' \"\$1\" $disk_id" \
		bookworm "$1" - <<<"$sources"
}

# Without the security suite when its index of this architecture cannot be read.
make_tree_or_less()
{
	sources=$(debian_sources bookworm)
	quietly make_tree "$1" && return
	tell 'trying again without the security updates'
	sources=$(debian_sources bookworm | grep -v -- '-security main$')
	quietly make_tree "$1"
}

make_base()
{
	local out=$1 work=$2

	say "installing ${#INCLUDE[@]} packages and what they need ($([ "$arch" = "$(dpkg --print-architecture)" ] && echo 1 || echo 3) min)"
	with_foreign_programs "$arch" make_tree_or_less "$work/root.tar"
	if [ "$arch" != amd64 ]; then
		say 'adding the kernel, its modules and an initramfs'
		make_pi_boot "$work" "$arch"
	fi
	say 'writing the card'
	make_card "$work" "$disk_id" "$arch"
	say 'checking it'
	check_card "$work"
	say 'compressing'
	tar -xOf "$work/root.tar" ./var/lib/dpkg/status | packages_of >"$out/packages.txt"
	zstd -q -T0 -3 "$work/card.img" -o "$out/bookworm-$arch.img.zst"
}

packages_of()
{
	awk '/^Package:/ { p = $2 } /^Version:/ { print p, $2 }' | sort
}

need mmdebstrap mke2fs mkfs.vfat mcopy sfdisk zstd e2fsck fsck.vfat systemctl
[ "$(id -u)" = 0 ] || need fakeroot
[ "$arch" = amd64 ] || need depmod cpio
mapfile -t laid < <(find "$BASE/root" "$BASE/boot" "$BASE/pi" -type f | sort)
recipe "bookworm-$arch" "inputs/bookworm-$arch.img.zst" "./bookworm-$arch.img.zst" make_base \
	"${BASH_SOURCE[0]}" "$BASE/card.sh" "$BASE/pi.sh" "$BASE/customize.sh" \
	"$BASE/packages.list" "${laid[@]}"
