# shellcheck shell=bash
# What only the arm64 image has: running foreign programs while it is made, and the kernel, device tree,
# modules and initramfs with which it boots on QEMU's raspi3b. Sourced by bookworm.sh.

BINFMT=/proc/sys/fs/binfmt_misc
binfmt_ours=
binfmt_mounted=

# qemu-user-static brings the line that tells the kernel which program runs arm64 ones (flag F: the
# kernel opens that program now, so that it need not exist in the tree).
register_qemu()
{
	local line

	[ ! -e $BINFMT/qemu-aarch64 ] || return 0
	[ "$(id -u)" = 0 ] && command -v qemu-aarch64-static >/dev/null || return 1
	line=$(grep -h '^:qemu-aarch64:.*F' /usr/lib/binfmt.d/qemu-aarch64.conf 2>/dev/null) || return 1
	if [ ! -e $BINFMT/register ]; then
		mount -t binfmt_misc none $BINFMT 2>/dev/null || return 1
		binfmt_mounted=yes
	fi
	printf '%s' "$line" >$BINFMT/register 2>/dev/null || return 1
	binfmt_ours=yes
}

# What register_qemu changed on this machine is taken back.
unregister_qemu()
{
	[ -z "$binfmt_ours" ] || echo -1 >$BINFMT/qemu-aarch64
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
	register_qemu || die "programs for $arch do not run here: that takes qemu-user-static and root" \
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

	apt_private "$work/apt" arm64 bookworm
	kernel=$(APT_CONFIG=$work/apt/apt.conf apt-cache depends linux-image-arm64 |
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
		}' "$BASE/pi3/modules" "$1/kern/lib/modules/$kernel/modules.dep" | awk '!seen[$0]++'
}

make_initramfs()
{
	local work=$1 dir=$1/initramfs file

	mkdir -p "$dir"/{bin,dev,proc,sys,newroot,mod}
	install -m 0755 "$work/busybox/bin/busybox" "$dir/bin/busybox"
	install -m 0755 "$BASE/pi3/init" "$dir/init"
	while read -r file; do
		cp "$work/kern/lib/modules/$kernel/$file" "$dir/mod/"
		echo "${file##*/}" >>"$dir/mod/order"
	done < <(module_files "$work" initramfs)
	find "$dir" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	(cd "$dir" && find . | sort | cpio --quiet --reproducible -R 0:0 -o -H newc) | gzip -n -9 >"$work/boot/initramfs8"
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

make_pi3_boot()
{
	local work=$1

	quietly fetch_kernel "$work"
	mkdir -p "$work/boot"
	cp "$work/kern/boot/vmlinuz-$kernel" "$work/boot/kernel8.img"
	cp "$work/kern/usr/lib/linux-image-$kernel/broadcom/bcm2837-rpi-3-b.dtb" "$work/boot/bcm2710-rpi-3-b.dtb"
	make_initramfs "$work"
	install_modules "$work"
	rm -rf "$work/kern" "$work/kernel-debs"
}
