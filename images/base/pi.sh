# shellcheck shell=bash
# What only the Raspberry Pi images have: running foreign programs while they are made, and the kernel,
# device tree, modules and initramfs with which arm64 boots on QEMU's raspi3b and armhf on its raspi2b.
# Sourced by bookworm.sh.
#
# The names on p1 are those the Pi's firmware looks for: kernel8 is a 64-bit one, kernel7 one for ARMv7.
#         Debian's kernel, its device tree  p1's device tree    kernel      initramfs
# shellcheck disable=SC2034  # by name, in pi_board
{
PI_arm64=(arm64 broadcom/bcm2837-rpi-3-b.dtb bcm2710-rpi-3-b.dtb kernel8.img initramfs8)
PI_armhf=(armmp bcm2836-rpi-2-b.dtb bcm2709-rpi-2-b.dtb kernel7.img initramfs7)
}

# pi_board ARCH: sets what the rest of this file works with.
pi_board()
{
	local -n row=PI_$1

	pi_arch=$1
	pi_package=linux-image-${row[0]} pi_debian_dtb=${row[1]} pi_dtb=${row[2]}
	pi_kernel=${row[3]} pi_initramfs=${row[4]}
}

BINFMT=/proc/sys/fs/binfmt_misc
binfmt_ours=
binfmt_mounted=

qemu_name()
{
	case $1 in
	arm64) echo qemu-aarch64 ;;
	armhf) echo qemu-arm ;;
	esac
}

# register_qemu NAME: qemu-user-static brings the line that tells the kernel which program runs foreign
# ones (flag F: the kernel opens that program now, so that it need not exist in the tree).
register_qemu()
{
	local line

	[ ! -e "$BINFMT/$1" ] || return 0
	[ "$(id -u)" = 0 ] && command -v "$1-static" >/dev/null || return 1
	line=$(grep -h "^:$1:.*F" "/usr/lib/binfmt.d/$1.conf" 2>/dev/null) || return 1
	if [ ! -e $BINFMT/register ]; then
		mount -t binfmt_misc none $BINFMT 2>/dev/null || return 1
		binfmt_mounted=yes
	fi
	printf '%s' "$line" >$BINFMT/register 2>/dev/null || return 1
	binfmt_ours=$1
}

# What register_qemu changed on this machine is taken back.
unregister_qemu()
{
	[ -z "$binfmt_ours" ] || echo -1 >"$BINFMT/$binfmt_ours"
	[ -z "$binfmt_mounted" ] || umount $BINFMT
	binfmt_ours='' binfmt_mounted=''
}

# with_foreign_programs ARCH COMMAND...: COMMAND can run programs of ARCH.
with_foreign_programs()
{
	local arch=$1 status=0

	shift
	if [ "$(dpkg --print-architecture)" = "$arch" ]; then
		"$@"
		return
	fi
	register_qemu "$(qemu_name "$arch")" || die "programs for $arch do not run here: that takes qemu-user-static and root" \
		"$EX_UNAVAILABLE"
	# shellcheck disable=SC2034  # lib.sh's
	also_at_exit=unregister_qemu
	"$@" || status=$?
	unregister_qemu
	return $status
}

fetch_kernel()
{
	local work=$1

	apt_private "$work/apt" "$pi_arch" bookworm
	kernel=$(APT_CONFIG=$work/apt/apt.conf apt-cache depends "$pi_package" |
		sed -n 's/.*Depends: linux-image-//p')
	mkdir "$work/kernel-debs"
	(cd "$work/kernel-debs" && apt_fetch "$work/apt" "linux-image-$kernel" busybox-static)
	dpkg-deb -x "$work/kernel-debs/linux-image-"*.deb "$work/kern"
	dpkg-deb -x "$work/kernel-debs/busybox-static"*.deb "$work/busybox"
	depmod -b "$work/kern" "$kernel"
}

# module_files WORK SET: the files of the modules in SET, each after those it depends on.
module_files()
{
	awk -v set="$2" '
		FNR == NR { if ($1 == set || set == "root" && $1 == "initramfs") want[++n] = $2; next }
		{
			file = $1; sub(/:$/, "", file)
			name = file; sub(/.*\//, "", name); sub(/\.ko.*/, "", name)
			gsub(/-/, "_", name)
			path[name] = file
			needs[name] = ""
			for (i = NF; i > 1; i--) needs[name] = needs[name] $i "\n"
		}
		END {
			for (i = 1; i <= n; i++) {
				name = want[i]; gsub(/-/, "_", name)
				if (name in path) printf "%s%s\n", needs[name], path[name]
			}
		}' "$BASE/pi/modules" "$1/kern/lib/modules/$kernel/modules.dep" | awk '!seen[$0]++'
}

make_initramfs()
{
	local work=$1 dir=$1/initramfs file

	mkdir -p "$dir"/{bin,dev,proc,sys,newroot,mod}
	install -m 0755 "$work/busybox/bin/busybox" "$dir/bin/busybox"
	install -m 0755 "$BASE/pi/init" "$dir/init"
	while read -r file; do
		cp "$work/kern/lib/modules/$kernel/$file" "$dir/mod/"
		echo "${file##*/}" >>"$dir/mod/order"
	done < <(module_files "$work" initramfs)
	find "$dir" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	(cd "$dir" && find . | sort | cpio --quiet --reproducible -R 0:0 -o -H newc) | gzip -n -9 >"$work/boot/$pi_initramfs"
}

# Into the root goes what the running system may load: 6 MB instead of 300.
install_modules()
{
	local work=$1 to=$1/extra/usr/lib/modules/$kernel

	mkdir -p "$to"
	module_files "$work" root | (cd "$work/kern/lib/modules/$kernel" && cpio --quiet -pdm "$to")
	cp "$work/kern/lib/modules/$kernel"/modules.{builtin,builtin.modinfo,order} "$to/"
	ln -s usr/lib "$work/extra/lib"
	depmod -b "$work/extra" "$kernel"
	rm "$work/extra/lib"
}

# make_pi_boot WORK ARCH
make_pi_boot()
{
	local work=$1

	pi_board "$2"
	quietly fetch_kernel "$work"
	mkdir -p "$work/boot"
	cp "$work/kern/boot/vmlinuz-$kernel" "$work/boot/$pi_kernel"
	cp "$work/kern/usr/lib/linux-image-$kernel/$pi_debian_dtb" "$work/boot/$pi_dtb"
	make_initramfs "$work"
	install_modules "$work"
	rm -rf "$work/kern" "$work/kernel-debs"
}
