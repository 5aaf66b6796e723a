# shellcheck shell=bash
# From a root tree in a tar to an SD-card image: MBR, p1 FAT32 `bootfs`, p2 ext4 `rootfs`, with the
# features and the sizes of a Raspberry Pi OS (bookworm) image. Sourced by bookworm.sh.

P1_START=8192		# sectors of 512 bytes
P1_SECTORS=524288	# 256 MiB
P2_START=$((P1_START + P1_SECTORS))

# In work/boot lies what goes onto p1 besides the two text files.
make_bootfs()
{
	local work=$1 disk_id=$2 arch=$3

	truncate -s $((P1_SECTORS * 512)) "$work/p1.img"
	quietly mkfs.vfat -F 32 -n bootfs --invariant -i "$disk_id" -h "$P1_START" "$work/p1.img"
	mkdir -p "$work/boot"
	cp "$BASE/boot/config.txt" "$work/boot/"
	[ "$arch" != armhf ] || sed -i '/^arm_64bit=/d' "$work/boot/config.txt"
	echo "console=serial0,115200 console=tty1 root=PARTUUID=$disk_id-02 rootfstype=ext4" \
		'fsck.repair=yes rootwait' >"$work/boot/cmdline.txt"
	find "$work/boot" -exec touch -d "@$SOURCE_DATE_EPOCH" {} +
	mcopy -m -s -i "$work/p1.img" "$work/boot"/* ::
}

# Owners and capabilities must survive: as root by themselves, else under fakeroot.
as_owner()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		fakeroot "$@"
	fi
}

# pi-gen's rule: what the tree needs, a fifth more, and 200 MiB.
make_rootfs()
{
	local work=$1 uuid=$2

	# shellcheck disable=SC2016
	as_owner bash -euc '
		mkdir "$1/tree"
		tar --numeric-owner --xattrs --xattrs-include="*" -xf "$1/root.tar" -C "$1/tree" --exclude="./dev/*"
		[ ! -d "$1/extra" ] || cp -r --no-preserve=ownership "$1/extra/." "$1/tree/"
		kib=$(du -s --apparent-size --block-size=1024 "$1/tree" | cut -f1)
		truncate -s $(((kib * 12 / 10 + 200 * 1024) / 4096 * 4096))K "$1/p2.img"
		E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH mke2fs -q -t ext4 -b 4096 -L rootfs -U "$2" \
			-O ^huge_file,^64bit,^orphan_file,^metadata_csum_seed \
			-E "hash_seed=$2,root_owner=0:0" -d "$1/tree" "$1/p2.img"' - "$work" "$uuid"
}

make_card()
{
	local work=$1 disk_id=$2 arch=$3 uuid sectors

	uuid=$(printf 'rootfs %s' "$disk_id" | sha256sum |
		sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-5\3-8\4-\5/')
	make_bootfs "$work" "$disk_id" "$arch"
	quietly make_rootfs "$work" "$uuid"
	sectors=$(($(stat -c %s "$work/p2.img") / 512))
	truncate -s $(((P2_START + sectors) * 512)) "$work/card.img"
	sfdisk -q --no-reread --no-tell-kernel "$work/card.img" <<-END
		label: dos
		label-id: 0x$disk_id
		start=$P1_START, size=$P1_SECTORS, type=c
		start=$P2_START, size=$sectors, type=83
	END
	dd if="$work/p1.img" of="$work/card.img" bs=512 seek="$P1_START" conv=notrunc,sparse status=none
	dd if="$work/p2.img" of="$work/card.img" bs=4M oflag=seek_bytes seek=$((P2_START * 512)) \
		conv=notrunc,sparse status=none
}

check_card()
{
	local work=$1

	quietly sfdisk --verify "$work/card.img"
	quietly fsck.vfat -n "$work/p1.img"
	quietly e2fsck -fn "$work/p2.img"
}
