#!/bin/bash
# Installs what the build and the tests need, from Debian packages; sudo when not root.
# Prints nothing and asks nobody when everything is there.
set -euo pipefail

build=(build-essential pkg-config git libarchive-dev libfdisk-dev libconfuse-dev libext2fs-dev libssl-dev libexpat1-dev
  liblzma-dev comerr-dev libsodium-dev libjansson-dev libcurl4-openssl-dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross
  gcc-arm-linux-gnueabihf libc6-dev-armhf-cross)
inputs=(mmdebstrap mtools dosfstools e2fsprogs fdisk zstd xz-utils kmod cpio qemu-user-static
  maven openjdk-17-jdk-headless unzip debian-archive-keyring)
# Not avahi-daemon, for which a part of agent/discover is skipped: it would begin to announce this machine.
tests=(chromium fonts-dejavu-core systemd systemd-container iproute2 nftables dnsmasq-base procps curl openssl python3 qemu-system-arm strace libarchive-tools bmap-tools python3-prometheus-client python3-jsonschema)
lint=(clang-format-14 cppcheck shellcheck universal-ctags mandoc)
bench=(genimage time)

missing=()
for p in "${build[@]}" "${inputs[@]}" "${tests[@]}" "${lint[@]}" "${bench[@]}"; do
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) == installed ]] || missing+=("$p")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

sudo=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null || {
    echo "deps: not root and no sudo; install: ${missing[*]}" >&2
    exit 1
  }
  sudo=(sudo)
fi
echo "deps: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
install() {
  "${sudo[@]}" apt-get -q install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1
}
install || { "${sudo[@]}" apt-get -q update >"$log" 2>&1 || true; install; } || {
  tail -n 20 "$log" >&2
  exit 1
}
