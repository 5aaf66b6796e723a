#!/usr/bin/env bash
# Makes a freshly unpacked Debian tree look like the root of a Raspberry Pi OS Lite card.
#
#     customize.sh TREE DISK-ID
#
# Runs on the host and only edits files, so that it works for any architecture; bookworm.sh calls it
# as mmdebstrap's last hook (or under fakeroot). DISK-ID is the MBR's, eight hexadecimal digits.

set -euo pipefail
export LC_ALL=C

tree=${1:?usage: customize.sh TREE DISK-ID}
disk_id=${2:?}
base=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# What slows a first boot or runs behind a test's back.
OFF=(apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
	e2scrub_reap.service fstrim.timer systemd-networkd-wait-online.service systemd-pstore.service)
ON=(systemd-networkd.service systemd-timesyncd.service avahi-daemon.service ssh.service
	regenerate_ssh_host_keys.service)

# The supplementary groups of Raspberry Pi OS's first user, as far as Debian knows them.
GROUPS_OF_PI=(adm dialout cdrom sudo audio video plugdev games users input render netdev)

install_files()
{
	cp -r --no-preserve=ownership "$base/root/." "$tree/"
	chmod 0440 "$tree/etc/sudoers.d/010_pi-nopasswd"
	mkdir -p "$tree/boot/firmware" "$tree/var/log/journal"
	mkdir -p "$tree/usr/share/man/man1"	# update-alternatives, and so Java's package, needs it
	chmod 2755 "$tree/var/log/journal"
	chgrp "$(awk -F: '$1 == "systemd-journal" { print $3 }' "$tree/etc/group")" "$tree/var/log/journal"
}

write_fstab()
{
	cat >"$tree/etc/fstab" <<-END
		proc            /proc           proc    defaults          0       0
		PARTUUID=$disk_id-01  /boot/firmware  vfat    defaults          0       2
		PARTUUID=$disk_id-02  /               ext4    defaults,noatime  0       1
	END
}

# User pi, uid 1000, no password that opens: whoever builds a card puts a key or a password in.
add_pi()
{
	local group

	echo 'pi:x:1000:1000:,,,:/home/pi:/bin/bash' >>"$tree/etc/passwd"
	echo 'pi:!:20000:0:99999:7:::' >>"$tree/etc/shadow"
	echo 'pi:x:1000:' >>"$tree/etc/group"
	echo 'pi:!::' >>"$tree/etc/gshadow"
	for group in "${GROUPS_OF_PI[@]}"; do
		sed -i "s/^$group:\([^:]*:[^:]*\):\$/$group:\1:pi/; t; s/^$group:.*[^:]\$/&,pi/" "$tree/etc/group"
	done
	echo 'pi:100000:65536' | tee -a "$tree/etc/subuid" >>"$tree/etc/subgid"
	mkdir -p "$tree/home"
	cp -r "$tree/etc/skel" "$tree/home/pi"
	chown -R 1000:1000 "$tree/home/pi"
	chmod 0755 "$tree/home/pi"
}

set_units()
{
	local unit

	systemctl -q --root="$tree" enable "${ON[@]}"
	for unit in "${OFF[@]}"; do	# after the others: networkd brings wait-online along
		systemctl -q --root="$tree" disable "$unit"
	done
	systemctl -q --root="$tree" set-default multi-user.target
}

forget_identity()
{
	rm -f "$tree"/etc/ssh/ssh_host_*_key* "$tree/var/lib/dbus/machine-id" \
		"$tree/var/lib/systemd/random-seed" "$tree/etc/apt/apt.conf.d/99mmdebstrap"
	: >"$tree/etc/machine-id"
	: >"$tree/etc/resolv.conf"
	chmod 0644 "$tree/etc/resolv.conf"
}

install_files
write_fstab
add_pi
set_units
forget_identity
