#!/bin/bash
# identical_images = true: one image for all cards, with the files of each node put aside for its first
# boot. No root, no network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
fixture
cd "$scratch" || exit 1
mkdir -p over && echo 'for ${node.name} of ${cluster.name}' >over/motd && echo same >over/same
sed -i -e 's/^  root_size/  identical_images = true\n  neo4j_auth = "password"\n&/' \
  -e 's/node "n1" {/& serial = "10000000ABCDEF01"/' -e 's/node "n2" {/& serial = "10000000abcdef02"/' \
  -e 's/^}$/  overlay "over" { dest = "\/etc\/extra" }\n}/' c.conf
image=c.images/golden.img
nodes=/usr/lib/bramble/nodes

out=$("$bramble" build c.conf 2>build.log)
ok $? "one image is built" "$(cat build.log)"
like "$out" 'one image for all 4 nodes in c.images .* secrets of all' "the summary says whose secrets it holds"
is "$(cd c.images && echo *.img)" golden.img "it is named like the cluster"
is "$(stat -c %a $image)" 600 "and 0600"
for p in 2 3; do
  log=$(fsck_partition $image $p)
  ok $? "e2fsck -fn of p$p is clean" "$log"
done
id=$(sfdisk -J $image | sed -n 's/.*"id": *"0x\([0-9a-f]*\)".*/\1/p')
like "$(card_cat $image /etc/fstab)" "PARTUUID=$id-02 / ext4" "fstab names the image's own p2"
is "$(card_cat $image /etc/bramble/node.conf)" "" "it is no node's"
is "$(card_cat $image /etc/hostname)" golden "and called like the cluster"
like "$(card_cat $image /etc/systemd/network/10-bramble.network)" 'DHCP=' "before it is somebody's it takes the address it gets"
like "$(card_stat $image /etc/systemd/system/multi-user.target.wants/bramble-assign.service)" 'Type: symlink' "bramble-assign is enabled"
[[ $(card_stat $image /etc/systemd/system/multi-user.target.wants/bramble-proxy.service) != *symlink* ]]
ok $? "and bramble-proxy is not"
like "$(card_stat $image $nodes)" 'Mode:  0700' "the nodes' files are root's alone"
like "$(mcopy -i "$image@@4M" ::bramble.txt -)" '# node = "n1"' "bramble.txt tells how to name a node"

# What the agent would put in place is what each node's own image holds.
card_cat $image $nodes/list.json >list.json
is "$(python3 -c '
import json
l = json.load(open("list.json"))
print(sorted(l["nodes"]), sorted(l["serials"].items()), l["name"])')" \
  "['n1', 'n2', 'n3', 'n4'] [('n1', '10000000abcdef01'), ('n2', '10000000abcdef02')] golden" "all nodes and the serial numbers"
sed 's/identical_images = true/identical_images = false/' c.conf >own.conf
cp -r c.state own.state
"$bramble" build own.conf >/dev/null 2>own.log
ok $? "images of the nodes' own are built" "$(cat own.log)"
files() { # NODE: path, mode, uid, gid, digest or target of each of its files
  python3 -c '
import json, sys
for f in json.load(open("list.json"))["nodes"][sys.argv[1]]:
    if "dir" not in f and not f["path"].endswith(("fixed.json", "installed.json")):
        print(f["path"], f.get("link") or f["digest"])' "$1"
}
differ=0
for n in n1 n2 n3 n4; do
  while read -r path what; do
    if [[ $what == /* ]]; then
      [[ $(card_stat own.images/$n.img "$path") == *"Fast link dest: \"$what\""* ]] || { echo "# $n: $path is no link to $what"; differ=1; }
    elif ! diff <(card_cat $image "$nodes/$what") <(card_cat own.images/$n.img "$path") >diff.log; then
      # The generation of the two clusters' files differs; nothing else.
      sed -e 's/generation = [0-9]*//' diff.log | grep '^[<>]' | cut -c 3- | sort | uniq -u | grep -q . &&
        { echo "# $n: $path differs"; sed 's/^/#   /' diff.log; differ=1; }
    fi
  done < <(files $n)
done
is $differ 0 "each node's files are those of its own image"
like "$(files n2 | cut -d ' ' -f 1 | paste -sd ' ')" '/etc/bramble/node.conf .*/etc/bramble/stats.password .*/etc/extra/motd .*/etc/hostname .*/etc/machine-id .*/opt/neo4j-3.5.9/conf/neo4j.conf' \
  "among them what makes it n2"
[[ $(files n4) != *neo4j.conf* && $(files n1) != *proxy.conf* ]]
ok $? "and each has what its roles need"
is "$(files n1 | grep /etc/extra/same | cut -d ' ' -f 2)" "$(files n4 | grep /etc/extra/same | cut -d ' ' -f 2)" "what they share lies there once"

like "$("$bramble" inspect $image)" 'one of 4, by the board.s serial number, of cluster golden' "inspect knows what it is"
out=$("$bramble" verify $image 2>&1)
ok $? "verify finds nothing wrong" "$out"
like "$out" 'no node.s before its first boot' "and says what it cannot check yet"
out=$("$bramble" recover-state --cluster own.conf $image 2>&1)
like "$out" 'own.state: the state of cluster golden, id [0-9a-f]*, generation' "recover-state finds the cluster in it"
like "$("$bramble" check c.conf)" 'note: n3: has no serial.*note: n4: has no serial' "check tells who has no serial number"

# --- compared with cluster.conf, before and after the first boot
become() { # NODE CARD: as bramble-agent assign does (tests/agent/assign_test.sh)
  local commands=$scratch/commands digest
  mkdir -p contents
  python3 - "$1" >"$commands" <<'END'
import json, sys
l = json.load(open("list.json"))
print("rm /etc/bramble/built")
for f in l["nodes"][sys.argv[1]]:
    path = f["path"]
    for n in [i for i, c in enumerate(path) if c == "/" and i]:
        print("mkdir", path[:n])
    kind = 0o40000 if "dir" in f else 0o100000
    if "dir" in f:
        print("mkdir", path)
    else:
        print("rm", path)
        print("symlink %s %s" % (path, f["link"]) if "link" in f else "write contents/%s %s" % (f["digest"], path))
    if "link" not in f:
        print("sif %s mode 0%o\nsif %s uid %d\nsif %s gid %d" % (path, kind | f["mode"], path, f["uid"], path, f["gid"]))
digests = {f["digest"] for n in l["nodes"].values() for f in n if "digest" in f}
for name in sorted(digests) + ["list.json"]:
    print("rm /usr/lib/bramble/nodes/" + name)
print("rmdir /usr/lib/bramble/nodes")
END
  for digest in $(sed -n 's,^write contents/\([0-9a-f]*\) .*,\1,p' "$commands" | sort -u); do
    card_cat $image $nodes/"$digest" >contents/"$digest"
  done
  debugfs -w -f "$commands" "$2?offset=71303168" >debugfs.log 2>&1
  card_cat $image /bramble.marker 3 | sed 's/node = ""/node = "'"$1"'"/' >marker
  debugfs -w -f - "$2?offset=205520896" >/dev/null 2>&1 <<<$'rm /bramble.marker\nwrite marker bramble.marker'
}
edit() { # CARD COMMAND...
  local card=$1 c
  shift
  for c in "$@"; do debugfs -w -R "$c" "$card?offset=71303168" >debugfs.log 2>&1; done
}
out=$("$bramble" verify --cluster c.conf)
ok $? "verify --cluster finds nothing wrong" "$out"
like "$out" 'ok +cluster.conf' "and compares the one image"
sed 's/maxconn = 60/maxconn = 61/' c.conf >d.conf
cp -a c.state d.state
like "$("$bramble" inspect --cluster d.conf $image)" '/usr/lib/bramble/nodes/list.json: ' "which another cluster.conf would give otherwise"
for n in n2 n4; do
  cp --sparse=always $image $n.card
  become $n $n.card
  like "$("$bramble" inspect $n.card)" "data     of $n, virgin" "a card of it that has become $n"
  out=$("$bramble" verify --cluster c.conf $n.card)
  ok $? "is what cluster.conf gives" "$out"
  like "$out" 'ok +cluster.conf' "which is compared"
done
out=$("$bramble" inspect --cluster d.conf n4.card)
like "$out" '-limits . maxconn = 60 .
 *.limits . maxconn = 61 .' "a changed cluster.conf: the lines of the node's own files that differ"
like "$out" '2 differences' "and no more than those"
mcopy -i n4.card@@4M ::bramble.txt bramble.txt
sed 's/^# node = .*/node = "n4"/' bramble.txt | mcopy -o -i n4.card@@4M - ::bramble.txt
out=$("$bramble" inspect --cluster c.conf n4.card)
like "$out" '0 differences' "that bramble.txt names the node is none"
echo 'node = "n4"' >settings.conf
edit n4.card 'write settings.conf /etc/bramble/settings.conf' 'sif /etc/bramble/settings.conf mode 0100600'
like "$("$bramble" inspect --cluster c.conf n4.card)" '0 differences' "nor is what it keeps of that"
(cat bramble.txt && printf 'wifi_ssid = "a"\nwifi_password = "s3cr3t-word"\n') | mcopy -o -i n4.card@@4M - ::bramble.txt
out=$("$bramble" inspect --cluster c.conf n4.card)
like "$out" 'boot: bramble.txt: differs' "a network that nobody took over yet is one"
is "$(grep -c s3cr3t <<<"$out")" 0 "and its password is not shown"
(cat bramble.txt && echo 'address = "10.9.0.99"') | mcopy -o -i n4.card@@4M - ::bramble.txt
out=$("$bramble" inspect --cluster c.conf n4.card)
like "$out" 'boot: bramble.txt: differs' "another line in it is one"
echo x >x
edit n2.card 'rm /opt/neo4j-3.5.9/conf/neo4j.conf' 'write x /opt/neo4j-3.5.9/conf/neo4j.conf' \
  'write x /etc/systemd/network/50-other.network' 'rm /etc/extra/motd' 'sif /etc/bramble/stats.password mode 0100644' \
  'rm /usr/lib/bramble/bramble-agent' 'write x /usr/lib/bramble/bramble-agent' 'sif /usr/lib/bramble/bramble-agent mode 0100755'
out=$("$bramble" inspect --cluster c.conf n2.card)
like "$out" '/opt/neo4j/conf/neo4j.conf: ' "an edited file of the node's own"
like "$out" '/etc/extra/motd: is missing' "one that is missing"
like "$out" '/etc/bramble/stats.password: has mode 0644' "one with another mode"
like "$out" '/usr/lib/bramble/bramble-agent: differs' "a program"
like "$out" '50-other.network: is only on the card' "a file too many"
fails 4 'node "n2", which .* does not have' "a card of a node that there is not" \
  "$bramble" inspect --cluster <(sed '/"n2"/d' c.conf) n2.card

# --- flashing
truncate -s 1G a.card b.card
out=$("$bramble" flash --yes --cluster c.conf golden a.card b.card 2>&1)
ok $? "it goes onto as many cards as there are" "$out"
out=$("$bramble" flash --yes --cluster c.conf n1 a.card 2>&1)
ok $? "a node's name means it too" "$out"
# A card that has become n2's, with a store: p3 is its own, whoever flashes.
partition a.card 3
dd if=a.card of=p3 bs=1M iflag=skip_bytes,count_bytes skip=$part_start count=$part_size status=none
debugfs -w -R 'dump /bramble.marker marker' p3 2>/dev/null
sed -i 's/node = ""/node = "n2"/; s/virgin/served/' marker && echo 'neo4j = "3.5.9"' >>marker
debugfs -w -f - p3 >/dev/null 2>&1 <<<$'rm /bramble.marker\nwrite marker bramble.marker'
dd if=p3 of=a.card bs=1M oflag=seek_bytes seek=$part_start conv=notrunc status=none
out=$("$bramble" flash --yes --keep-data --cluster c.conf golden a.card 2>&1)
ok $? "a card that is n2's keeps its data" "$out"
like "$("$bramble" inspect a.card)" 'data     of n2, served' "and stays n2's"
sed 's/identical_images = true/identical_images = false/; s/node "n1"/node "golden"/' c.conf >clash.conf
sed -i 's/identical_images = false/identical_images = true/' clash.conf
fails 3 'the one image is named like the cluster, and so is a node' "a node called like the cluster is refused" "$bramble" check clash.conf
for bad in 'n1" { serial = "x"' 'n1" { serial = ""' 'n1" { serial = "0000"' 'n3" { serial = "10000000abcdef02"'; do
  sed "s/node \"${bad%%\"*}\" {\( serial = \"[^\"]*\"\)*/node \"$bad/" c.conf >bad.conf
  fails 3 'serial' "refused: node \"$bad" "$bramble" check bad.conf
done

# --- again
mv $image before.img
rm -rf c.images "$BRAMBLE_CACHE"
(umask 077 && TZ=Asia/Tokyo "$bramble" build --jobs 1 c.conf >/dev/null 2>again.log) || cat again.log
cmp before.img $image
ok $? "built again it is the same, byte for byte"
done_testing
