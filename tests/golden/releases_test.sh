#!/bin/bash
# Every Raspberry Pi OS bramble knows, as a fixture, through a real build: what each named patch
# leaves on the card, that the filesystems are clean, and that a card built again from itself is the
# same. No root, no network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"
# shellcheck source=tests/golden/release_fixture.sh
. "$(dirname "$0")/release_fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
cd "$scratch" || exit 1
fixture_neo4j neo4j.tar.gz 3.5.9
echo "ssh-ed25519 AAAA somebody@example.org" >key.pub
printf 'secret "pass\\word"\n' >passphrase
chmod 0600 passphrase
# What FAT and the table's tools agree on; a card's own.
WIFI="wifi { ssid = \"my net\" country = \"DE\" passphrase_file = \"$scratch/passphrase\" }"

write_conf() { # BASE [MORE]
  cat >c.conf <<EOF
cluster "releases" {
  base = "$1"
  neo4j = "neo4j.tar.gz"
  java = "base"
  root_size = "96MiB"
  ${2:-}
  network { subnet = "10.9.0.0/24" gateway = "10.9.0.1" }
  access { user = "pi" ssh_key = "$scratch/key.pub" }
  node "n1" { roles = {"data", "proxy"} address = "10.9.0.11" id = 1 }
}
EOF
}
card=$scratch/c.images/n1.img
# Where p2 lies is asked once for each card: a look into it is then 10 ms.
build_card() { # [OPTION...]
  out=$("$bramble" build "$@" c.conf 2>&1) && partition "$card" 2 && root_at=$part_start
}
root() { # DEBUGFS-COMMAND
  debugfs -R "$1" "$card?offset=$root_at" 2>&1 | sed 1d
}
has() { # PATH REGEX NAME
  like "$(root "cat $1")" "$2" "$n: $3"
}
hasnt() { # PATH REGEX NAME
  local text
  text=$(root "cat $1")
  [[ ! $text =~ $2 ]]
  ok $? "$n: $3" "$text"
}
points() { # PATH TARGET NAME
  like "$(root "stat $1")" "Fast link dest: \"$2\"" "$n: $3"
}
mode() { # PATH MODE NAME
  like "$(root "stat $1")" "Mode:  $2" "$n: $3"
}
gone() { # PATH NAME
  like "$(root "stat $1")" 'not found' "$n: $2"
}

check_first_boot() { # VERSION
  local words
  words=" $(mcopy -i "$card@@4M" ::cmdline.txt -)"
  [[ ! $words =~ (init=|systemd\.|quiet|firstboot|ds=|' resize') ]]
  ok $? "$n: first-boot: the command line starts nothing" "$words"
  like "$words" ' console=serial0,115200 console=tty1 root=[^ ]+ rootfstype=ext4 fsck.repair=yes rootwait' \
    "$n: first-boot: its other words stay"
  is "$(mdir -b -i "$card@@4M" ::/firstrun.sh ::/custom.toml 2>/dev/null)" "" "$n: first-boot: no script on p1"
  if [[ $1 -lt 13 ]]; then
    points /etc/systemd/system/resize2fs_once.service /dev/null "first-boot: resize2fs_once is masked"
    gone /etc/init.d/resize2fs_once "first-boot: and gone"
  else
    points /etc/systemd/system/rpi-resize.service /dev/null "first-boot: rpi-resize is masked"
  fi
  gone /etc/xdg/autostart/piwiz.desktop "first-boot: no wizard"
  case $n in
    bullseye | bookworm* | trixie*)
      points /etc/systemd/system/userconfig.service /dev/null "first-boot: userconfig is masked"
      gone /etc/ssh/sshd_config.d/rename_user.conf "first-boot: its banner is gone"
      points /etc/systemd/system/getty.target.wants/getty@tty1.service '.*/getty@.service' \
        "first-boot: tty1 has a login again"
      ;;
  esac
  [[ $n != trixie-cloud ]] || mode /etc/cloud/cloud-init.disabled 0644 "first-boot: cloud-init is off"
}

check_disk() { # BOOT-AT
  local id root=PARTUUID
  id=$(sfdisk -J "$card" | sed -n 's/.*"id": *"0x\([0-9a-f]*\)".*/\1/p')
  root=PARTUUID=$id-0
  [[ $n == jessie-2016 ]] && root=/dev/mmcblk0p
  like "$(mcopy -i "$card@@4M" ::cmdline.txt -)" " root=${root}2 " "$n: cmdline: root"
  has /etc/fstab "${root}1 +$1 +vfat" "fstab: p1"
  has /etc/fstab "${root}2 +/ +ext4" "fstab: p2"
  has /etc/fstab "PARTUUID=$id-03 +/srv/bramble +ext4 +[^ ]*nofail" "fstab: p3"
  has /etc/fstab "no line here" "fstab: comments stay"
  hasnt /etc/fstab "$FIXTURE_ID" "fstab: nothing of the base's id"
}

check_identity() { # VERSION
  has /etc/machine-id '^[0-9a-f]{32}$' "machine-id"
  [[ $1 -gt 9 ]] || is "$(root "cat /var/lib/dbus/machine-id")" "$(root "cat /etc/machine-id")" \
    "$n: machine-id: D-Bus's is the same"
  has /etc/hostname '^n1$' "hostname"
  has /etc/hosts '10.9.0.11.n1' "hostname: hosts"
}

check_wired() { # VERSION
  local file=/etc/NetworkManager/system-connections/bramble.nmconnection
  if [[ $1 -lt 12 ]]; then
    has /etc/dhcpcd.conf $'interface eth0\nstatic ip_address=10.9.0.11/24\nstatic routers=10.9.0.1\n' "network: dhcpcd"
    has /etc/dhcpcd.conf '^# A sample' "network: the rest of dhcpcd.conf stays"
  else
    has $file $'type=ethernet\ninterface-name=eth0' "network: keyfile"
    has $file 'address1=10.9.0.11/24,10.9.0.1' "network: its address"
    mode $file 0600 "network: NetworkManager reads only a private one"
  fi
}

check_login() { # VERSION
  mode /home/pi/.ssh/authorized_keys 0600 "ssh-key"
  like "$(root "stat /home/pi/.ssh")" 'Mode:  0700.*User:  1000' "$n: ssh-key: its folder"
  has /etc/passwd ':/home/pi:/bin/bash' "ssh-key: a shell"
  points /etc/systemd/system/multi-user.target.wants/ssh.service /lib/systemd/system/ssh.service "ssh: enabled"
  hasnt /etc/shadow '\$6\$' "password: \"raspberry\" opens nothing"
  if [[ $1 -lt 13 ]]; then
    points /etc/systemd/system/multi-user.target.wants/regenerate_ssh_host_keys.service '.*_keys.service' \
      "host-keys: the card makes them"
  fi
}

check_system() { # VERSION
  if [[ $1 -lt 13 ]]; then
    points /etc/systemd/system/dphys-swapfile.service /dev/null "swap: off"
  else
    has /etc/rpi/swap.conf.d/50-bramble.conf 'Mechanism=zram' "swap: in memory only"
  fi
  [[ $1 -ge 12 ]] || has /etc/logrotate.conf $'bramble begin\nmaxsize 8M\n.*weekly' "logs: rsyslog's are bounded"
  [[ $1 -ne 8 ]] || has /etc/systemd/journald.conf 'SystemMaxUse=64M' "logs: the journal's bound, before conf.d"
  local drop
  drop=$(drop_in bramble-agent.service)
  [[ $1 -lt 11 ]] || gone $drop "units: as they are"
  check_old_units "${systemd_of[$1]%%[.-]*}"
  mode /usr/lib/systemd/system/bramble-agent.service 0644 "units: bramble's own"
}

# What systemd makes of a key that may be given several times: unit and drop-in, an empty one begins anew.
merged() { # UNIT KEY
  { cat "$top"/overlays/*/usr/lib/systemd/system/"$1" && root "cat $(drop_in "$1")"; } |
    awk -v key="$2=" 'index($0, key) == 1 { v = substr($0, length(key) + 1); all = v == "" ? "" : all v ";" }
      END { print all }'
}
drop_in() { # UNIT
  echo "/etc/systemd/system/$1.d/50-bramble.conf"
}
units_with() { # REGEX: names of bramble's own that have such a line
  (cd "$top" && grep -lE "$1" overlays/*/usr/lib/systemd/system/*.service) | xargs -n 1 basename
}

# Every unit with a directive that costs the service where it is unknown, not a list of them: the
# next one that has it must not be forgotten.
check_old_units() { # SYSTEMD
  local u agent=/usr/lib/bramble/bramble-agent
  for u in $(units_with '^StartLimitIntervalSec=0'); do
    [[ $1 -ge 230 ]] || has "$(drop_in "$u")" $'\nStartLimitInterval=0\n' "units: no start limit for $u"
  done
  for u in $(units_with '^TimeoutStartSec=infinity'); do
    if [[ $1 -lt 229 ]]; then
      has "$(drop_in "$u")" $'\nTimeoutStartSec=0\n' "units: as much time as it takes for $u"
    else
      hasnt "$(drop_in "$u")" 'TimeoutStartSec' "units: the time of $u as it is"
    fi
  done
  for u in $(units_with '^SystemCallFilter='); do
    [[ $1 -ge 247 ]] || is "$(merged "$u" SystemCallFilter)" "" "$n: units: no filter for $u"
  done
  for u in $(units_with '^Exec[A-Za-z]+=[-@:!]*[+]'); do
    if [[ $1 -lt 231 ]]; then
      has "$(drop_in "$u")" $'\nPermissionsStartOnly=yes\n' "units: root's lines of $u"
      is "$(for key in ExecStartPre ExecStartPost; do merged "$u" $key; done | grep -cE '(^|;)[-@:!]*[+]')" 0 \
        "$n: units: no line of $u is ignored"
    else
      hasnt "$(drop_in "$u")" '(PermissionsStartOnly|Exec|ReadWriteDirectories)' "units: the lines of $u as they are"
    fi
  done
  if [[ $1 -lt 231 ]]; then
    is "$(merged bramble-agent.service ExecStartPre)" "-$agent adopt;" "$n: units: the agent's"
    is "$(merged neo4j.service ExecStartPre)" "$agent hosts;/sbin/runuser -u neo4j -- $agent prepare;" \
      "$n: units: neo4j's, each by its user"
    is "$(merged bramble-upgrade.service ExecStartPost)" "$agent upgraded;/bin/rm -rf /etc/bramble/upgrade;" \
      "$n: units: the upgrade's"
    has "$(drop_in bramble-upgrade.service)" 'ReadWriteDirectories=/etc/bramble' "units: which may write there"
    has "$(drop_in bramble-agent.service)" 'TimeoutStopSec=1' "units: an agent that hangs ends soon"
  fi
  if [[ $1 -lt 235 ]]; then
    for u in bramble-agent bramble-enact; do
      is "$(merged $u.service RuntimeDirectory)" "" "$n: units: nobody removes the folder of $u"
    done
    like "$(merged bramble-agent.service ReadWritePaths)" '-/run/bramble;' "$n: units: the agent may write to it"
    has /etc/tmpfiles.d/bramble.conf \
      $'\nd /run/bramble 0755 bramble-agent bramble-agent\nd /run/bramble-enact 0755 root root$' "units: they are made"
  else
    gone /etc/tmpfiles.d/bramble.conf "units: systemd keeps the folders"
    [[ $1 -ge 247 ]] || hasnt "$(drop_in bramble-agent.service)" RuntimeDirectory "units: by the agent's own word"
  fi
}

rdump() { # IMAGE DIR
  partition "$1" 2
  mkdir -p "$2"
  debugfs -R "rdump / $2" "$1?offset=$part_start" >/dev/null 2>&1
  mcopy -n -i "$1@@4M" ::cmdline.txt "$2/cmdline.txt"
  sed -i 's/generation = [0-9]*/generation/' "$2/etc/bramble/node.conf"
  # These two name the base and the generation.
  sed -i '/"base"/d' "$2/etc/bramble/fixed.json"
  rm "$2/var/lib/bramble/installed.json"
}

# The card, without p3, is the base of a second build of the same node.
check_again() {
  cp --sparse=always "$card" again.img
  sfdisk -q --delete again.img 3
  write_conf again.img "${more:-}"
  rdump "$card" once
  build_card
  ok $? "$n: the card itself is a base" "$out"
  rdump "$card" twice
  out=$(diff -r --no-dereference once twice 2>&1)
  ok $? "$n: patched twice is patched once" "$out"
  rm -rf once twice again.img
}

for n in jessie-2016 jessie stretch buster bullseye-2021 bullseye bookworm bookworm-imager trixie trixie-cloud; do
  read -r version _ arch _ _ boot_at _ <<<"${release_rows[$n]}"
  release_fixture "$n" base.img
  write_conf base.img
  out=$("$bramble" check c.conf 2>&1)
  like "$out" "release ${n%%-*} \(Raspberry Pi reference.*boot partition at $boot_at," "$n: recognised"
  like "$out" "base [^ ]+ \($arch\)" "$n: architecture"
  build_card
  ok $? "$n: built" "$out"
  log=$(fsck_partition "$card" 2)
  ok $? "$n: e2fsck -fn of p2 is clean" "$log"
  log=$("$bramble" verify "$card")
  ok $? "$n: bramble verify finds nothing" "$log"
  like "$("$bramble" inspect "$card")" "known as ${n%%-*}, network by " "$n: bramble inspect knows it"
  check_first_boot "$version"
  check_disk "$boot_at"
  check_identity "$version"
  check_wired "$version"
  check_login "$version"
  check_system "$version"
  check_again
  rm -rf cache/stages cache/base
done

# --- a user the base does not have
n=bookworm
release_fixture $n base.img
write_conf base.img
sed -i 's/user = "pi"/user = "gardener"/' c.conf
build_card
ok $? "$n: built for another user" "$out"
has /etc/passwd 'gardener:x:1001:1001::/home/gardener:/bin/bash' "user: made"
has /etc/shadow 'gardener:[*]:' "user: without a password"
has /etc/group 'sudo:x:27:pi,gardener' "user: in the first user's groups"
has /etc/group 'gardener:x:1001:' "user: with a group"
mode /etc/sudoers.d/010_gardener-nopasswd 0440 "user: may become root"
like "$(root 'stat /home/gardener/.bashrc')" 'User:  1001' "$n: user: home is made from /etc/skel"
like "$(root 'stat /home/gardener/.ssh/authorized_keys')" 'User:  1001' "$n: ssh-key: is theirs"

# --- Wi-Fi, swap kept
for n in stretch trixie; do
  release_fixture $n base.img
  write_conf base.img "$WIFI swap = \"keep\""
  build_card
  ok $? "$n: built with Wi-Fi" "$out"
  like "$(mcopy -i "$card@@4M" ::cmdline.txt -)" ' cfg80211.ieee80211_regdom=DE' "$n: cmdline: country"
  has '/var/lib/systemd/rfkill/platform-3f300000.mmcnr:wlan' '^0' "wifi: the radio is on"
  if [[ $n == stretch ]]; then
    file=/etc/wpa_supplicant/wpa_supplicant.conf
    has $file $'country=DE\n' "wifi: country"
    has $file $'ssid=6d79206e6574\n\tpsk="secret "pass\\\\word""\n' "wifi: name and passphrase"
    has /etc/dhcpcd.conf $'interface wlan0\n' "network: the address is on it"
    gone /etc/systemd/system/dphys-swapfile.service "swap: kept"
  else
    file=/etc/NetworkManager/system-connections/bramble.nmconnection
    has $file $'type=wifi\ninterface-name=wlan0' "network: the address is on it"
    has $file $'ssid=109;121;32;110;101;116;\n' "wifi: name"
    has $file $'psk=secret\\\\s"pass\\\\\\\\word"\n' "wifi: passphrase"
    has /var/lib/NetworkManager/NetworkManager.state 'WirelessEnabled=true' "wifi: NetworkManager's switch"
    gone /etc/rpi/swap.conf.d/50-bramble.conf "swap: kept"
  fi
  mode $file 0600 "wifi: nobody else reads the passphrase"
  more="$WIFI swap = \"keep\"" check_again
done

# --- Wi-Fi that is open and hidden
for n in buster bookworm; do
  release_fixture $n base.img
  write_conf base.img 'wifi { ssid = "cafe" country = "DE" open = true hidden = true }'
  build_card
  ok $? "$n: built with an open and hidden Wi-Fi" "$out"
  if [[ $n == buster ]]; then
    has /etc/wpa_supplicant/wpa_supplicant.conf $'ssid=63616665\n\tscan_ssid=1\n\tkey_mgmt=NONE\n}' "wifi: asked for by name, no key"
  else
    file=/etc/NetworkManager/system-connections/bramble.nmconnection
    has $file $'ssid=cafe\nhidden=true\n\n\\[ipv4]' "wifi: asked for by name, no key"
  fi
done

# --- what is refused
refused() { # STATUS REGEX NAME
  fails "$1" "$2" "$3" "$bramble" check c.conf
}
write_conf base.img "$WIFI"
chmod 0644 passphrase
refused 3 'passphrase_file = .*others may read it' "a passphrase others may read"
chmod 0600 passphrase
echo short >passphrase
refused 3 'passphrase_file = .*8 to 63' "a passphrase that is too short"
write_conf base.img 'wifi { ssid = "x" }'
refused 3 'wifi: country is not two capital letters' "Wi-Fi without a country"
write_conf base.img 'wifi { ssid = "x" country = "DE" }'
refused 3 'wifi: passphrase_file is missing; open = true' "Wi-Fi without a passphrase, unless it is said to be open"
write_conf base.img "${WIFI/country/open = true country}"
refused 3 'an open network has no passphrase_file' "an open Wi-Fi with a passphrase"
write_conf base.img 'swap = "maybe"'
refused 3 'swap = "maybe" is neither off nor keep' "an unknown way to swap"

edit_root() { # COMMAND...: debugfs commands on base.img
  partition base.img 2
  for c in "$@"; do debugfs -w -R "$c" "base.img?offset=$part_start" >/dev/null 2>&1; done
}
release_fixture bookworm base.img
cp --sparse=always base.img good.img
write_conf base.img
echo 'VERSION_ID="14"' >os-release
edit_root 'rm /etc/os-release' 'write os-release /etc/os-release'
refused 4 'an unknown release .*rpi-issue: Raspberry Pi reference.*--force-release NAME' "a release to come"
out=$("$bramble" check --force-release bookworm c.conf 2>&1)
like "$out" 'release bookworm' "is taken for what the user says" "$out"
fails 2 'force_release "forky": none of jessie' "but not for what nobody knows" \
  "$bramble" check --force-release forky c.conf
cp --sparse=always good.img base.img
edit_root 'rm /etc/rpi-issue'
refused 4 'no Raspberry Pi OS: /etc/rpi-issue is missing' "another Debian"
cp --sparse=always good.img base.img
echo "console=tty1 root=PARTUUID=$FIXTURE_ID-02 init=/sbin/surprise" >cmdline.txt
mcopy -o -i base.img@@4M cmdline.txt ::
refused 4 'cmdline.txt starts something unknown at boot' "a first-boot mechanism nobody knows"
build_card --force-release bookworm
like "$(mcopy -i "$card@@4M" ::cmdline.txt -)" 'init=/sbin/surprise' "forced, it stays" "$out"
like "$("$bramble" verify --cluster c.conf "$card" 2>&1)" 'unknown at boot' "verify does not know of it"
sed -i 's/^  base = .*/&\n  force_release = "bookworm"/' c.conf
build_card
ok $? "said in cluster.conf it is built too" "$out"
like "$("$bramble" verify --cluster c.conf "$card" 2>&1)" 'ok +cluster.conf' "and compared with it"
cp --sparse=always good.img base.img
edit_root 'rm /etc/systemd/system/multi-user.target.wants/NetworkManager.service'
refused 4 'none of NetworkManager, dhcpcd and systemd-networkd is enabled' "no network"
cp --sparse=always good.img base.img
echo "console=tty1 root=LABEL=rootfs" >cmdline.txt
mcopy -o -i base.img@@4M cmdline.txt ::
fails 4 'root= is neither' "a root that is not the card's" "$bramble" build c.conf
done_testing
