#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# bramble.txt taken over by `bramble-agent settings` below a folder that stands for a card: for each
# of the three programs that bring interfaces up. No root, no network. Prints TAP.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
agent=${BRAMBLE_BUILD:-$top/build}/bramble-agent
cd "$scratch" || exit 1
keyfile=etc/NetworkManager/system-connections/bramble.nmconnection

card() { # KIND
  rm -rf card && mkdir -p card/boot/firmware card/etc/bramble card/etc/systemd/network \
    card/etc/NetworkManager/system-connections card/etc/wpa_supplicant card/var/lib/NetworkManager
  printf 'pi1\n' >card/etc/hostname
  printf '127.0.0.1\tlocalhost\n192.168.2.7\tpi1\n' >card/etc/hosts
  case $1 in
    manager) printf '[connection]\nid=bramble\nuuid=12345678-1234-5234-8234-123456789abc\ninterface-name=eth0\n' >card/$keyfile ;;
    networkd) printf '[Match]\nName=eth0\n' >card/etc/systemd/network/10-bramble.network ;;
    dhcpcd) printf 'hostname\n# bramble begin\ninterface eth0\n# bramble end\nslaac private\n' >card/etc/dhcpcd.conf ;;
  esac
}
settings() { # the text of bramble.txt on standard input
  cat >card/boot/firmware/bramble.txt
  "$agent" --root card settings 2>said
}
all() { (cd card && find . -path ./run -prune -o -type f -exec sha256sum {} + | sort -k2); }

card networkd
before=$(all)
settings </dev/null
ok $? "a bramble.txt that says nothing"
is "$(all | grep -v bramble.txt)" "$before" "changes nothing"
printf '\xef\xbb\xbfhostname = "kitchen"\r\naddress = "192.168.7.11/24"\r\ngateway = "192.168.7.1"\r\nseeds = {"192.168.7.12"}\r\n' | settings
ok $? "host name, address, seeds" "$(cat said)"
is "$(cat card/etc/hostname)" kitchen "the host name"
like "$(cat card/etc/hosts)" $'192.168.2.7\tpi1\n127.0.1.1\tkitchen' "is in /etc/hosts, beside the node's own"
like "$(cat card/etc/systemd/network/10-bramble.network)" $'Address=192.168.7.11/24\nGateway=192.168.7.1' "networkd has the address"
is "$(cat card/etc/bramble/local.conf)" $'address = "192.168.7.11"\nseeds = {"192.168.7.12"}' "the agent has it, too"
then=$(all)
"$agent" --root card settings
is "$(all)" "$then" "the next boot writes nothing"
settings <<<'hostname = "Kitchen"'
is $? 3 "a wrong host name is refused"
like "$(cat card/boot/firmware/bramble-error.txt)" 'hostname "Kitchen" is not a name' "the reason is beside it"
is "$(all | grep -v firmware)" "$(grep -v firmware <<<"$then")" "and the card is as it was"
like "$(cat card/run/bramble-boot/settings)" 'hostname "Kitchen" is not a name' "the agent is told, too"
mv card/boot/firmware card/boot/not
"$agent" --root card settings
is "$(all | grep -v boot)" "$(grep -v boot <<<"$then")" "so it is without p1"
mv card/boot/not card/boot/firmware
settings </dev/null
is "$(all | grep -v bramble.txt | grep -v /built/)" "$before" "without a word all is as it was built"
[[ ! -e card/boot/firmware/bramble-error.txt ]]
ok $? "and the complaint is gone"
[[ ! -e card/run/bramble-boot/settings ]]
ok $? "also for the agent"
members=$'127.0.0.1\tlocalhost\n192.168.2.7\tpi1\n192.168.2.8\tpi5'
settings <<<'hostname = "kitchen"'
printf '%s\n' "$members" >card/etc/hosts # a node was added (bramble apply)
"$agent" --root card settings
is "$(grep -v kitchen card/etc/hosts)" "$members" "a boot keeps the members of a later generation"
like "$(tail -n 1 card/etc/hosts)" $'^127.0.1.1\tkitchen' "and puts the host name back beside them"
settings <<<'hostname = "cellar"'
is "$(grep -v cellar card/etc/hosts)" "$members" "another host name is the only line that changes"
settings </dev/null
is "$(cat card/etc/hosts)" "$members" "without one it is gone, and nothing else"
printf '%s\n' '192.168.2.9	pi6' >>card/etc/hosts
"$agent" --root card settings
is "$(cat card/etc/hosts)" "$members"$'\n192.168.2.9\tpi6' "nor does any later boot bring back what was there before"
head -c 300000 /dev/zero | tr '\0' '#' >card/etc/hosts
settings <<<'seeds = {"192.168.7.12"}'
is "$? $(cat card/etc/bramble/local.conf)" '0 seeds = {"192.168.7.12"}' "a huge /etc/hosts keeps nothing else from being taken over"
then=$(all)
printf 'address = "192.168.7.11/24"\nhostname = "kitchen"\n' | settings
is $? 1 "a host name it does: $(cat said)"
is "$(all | grep -v firmware)" "$(grep -v firmware <<<"$then")" "and the address beside it"
like "$(cat card/boot/firmware/bramble-error.txt)" '^Nothing of bramble.txt was taken over' "as is said"
printf 'wifi_ssid = "a"\nwifi_country = "DE"\nwifi_password = "12345678"\naddress = "dhcp"\n' | settings
is $? 3 "Wi-Fi by networkd is refused: $(cat said)"
like "$(cat card/boot/firmware/bramble.txt)" 12345678 "what is refused is not erased"

# A full disk, from each write on in turn; and one that fails between two files' renames.
struck() { # FAULT
  rm -f counts card/boot/firmware/bramble-error.txt
  FAULT=$1 FAULT_COUNT=counts FAULT_BELOW=$PWD/card/etc LD_PRELOAD=$PWD/fault.so \
    "$agent" --root "$PWD/card" settings 2>said
}
said_so() { head -n 1 card/boot/firmware/bramble-error.txt 2>/dev/null | tr -d '\r'; }
everything=$'address = "192.168.7.11/24"\nhostname = "kitchen"\nseeds = {"192.168.7.12"}\n'
fresh() { card networkd && printf '%s' "$everything" >card/boot/firmware/bramble.txt; }
if ldd "$agent" | grep -q libasan; then
  skip "a full disk" "a sanitized program takes no preloaded library"
else
  gcc -O1 -shared -fPIC -D_GNU_SOURCE -o fault.so "$top/tests/fault/fault.c"
  fresh
  before=$(all) untrue='' failed=0
  for n in {1..20}; do
    struck "write:$n:ENOSPC" && break
    failed=$((failed + 1))
    [[ $(all | grep -v error.txt) == "$before" && $(said_so) == "Nothing of bramble.txt was taken over:" ]] ||
      untrue+="write $n: $(said_so) "
  done
  is "$untrue" '' "a disk full at any of $failed writes leaves the card as it was, and says so"
  [[ $failed -ge 6 ]]
  ok $? "which are all"
  whole=$(all)
  fresh
  touch card/etc/bramble/local.conf.abc123 card/etc/bramble/local.conf.d
  settings </dev/null
  is "$(echo card/etc/bramble/local.conf.*)" card/etc/bramble/local.conf.d "what a power cut left beside a file goes"
  untrue='' failed=0
  for n in {1..20}; do
    fresh
    struck "rename:$n:ENOSPC" && break
    failed=$((failed + 1))
    want="Only a part of bramble.txt was taken over:"
    [[ $n == 1 ]] && want="Nothing of bramble.txt was taken over:"
    [[ $(said_so) == "$want" && -z $(find card -name '*.??????') ]] || untrue+="rename $n: $(said_so) "
    "$agent" --root card settings
    [[ $(all) == "$whole" ]] || untrue+="rename $n: the next boot "
  done
  is "$untrue" '' "one that fails at any of $failed renames is told, and the next boot goes on"
  untrue=''
  for n in {1..20}; do
    card dhcpcd
    before=$(all)
    printf 'wifi_ssid = "a"\nwifi_country = "DE"\nwifi_password = "12345678"\naddress = "dhcp"\n' \
      >card/boot/firmware/bramble.txt
    struck "rename:$n:ENOSPC" && break
    settings </dev/null
    [[ $(all | grep -v -e boot/ -e /built/ -e NetworkManager.state) == "$(grep -v boot/ <<<"$before")" ]] || untrue+="rename $n "
  done
  is "$untrue" '' "a Wi-Fi of which a part was taken over leaves nothing when bramble.txt says it no more"
  [[ $failed -ge 6 ]]
  ok $? "these, too"
fi

wifi=$'wifi_ssid = \'my home\'\nwifi_country = "DE"\nwifi_password = \'secret"12\'\naddress = "dhcp"\n'
card manager
settings <<<"$wifi"
ok $? "Wi-Fi by NetworkManager" "$(cat said)"
like "$(cat card/$keyfile)" 'type=wifi.*interface-name=wlan0' "the connection is the radio's"
like "$(cat card/$keyfile)" 'uuid=12345678-1234-5234-8234-123456789abc' "and still the same one"
like "$(cat card/$keyfile)" 'psk=secret"12' "it has the password"
is "$(stat -c %a card/$keyfile card/etc/bramble/settings.conf | sort -u)" 600 "which nobody else can read"
! grep -rq 'secret' card/boot
ok $? "on p1 it is erased"
like "$(cat card/boot/firmware/bramble.txt)" '# wifi_password: taken' "with a word about it"
then=$(all)
"$agent" --root card settings
ok $? "the next boot does not miss it"
is "$(all)" "$then" "and writes nothing"
sed -i "s/my home/other/" card/boot/firmware/bramble.txt
"$agent" --root card settings 2>said
is $? 3 "for another network it is not the password: $(cat said)"

card dhcpcd
mv card/boot/firmware card/boot/not
printf 'address = "10.0.0.2/8"\n' >card/boot/bramble.txt
"$agent" --root card settings
ok $? "bramble.txt in /boot, with dhcpcd"
is "$(cat card/etc/dhcpcd.conf)" $'hostname\n# bramble begin\ninterface eth0\nstatic ip_address=10.0.0.2/8\n# bramble end\nslaac private' \
  "only the lines between the marks are ours"
printf '%s' "$wifi" >card/boot/bramble.txt
"$agent" --root card settings
like "$(cat card/etc/wpa_supplicant/wpa_supplicant.conf)" 'psk="secret"12"' "Wi-Fi by wpa_supplicant"
: >card/boot/bramble.txt
"$agent" --root card settings
like "$(cat card/etc/dhcpcd.conf)" 'interface eth0' "and back"
sed -i s/eth0/wlan0/ card/etc/bramble/built/dhcpcd.conf # as built for Wi-Fi
printf '%s' "$wifi" >card/boot/bramble.txt
"$agent" --root card settings
then=$(all)
echo 'address = "10.0.0.3/8"' >card/boot/bramble.txt
"$agent" --root card settings 2>said
is $? 3 "an address without the Wi-Fi is refused: $(cat said)"
is "$(all | grep -v boot)" "$(grep -v boot <<<"$then")" "and the card stays on its network"
: >card/boot/bramble.txt
"$agent" --root card settings
! grep -rq secret card
ok $? "no password is left"
done_testing
