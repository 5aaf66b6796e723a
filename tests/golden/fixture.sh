# Small stand-ins for the inputs of a build, made in a second: a base image with the parts bramble
# looks at, a Java set of one package, a Neo4j archive. Not bootable. Sourced after tests/lib.sh.
# shellcheck shell=bash

fixture_root() { # DIR
  local r=$1
  mkdir -p "$r"/{bin,etc/systemd/network,home/pi,usr/lib/systemd,usr/bin,var/lib/dpkg/info,boot/firmware,srv}
  # A shell is what tells the architecture; any amd64 program will do.
  cp "$(readlink -f /bin/sh)" "$r/bin/sh"
  [[ $(uname -m) == x86_64 ]] || printf '\x7fELF\x02\x01\x01%057d' 0 | head -c 64 >"$r/bin/sh"
  printf 'proc /proc proc defaults 0 0\nPARTUUID=0badcafe-01 /boot/firmware vfat defaults 0 2\nPARTUUID=0badcafe-02 / ext4 defaults,noatime 0 1\n' >"$r/etc/fstab"
  printf 'root:x:0:0:root:/root:/bin/sh\npi:x:1000:1000::/home/pi:/bin/sh\n' >"$r/etc/passwd"
  printf 'root:x:0:\npi:x:1000:\n' >"$r/etc/group"
  printf 'root:!:19000::::::\npi:!:19000::::::\n' >"$r/etc/shadow"
  printf 'raspberrypi\n' >"$r/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 raspberrypi\n' >"$r/etc/hosts"
  : >"$r/etc/machine-id"
  : >"$r/usr/lib/systemd/systemd-networkd"
  # By these the release is recognised, and what brings the network up.
  printf 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n' >"$r/etc/os-release"
  printf 'A stand-in for a test\n' >"$r/etc/rpi-issue"
  mkdir -p "$r/etc/systemd/system/multi-user.target.wants"
  ln -sf /usr/lib/systemd/system/systemd-networkd.service "$r/etc/systemd/system/multi-user.target.wants/"
  echo 1 >"$r/var/lib/dpkg/info/format"
  printf 'Package: base-files\nStatus: install ok installed\nVersion: 12\n\n' >"$r/var/lib/dpkg/status"
}

fixture_base() { # OUT.img
  local out=$1 dir=$scratch/base
  fixture_root "$dir/root"
  truncate -s 136M "$out"
  printf 'label: dos\nlabel-id: 0x0badcafe\nstart=8192,size=131072,type=c\nstart=139264,size=131072,type=83\n' |
    sfdisk -q --no-reread "$out"
  truncate -s 64M "$dir/p1"
  mkfs.vfat -F 32 -s 1 -n bootfs "$dir/p1" >/dev/null
  echo "console=tty1 root=PARTUUID=0badcafe-02 rootfstype=ext4 rootwait" >"$dir/cmdline.txt"
  mcopy -i "$dir/p1" "$dir/cmdline.txt" ::
  dd if="$dir/p1" of="$out" bs=4M seek=1 conv=notrunc,sparse status=none
  mke2fs -q -F -t ext4 -L rootfs -O '^huge_file,^64bit,^orphan_file,^metadata_csum_seed' -d "$dir/root" \
    -E offset=$((139264 * 512)) "$out" 64M
}

fixture_neo4j() { # OUT.tar.gz VERSION [EDITION]
  local dir=$scratch/neo4j top=neo4j-${3:-enterprise}-$2
  mkdir -p "$dir/$top"/{bin,conf,lib}
  echo '#!/bin/sh' >"$dir/$top/bin/neo4j"
  chmod 0755 "$dir/$top/bin/neo4j"
  head -c 3000000 /dev/urandom >"$dir/$top/lib/neo4j-kernel-$2.jar"
  ln -sf neo4j-kernel-"$2".jar "$dir/$top/lib/alias.jar"
  tar -C "$dir" -czf "$1" "$top"
}

fixture_java() { # DIR [MAJOR]
  local n=${2:-17}
  local d=$scratch/deb home=usr/lib/jvm/java-$n-openjdk-amd64
  rm -rf "$d"
  mkdir -p "$1" "$d/DEBIAN" "$d/$home/bin" "$d/etc/java-$n-openjdk"
  printf 'Package: openjdk-%d-jre-headless\nVersion: %d.0.1\nArchitecture: amd64\nMulti-Arch: same\nMaintainer: nobody <nobody@example.org>\nDescription: stand-in\n' \
    "$n" "$n" >"$d/DEBIAN/control"
  printf '#!/bin/sh\n' >"$d/DEBIAN/postinst"
  chmod 0755 "$d/DEBIAN/postinst"
  echo java >"$d/$home/bin/java"
  ln -sf "/etc/java-$n-openjdk" "$d/$home/conf"
  dpkg-deb --root-owner-group -Zxz -b "$d" "$1/openjdk-$n-jre-headless_$n.0.1_amd64.deb" >/dev/null
}

# A cluster.conf in $scratch/c.conf with the fixture's inputs beside it.
fixture_conf() {
  cat >"$scratch/c.conf" <<EOF
cluster "golden" {
  base = "base.img"
  neo4j = "neo4j.tar.gz"
  java = "java"
  root_size = "128MiB"
  network { subnet = "10.9.0.0/24" gateway = "10.9.0.1" }
  access { user = "pi" ssh_key = "$scratch/key.pub" }
  proxy { maxconn = 60 }
  node "n1" { roles = {"data"} address = "10.9.0.11" id = 1 }
  node "n2" { roles = {"data", "proxy"} address = "10.9.0.12" id = 2 }
  node "n3" { roles = {"data"} address = "10.9.0.13" id = 7 }
  node "n4" { roles = {"proxy"} address = "10.9.0.14" }
}
EOF
  echo "ssh-ed25519 AAAA somebody@example.org" >"$scratch/key.pub"
}

fixture() {
  fixture_base "$scratch/base.img"
  fixture_neo4j "$scratch/neo4j.tar.gz" 3.5.9
  fixture_java "$scratch/java"
  fixture_conf
}
