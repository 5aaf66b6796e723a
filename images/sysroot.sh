#!/usr/bin/env bash
# The static libraries and headers of one architecture, for the programs that go onto the cards.
#
#     images/sysroot.sh amd64|arm64|armhf   ->  $CACHE/sysroot/ARCH
#     cc -I$S/usr/include -I$S/usr/include/<triplet> -L$S/usr/lib/<triplet> -static ...
#
# Inputs: Debian 12 packages of that architecture, from `main`
#     libconfuse-dev  ISC            libjansson-dev  MIT (Expat)            libsodium-dev  ISC
#     libssl-dev      Apache-2.0
# libc and the kernel's headers are the cross compiler's own (libc6-dev-ARCH-cross). A private apt
# configuration per architecture, so that the host's apt never has to know a foreign index. No root.

# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

PACKAGES=(libconfuse-dev libconfuse2 libjansson-dev libjansson4 libsodium-dev libsodium23 libssl-dev libssl3)

arch=${1:?usage: sysroot.sh amd64|arm64|armhf}
one_of "$arch" amd64 arm64 armhf

# .pc files name /usr: say where the files really are, so that pkg-config needs no options.
relocate_pkgconfig()
{
	sed -i "s|^prefix=/usr\$|prefix=\${pcfiledir}/../../..|" "$1/usr/lib/$(triplet "$arch")/pkgconfig"/*.pc
}

make_sysroot()
{
	local out=$1 work=$2 deb

	say "reading Debian's index for $arch"
	apt_private "$work/apt" "$arch" bookworm
	mkdir "$work/debs"
	cd "$work/debs"
	say "downloading ${#PACKAGES[@]} packages"
	quietly apt_fetch "$work/apt" "${PACKAGES[@]}"
	for deb in *.deb; do
		dpkg-deb -x "$deb" "$out"
		dpkg-deb -f "$deb" Package Version Architecture | paste -sd' ' >>"$out/packages.txt"
	done
	rm -rf "$out/usr/share/doc/"*/examples "$out/usr/share/lintian"
	relocate_pkgconfig "$out"
	cd "$work"
}

need apt-get dpkg-deb
recipe "sysroot-$arch" "sysroot/$arch" . make_sysroot "${BASH_SOURCE[0]}"
