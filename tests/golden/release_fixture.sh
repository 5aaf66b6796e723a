# Small images with what each Raspberry Pi OS has that bramble must know: MBR, FAT, ext4 as its
# pi-gen made them, and the files of its first-boot mechanisms, network, users and swap. Not
# bootable. No root. Sourced after tests/lib.sh and tests/golden/fixture.sh.
#
# Read in pi-gen at the tags of the releases, raspi-config, raspberrypi-sys-mods, userconf-pi and
# rpi-swap; docs/RELEASES.md says what was not seen on a real image.
# shellcheck shell=bash

FIXTURE_ID=0badcafe

# NAME: version merged architecture FAT-MiB sectors-per-cluster boot-at ext4-features
# (p1 is smaller than theirs: as small as FAT32 with such clusters can be)
# shellcheck disable=SC2034 # releases_test.sh reads them
declare -A release_rows=(
  [jessie-2016]="8 split armhf 64 - /boot -"
  [jessie]="8 split armhf 64 1 /boot ^huge_file,^metadata_csum,^64bit"
  [stretch]="9 split armhf 64 1 /boot ^huge_file,^metadata_csum,^64bit"
  [buster]="10 split armhf 64 - /boot ^huge_file,^metadata_csum,^64bit"
  [bullseye-2021]="11 merged arm64 64 - /boot ^huge_file,^metadata_csum,^64bit"
  [bullseye]="11 merged armhf 136 4 /boot ^huge_file,^64bit"
  [bookworm]="12 merged arm64 136 4 /boot/firmware ^huge_file,^64bit"
  [bookworm-imager]="12 merged armhf 136 4 /boot/firmware ^huge_file,^64bit"
  [trixie]="13 merged arm64 64 1 /boot/firmware ^huge_file,^64bit"
  [trixie-cloud]="13 merged armhf 64 1 /boot/firmware ^huge_file,^64bit"
)
declare -A systemd_of=([8]=215-17 [9]=232-25 [10]=241-7 [11]=247.3-7 [12]=252.39-1 [13]=257.8-1)
declare -A codename_of=([8]=jessie [9]=stretch [10]=buster [11]=bullseye [12]=bookworm [13]=trixie)

INIT_RESIZE=init=/usr/lib/raspi-config/init_resize.sh
FIRSTBOOT=init=/usr/lib/raspberrypi-sys-mods/firstboot

put() { # FILE TEXT...: a file with its folders
  mkdir -p "$(dirname "$1")"
  printf '%b\n' "${@:2}" >"$1"
}

enabled() { # ROOT TARGET UNIT-PATH: as systemctl enable does it
  mkdir -p "$1/etc/systemd/system/$2.wants"
  ln -s "$3" "$1/etc/systemd/system/$2.wants/$(basename "$3")"
}

root_folders() { # ROOT merged|split
  mkdir -p "$1"/{dev,etc/ssh,home/pi,proc,srv,sys,usr/bin,usr/sbin,usr/lib,var/lib/dpkg/info,var/log}
  if [[ $2 == merged ]]; then
    ln -s usr/bin "$1/bin"
    ln -s usr/sbin "$1/sbin"
    ln -s usr/lib "$1/lib"
  else
    mkdir -p "$1"/{bin,sbin,lib}
  fi
  mkdir -p "$1/lib/systemd/system"
}

# ELF header of the shell: class, little endian, machine.
root_shell() { # ROOT armhf|arm64
  local class='\x01' machine='\x28'
  [[ $2 == arm64 ]] && class='\x02' machine='\xb7'
  # shellcheck disable=SC2059
  { printf "\x7fELF${class}\x01\x01" && head -c 9 /dev/zero && printf "\x02\x00${machine}\x00" &&
    head -c 4076 /dev/zero; } >"$1/bin/sh"
}

root_identity() { # ROOT VERSION
  local r=$1 v=$2 id=raspbian
  [[ $v -ge 12 ]] && id=debian
  put "$r/usr/lib/os-release" "PRETTY_NAME=\"Raspbian GNU/Linux $v (${codename_of[$v]})\"" \
    "VERSION_ID=\"$v\"" "VERSION=\"$v (${codename_of[$v]})\"" "ID=$id"
  ln -s ../usr/lib/os-release "$r/etc/os-release"
  put "$r/etc/rpi-issue" "Raspberry Pi reference 2020-01-01" \
    "Generated using pi-gen, https://github.com/RPi-Distro/pi-gen, 0123456789, stage2"
  put "$r/etc/hostname" raspberrypi
  put "$r/etc/hosts" "127.0.0.1\tlocalhost" "127.0.1.1\t\traspberrypi"
  : >"$r/etc/machine-id"
  [[ $v -lt 13 ]] || echo uninitialized >"$r/etc/machine-id"
  [[ $v -gt 9 ]] || put "$r/var/lib/dbus/machine-id" 00000000000000000000000000000001
  put "$r/var/lib/dpkg/status" "Package: systemd" "Status: install ok installed" \
    "Version: ${systemd_of[$v]}" "" "Package: openjdk-17-jre-headless" "Status: install ok installed" \
    "Version: 17.0.1" ""
}

# Until April 2022 pi had the password everybody knows; since 2026 no shell without one.
root_users() { # ROOT VERSION
  local shell=/bin/bash hash='*'
  # The hash of "raspberry", as in /etc/shadow of those images.
  [[ $2 -gt 10 ]] || hash=$(perl -e 'print crypt("raspberry", "\$6\$fixture\$")')
  [[ $2 -lt 13 ]] || shell=/usr/sbin/nologin
  put "$1/etc/passwd" "root:x:0:0:root:/root:/bin/bash" "pi:x:1000:1000:,,,:/home/pi:$shell"
  put "$1/etc/group" "root:x:0:" "sudo:x:27:pi" "spi:x:999:" "pi:x:1000:"
  put "$1/etc/skel/.bashrc" "# ~/.bashrc"
  put "$1/etc/shadow" "root:*:17000:0:99999:7:::" "pi:$hash:17000:0:99999:7:::"
}

root_ssh() { # ROOT VERSION
  put "$1/lib/systemd/system/ssh.service" "[Service]"
  if [[ $2 -ge 13 ]]; then
    put "$1/lib/systemd/system/sshd-keygen.service" "[Service]"
    return
  fi
  put "$1/lib/systemd/system/regenerate_ssh_host_keys.service" "[Service]"
  enabled "$1" multi-user.target /lib/systemd/system/regenerate_ssh_host_keys.service
}

root_network() { # ROOT VERSION
  local r=$1 v=$2
  : >"$r/sbin/wpa_supplicant"
  put "$r/lib/systemd/system/NetworkManager.service" "[Service]"
  put "$r/etc/wpa_supplicant/wpa_supplicant.conf" \
    "ctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev" "update_config=1"
  if [[ $v -ge 12 ]]; then
    enabled "$r" multi-user.target /lib/systemd/system/NetworkManager.service
    put "$r/var/lib/NetworkManager/NetworkManager.state" "[main]" "WirelessEnabled=false"
    return
  fi
  put "$r/etc/dhcpcd.conf" "# A sample configuration for dhcpcd." "hostname" "#static ip_address=192.168.0.10/24"
  put "$r/lib/systemd/system/dhcpcd.service" "[Service]"
  enabled "$r" multi-user.target /lib/systemd/system/dhcpcd.service
}

root_logs() { # ROOT VERSION
  put "$1/etc/systemd/journald.conf" "[Journal]" "#SystemMaxUse="
  [[ $2 -ge 12 ]] || put "$1/etc/logrotate.conf" weekly "rotate 4" "include /etc/logrotate.d"
}

root_swap() { # ROOT VERSION
  if [[ $2 -ge 13 ]]; then
    put "$1/etc/rpi/swap.conf" "[Main]" "#Mechanism=auto"
    return
  fi
  put "$1/etc/dphys-swapfile" "CONF_SWAPSIZE=100"
  put "$1/etc/init.d/dphys-swapfile" "#!/bin/sh"
}

root_fstab() { # ROOT NAME BOOT-AT
  local card=PARTUUID=$FIXTURE_ID-0
  [[ $2 == jessie-2016 ]] && card=/dev/mmcblk0p
  mkdir -p "$1$3"
  put "$1/etc/fstab" "proc            /proc           proc    defaults          0       0" \
    "${card}1  $3  vfat    defaults          0       2" \
    "${card}2  /               ext4    defaults,noatime  0       1" \
    "# a swapfile is not a swap partition, no line here"
}

resize2fs_once() { # ROOT
  put "$1/etc/init.d/resize2fs_once" "#!/bin/sh" "# Default-Start: 3"
  mkdir -p "$1/etc/rc3.d"
  ln -s ../init.d/resize2fs_once "$1/etc/rc3.d/S01resize2fs_once"
}

userconfig() { # ROOT
  put "$1/lib/systemd/system/userconfig.service" "[Service]" "TTYPath=/dev/tty8"
  put "$1/lib/systemd/system/getty@.service" "[Service]"
  enabled "$1" multi-user.target /lib/systemd/system/userconfig.service
  put "$1/etc/ssh/sshd_config.d/rename_user.conf" "Banner /usr/share/userconf-pi/sshd_banner"
  put "$1/var/lib/userconf-pi/autologin" ""
}

# What makes each image special: its root's first-boot files and the end of its command line.
release_first_boot() { # ROOT NAME BOOT-FILES-FOLDER: prints the words behind rootwait
  local r=$1 boot=$3
  case $2 in
    jessie* | stretch | buster | bullseye-2021)
      resize2fs_once "$r"
      echo "quiet $INIT_RESIZE"
      ;;
    bullseye | bookworm)
      resize2fs_once "$r"
      userconfig "$r"
      echo "quiet $FIRSTBOOT"
      ;;
    bookworm-imager)
      resize2fs_once "$r"
      userconfig "$r"
      put "$boot/firstrun.sh" "#!/bin/bash"
      put "$boot/custom.toml" "config_version = 1"
      put "$r/etc/xdg/autostart/piwiz.desktop" "[Desktop Entry]"
      echo "quiet systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot" \
        "systemd.unit=kernel-command-line.target"
      ;;
    trixie*)
      put "$r/lib/systemd/system/rpi-resize.service" "[Unit]" "ConditionFirstBoot=yes"
      enabled "$r" sysinit.target /usr/lib/systemd/system/rpi-resize.service
      userconfig "$r"
      [[ $2 == trixie ]] || put "$r/usr/bin/cloud-init" "#!/usr/bin/python3"
      [[ $2 == trixie ]] || put "$boot/user-data" "#cloud-config"
      [[ $2 == trixie ]] && echo resize || echo "resize ds=nocloud;i=rpios-image"
      ;;
  esac
}

release_fixture() { # NAME OUT.img
  local name=$1 out=$2 dir=$scratch/release-$1 version merged arch fat cluster boot_at features
  local card=PARTUUID=$FIXTURE_ID-0 boot_sectors root_start
  read -r version merged arch fat cluster boot_at features <<<"${release_rows[$name]}"
  [[ $name == jessie-2016 ]] && card=/dev/mmcblk0p
  rm -rf "$dir"
  mkdir -p "$dir/root" "$dir/boot"
  root_folders "$dir/root" "$merged"
  root_shell "$dir/root" "$arch"
  root_identity "$dir/root" "$version"
  for part in users ssh network logs swap; do "root_$part" "$dir/root" "$version"; done
  root_fstab "$dir/root" "$name" "$boot_at"
  echo "console=serial0,115200 console=tty1 root=${card}2 rootfstype=ext4 fsck.repair=yes rootwait" \
    "$(release_first_boot "$dir/root" "$name" "$dir/boot")" >"$dir/boot/cmdline.txt"
  echo "[all]" >"$dir/boot/config.txt"

  boot_sectors=$((fat * 2048)) root_start=$((8192 + fat * 2048))
  truncate -s $(((root_start + 98304) * 512)) "$out"
  sfdisk -q --no-reread "$out" <<EOF
label: dos
label-id: 0x$FIXTURE_ID
start=8192, size=$boot_sectors, type=c
start=$root_start, size=98304, type=83
EOF
  local fat_options=(-n boot)
  [[ $cluster == - ]] || fat_options+=(-F 32 -s "$cluster")
  mkfs.vfat "${fat_options[@]}" --offset 8192 "$out" $((fat * 1024)) >/dev/null 2>&1
  mcopy -i "$out@@4M" "$dir"/boot/* ::
  [[ $features == - ]] || features=,$features
  mke2fs -q -F -t ext4 -L rootfs -O "^orphan_file,^metadata_csum_seed${features#-}" -d "$dir/root" \
    -E "offset=$((root_start * 512)),root_owner=0:0" "$out" 48M 2>/dev/null
}
