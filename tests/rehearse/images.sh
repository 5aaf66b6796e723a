#!/usr/bin/env bash
# Makes small cards for the test of `bramble rehearse`: the amd64 base image with a p3, a host name,
# an address and a stub of the agent.
#
#     images.sh BASE.img.zst DIR NAME     writes DIR/cards.conf and DIR/cards.images/NODE.img
#
# NAME is the cluster's.

set -euo pipefail
export LC_ALL=C

base=${1:?usage: images.sh BASE.img.zst DIR NAME} out=${2:?} cluster=${3:?}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
nodes=(pi1:192.168.77.11:data:master pi2:192.168.77.12:data: pi3:192.168.77.13:data: pi4:192.168.77.14:proxy:)
P3_MB=64

mkdir -p "$out/cards.images" "$out/tmp"

write_conf()
{
	cat <<-END
		cluster "$cluster" {
		  base = "bookworm-amd64.img.zst"
		  neo4j = "neo4j-enterprise-3.5.0-beta03.tar.gz"
		  java = "openjdk-17-jre-headless"
		  size = "4GB"
		  network { mode = "static" subnet = "192.168.77.0/24" gateway = "192.168.77.1" }
	END
	local id=0 node name address role
	for node in "${nodes[@]}"; do
		IFS=: read -r name address role _ <<<"$node"
		if [ "$role" = data ]; then
			id=$((id + 1))
			printf '  node "%s" { roles = {"%s"} address = "%s" id = %d }\n' "$name" "$role" "$address" "$id"
		else
			printf '  node "%s" { roles = {"%s"} address = "%s" }\n' "$name" "$role" "$address"
		fi
	done
	echo '}'
}

add_p3()
{
	local start sectors

	zstd -dqf --sparse "$base" -o "$out/tmp/card.img"
	start=$(($(sfdisk -q -l -o end "$out/tmp/card.img" | tail -1) + 1))
	start=$(((start + 2047) / 2048 * 2048))
	sectors=$((P3_MB * 2048))
	truncate -s $(((start + sectors) * 512)) "$out/tmp/card.img"
	printf 'start=%d, size=%d, type=83\n' "$start" "$sectors" | sfdisk -q --append "$out/tmp/card.img"
	mkdir -p "$out/tmp/p3"
	: >"$out/tmp/p3/marker"
	mke2fs -q -F -t ext4 -L bramble-data -E "offset=$((start * 512))" -d "$out/tmp/p3" \
		"$out/tmp/card.img" "${P3_MB}M"
}

write_files()
{
	local node name address role master

	for node in "${nodes[@]}"; do
		IFS=: read -r name address role master <<<"$node"
		echo "$name $address $role $master"
	done >"$out/tmp/members"
	printf '[Unit]\nDescription=stub of the agent\n[Service]\nExecStart=/usr/bin/perl /usr/lib/stub_agent.pl\n' \
		>"$out/tmp/stub.service"
}

# finish NAME ADDRESS: the card of one node
finish()
{
	local image="$out/cards.images/$1.img" offset

	cp --reflink=auto "$out/tmp/card.img" "$image"
	echo "$1" >"$out/tmp/hostname"
	printf '[Match]\nName=host0 eth0\n[Network]\nAddress=%s/24\nIPv6AcceptRA=no\n' "$2" >"$out/tmp/network"
	offset=$(($(sfdisk -q -l -o start "$image" | sed -n 3p) * 512))
	debugfs -w -f /dev/stdin "$image?offset=$offset" >"$out/tmp/debugfs.log" 2>&1 <<-END
		rm /etc/hostname
		write $out/tmp/hostname /etc/hostname
		write $out/tmp/members /etc/stub.members
		write $out/tmp/network /etc/systemd/network/10-wired.network
		write $here/stub_agent.pl /usr/lib/stub_agent.pl
		write $out/tmp/stub.service /etc/systemd/system/stub.service
		mkdir /srv/bramble
		symlink /etc/systemd/system/multi-user.target.wants/stub.service /etc/systemd/system/stub.service
	END
}

write_conf >"$out/cards.conf"
add_p3
write_files
for node in "${nodes[@]}"; do
	IFS=: read -r name address _ <<<"$node"
	finish "$name" "$address"
done
rm -rf "$out/tmp"
