#!/usr/bin/env bash
# A headless Java as a pinned set of Debian packages: the JRE and all it needs that the base image of
# that architecture does not already hold.
#
#     images/java/debs.sh 17|11 amd64|arm64|armhf   ->  $CACHE/inputs/openjdk-MAJOR-jre-headless-ARCH.debs/
#     images/java/debs.sh --pin MAJOR ARCH          renews images/java/openjdk-MAJOR-ARCH.pins
#
# Inputs: Debian packages of `main`. OpenJDK is GPL-2 with the Classpath exception; the libraries beside it are
# free software too (each package's licence is in its own copyright file).
#     17  from Debian 12, the cards' own release
#     11  from Debian 11 (past its support; Neo4j 2.3 needs it), its libraries from Debian 12;
#         when it cannot be had the exit code is 75: a test that needs it is skipped
# Every file is checked against its pinned sha256. When a pinned version is offered no more the newest set is
# taken, said in one line, and cached under another key.

# shellcheck source=../lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

pin=
if [ "${1:-}" = --pin ]; then
	pin=yes
	shift
fi
major=${1:?usage: debs.sh [--pin] 17|11 amd64|arm64|armhf}
arch=${2:?usage: debs.sh [--pin] 17|11 amd64|arm64|armhf}
one_of "$major" 17 11
one_of "$arch" amd64 arm64 armhf
java=openjdk-$major-jre-headless
pins=$IMAGES/java/openjdk-$major-$arch.pins

unavailable()
{
	die "$java for $arch cannot be had from the Debian mirror" "$EX_UNAVAILABLE"
}

# apt_java DIR: an apt that prefers Debian 12 and, for 11, knows Debian 11 as well.
apt_java()
{
	say "reading Debian's index for $arch"
	apt_private "$1" "$arch" bookworm || unavailable
	[ "$major" = 11 ] || return 0
	debian_sources bullseye >>"$1/etc/apt/sources.list"
	printf 'Package: *\nPin: release n=bullseye*\nPin-Priority: 100\n' >"$1/etc/apt/preferences"
	apt_update "$1" bullseye || unavailable
}

# planned DIR PACKAGE...: "name version" of all that a bare system would install for these.
planned()
{
	local dir=$1

	shift
	APT_CONFIG=$dir/apt.conf apt-get -qq -s -y install "$@" |
		sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1 \2/p' | sort -u
}

essential()
{
	APT_CONFIG=$1/apt.conf apt-cache dumpavail | awk '
		/^Package:/ { name = $2 }
		/^Essential: yes/ { print name }' | sort -u
}

# resolve DIR: "name version" of what Java adds to the base image.
resolve()
{
	local dir=$1 base

	mapfile -t base < <(essential "$dir"; echo apt; grep -v '^#' "$IMAGES/base/packages.list")
	comm -13 <(planned "$dir" "${base[@]}") <(planned "$dir" "${base[@]}" "$java")
}

# pins_of FILE...: "name version sha256" for packages on disk.
pins_of()
{
	local deb

	for deb; do
		# shellcheck disable=SC2016  # dpkg's own placeholders
		printf '%s %s\n' "$(dpkg-deb -W --showformat='${Package} ${Version}' "$deb")" \
			"$(sha256sum "$deb" | cut -d' ' -f1)"
	done
}

# fetch DIR LIST: downloads the "name version ..." lines of LIST into the current folder.
fetch()
{
	local wanted

	mapfile -t wanted < <(awk '!/^#/ { print $1 "=" $2 }' "$2")
	say "downloading ${#wanted[@]} packages"
	apt_fetch "$1" "${wanted[@]}" >"$1/log" 2>&1
}

fetch_newest()
{
	resolve "$1" >"$1/newest" 2>"$1/log"
	grep -q "^$java " "$1/newest" || unavailable
	rm -f ./*.deb
	fetch "$1" "$1/newest" || unavailable
}

check_pins()
{
	diff <(grep -v '^#' "$pins" | sort) <(pins_of ./*.deb | sort) >&2 ||
		die 'a downloaded package does not have its pinned sha256'
}

make_debs()
{
	local out=$1 work=$2

	apt_java "$work/apt"
	mkdir "$out/debs"
	cd "$out/debs"
	if fetch "$work/apt" "$pins"; then
		check_pins
	else
		fetch_newest "$work/apt"
		tell "not all of $(basename "$pins") is offered any more: took the newest ($(
			grep "^$java " "$work/apt/newest"))"
		instead "$(pins_of ./*.deb | key_of "$java-$arch" "$IMAGES/java/debs.sh" -)"
	fi
	pins_of ./*.deb >"$out/pins"
	cd "$work"
}

renew_pins()
{
	recipe_name=$java-$arch
	hold_lock "$java-$arch-pins"
	scratch "$java-$arch-pins"
	mkdir "$recipe_work/debs"
	cd "$recipe_work/debs"
	apt_java "$recipe_work/apt"
	fetch_newest "$recipe_work/apt"
	{
		echo "# $java for $arch beside the base image: name version sha256 (debs.sh --pin $major $arch)"
		pins_of ./*.deb
	} >"$recipe_work/pins"
	mv "$recipe_work/pins" "$pins"
	tell "$(grep -vc '^#' "$pins") packages, $(du -sh . | cut -f1): $pins"
	cd /
}

need apt-get dpkg-deb
if [ -n "$pin" ]; then
	renew_pins
	exit
fi
[ -r "$pins" ] || die "there are no pins: $pins (debs.sh --pin $major $arch makes them)"
recipe "$java-$arch" "inputs/$java-$arch.debs" ./debs make_debs "${BASH_SOURCE[0]}" "$pins"
