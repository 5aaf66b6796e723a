#!/bin/bash
# bramble build on a small stand-in for a base image: what lands on the cards, and what happens with
# bad input, full disks and interruptions. No root, no network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
fixture
images=$scratch/c.images
cd "$scratch" || exit 1

# --- what a good build makes
out=$("$bramble" build c.conf 2>build.log)
ok $? "four images are built" "$(cat build.log)"
like "$out" '4 images' "the summary counts them"
like "$(cat build.log)" '\[8/8\] n4' "without a terminal progress is plain lines"
for n in 1 2 3 4; do
  sfdisk --verify "$images/n$n.img" >verify.log 2>&1 && ! grep -qi 'overlap\|warn' verify.log
  ok $? "n$n: sfdisk --verify is clean" "$(cat verify.log)"
  for p in 2 3; do
    log=$(fsck_partition "$images/n$n.img" $p)
    ok $? "n$n: e2fsck -fn of p$p is clean" "$log"
  done
done
is "$(stat -c %a "$images"/n?.img | sort -u)" 600 "images are 0600: they hold secrets"
is "$(stat -c %a c.state)" 700 "the state folder is 0700"
is "$(stat -c %a c.state/* | sort -u)" 600 "what is in it is 0600"
[[ ! -e $images/.build ]]
ok $? "no work folder is left"

i=$images/n3.img
is "$(card_cat "$i" /etc/hostname)" n3 "hostname"
like "$(card_cat "$i" /etc/hosts)" '10.9.0.13.n3' "hosts gives the node its address"
[[ $(card_cat "$i" /etc/hosts) != *127.0.1.1* ]]
ok $? "and not 127.0.1.1, where Neo4j 2.3 would look for itself"
like "$(card_cat "$i" /etc/hosts)" '10.9.0.14.n4' "hosts names the others"
like "$(card_cat "$i" /etc/machine-id)" '^[0-9a-f]{32}$' "machine-id is made"
[[ $(card_cat "$i" /etc/machine-id) != "$(card_cat "$images/n1.img" /etc/machine-id)" ]]
ok $? "machine-ids differ"
like "$(card_cat "$i" /etc/systemd/network/10-bramble.network)" 'Address=10.9.0.13/24' "static address"
id=$(sfdisk -J "$i" | sed -n 's/.*"id": *"0x\([0-9a-f]*\)".*/\1/p')
fstab=$(card_cat "$i" /etc/fstab)
like "$fstab" "PARTUUID=$id-02 / ext4" "fstab names the card's own p2"
like "$fstab" "PARTUUID=$id-03 +/srv/bramble" "fstab names p3"
[[ $fstab != *0badcafe* ]]
ok $? "nothing of the base's disk id is left in fstab"
like "$(mcopy -i "$i@@4M" ::cmdline.txt -)" "root=PARTUUID=$id-02" "cmdline.txt names p2"
like "$(card_cat "$i" /etc/bramble/node.conf)" 'member "n4" \{ id = 0 roles = \{"proxy"\}' "node.conf lists all"
like "$(card_cat "$i" /etc/bramble/cluster.secret)" '^[0-9a-f]{64}$' "the secret is there"
secret=$(card_stat "$i" /etc/bramble/cluster.secret)
like "$secret" 'Mode:  0600' "the secret is 0600"
like "$secret" 'User:  7470' "and the agent's"
like "$(card_cat "$i" /etc/passwd)" 'bramble-agent:x:7470:7470' "user bramble-agent"
conf=$(card_cat "$i" /opt/neo4j/conf/neo4j.conf)
like "$conf" 'ha.server_id=7' "neo4j.conf: server id"
like "$conf" 'ha.initial_hosts=10.9.0.11:5001,10.9.0.12:5001,10.9.0.13:5001' "neo4j.conf: initial hosts"
like "$conf" '--add-opens=java.base/java.nio' "neo4j.conf: what Java 17 needs"
like "$(card_stat "$i" /opt/neo4j/bin/neo4j)" 'Mode:  0755' "Neo4j's programs stay executable"
like "$(card_stat "$i" /opt/neo4j)" 'neo4j-3.5.9' "/opt/neo4j is a link to the version"
like "$(card_cat "$i" /etc/passwd)" 'neo4j:x:7474:7474' "user neo4j"
like "$(card_stat "$i" /usr/bin/java)" 'Fast link dest: "/etc/alternatives/java"' "java is in the path"
like "$(card_cat "$i" /var/lib/dpkg/status)" 'openjdk-17-jre-headless.Status: install ok installed' \
  "dpkg knows the package"
like "$(card_cat "$i" '/var/lib/dpkg/info/openjdk-17-jre-headless:amd64.list')" 'bin/java' "and its files"
like "$(card_stat "$i" /etc/systemd/system/multi-user.target.wants/bramble-agent.service)" symlink "agent enabled"
like "$(card_stat "$i" /etc/systemd/system/sockets.target.wants/bramble-helper.socket)" symlink "its helper's socket too"
like "$(card_stat "$i" /etc/systemd/system/multi-user.target.wants/neo4j.service)" 'not found' \
  "neo4j is not: the agent starts it"
like "$(card_stat "$i" /home/pi/.ssh/authorized_keys)" 'Mode:  0600' "ssh key"
like "$(card_cat "$i" /bramble.marker 3)" 'node = "n3"' "p3 holds the marker"
data=$(card_stat "$i" / 3)
like "$data" 'Mode:  01775' "on p3 nobody removes what is another's"
like "$data" 'User: +0 +Group: +7470' "and the agent may add"
like "$(card_stat "$i" /bramble.marker 3)" 'User:  7470' "the marker is the agent's"
like "$(card_stat "$i" /neo4j 3)" 'User:  7474' "p3's store folder belongs to neo4j"
like "$(card_stat "$i" /usr/lib/bramble/bramble-agent)" 'Mode:  0755' "the agent is there"
like "$(card_cat "$images/n2.img" /etc/bramble/proxy.conf)" 'maxconn = 60' "a data node that is a proxy too"
p=$images/n4.img
like "$(card_stat "$p" /opt/neo4j)" 'not found' "a proxy carries no Neo4j"
like "$(card_stat "$p" /etc/systemd/system/multi-user.target.wants/bramble-proxy.service)" symlink "proxy enabled"
like "$(card_cat "$p" /etc/bramble/proxy.conf)" 'member "n3" \{ id = 7 http = "10.9.0.13:7474"' "its members"
like "$(card_stat "$p" /etc/bramble/stats.password)" 'Mode:  0600' "its password is 0600"
used=$(du -B1 "$images/n1.img" | cut -f1)
[[ $used -lt 60000000 ]]
ok $? "images are sparse" "$used bytes allocated"

# --- twice
tr 0-9a-f 1-9a-f0 <c.state/secret >c.state/secret.next
chmod 600 c.state/secret.next
"$bramble" build c.conf >/dev/null 2>again.log
ok $? "a second build replaces the images"
[[ $(cat again.log) != *"] os"* ]]
ok $? "and runs no stage again" "$(cat again.log)"
is "$(sfdisk -J "$i" | sed -n 's/.*"id": *"0x\([0-9a-f]*\)".*/\1/p')" "$id" "a node keeps its disk id"
like "$(cat again.log)" 'say bramble rotate c.conf again first' "and tells that the secret is being changed"
[[ $(cat build.log) != *rotate* ]]
ok $? "the first did not"
rm c.state/secret.next

# --- bad cluster.conf
bad() { # STATUS REGEX NAME SED
  sed "$4" c.conf >bad.conf
  fails "$1" "$2" "$3" "$bramble" build bad.conf
}
bad 3 'bad.conf:2: no such option .bas.' "unknown key" 's/  base =/  bas =/'
bad 3 'node "n2": address 10.9.0.11 is already n1' "duplicate address" 's/10.9.0.12/10.9.0.11/'
bad 3 'node "n2": id 1 is already n1' "duplicate id" 's/id = 2/id = 1/'
bad 3 'roles is set twice' "repeated key" 's/roles = {"data"} address = "10.9.0.11"/& roles = {"proxy"}/'
bad 3 'nothing here is taken from the environment' "environment" 's/base.img/${HOME}/'
bad 3 'no host of the network' "address outside the subnet" 's/10.9.0.13/10.8.0.13/'
bad 3 'must be a host name' "hostile node name" 's,"n3","../../x",'
bad 3 '"}" is missing' "unfinished file" '$d'
vip() { # REGEX NAME VALUE
  bad 3 "vip \"$3\": $1" "$2" "s/  base =/  vip = \"$3\" base =/"
}
vip 'it is no IPv4 address' "a vip that is no address" 10.9.0
vip "it is no host of the network's subnet" "one of another network" 10.8.0.50
vip "it is n2's" "one that a node has" 10.9.0.12
vip "it is the gateway's" "one that the router has" 10.9.0.1
bad 3 'size: the images need' "card too small" 's/proxy {/size = "300MB" proxy {/'
bad 4 'no such file' "missing base" 's/base.img/nobase.img/'
bad 4 'carries no Java' "no Java in the base" 's/java = "java"/java = "base"/'
fails 3 'No such file' "missing cluster.conf" "$bramble" build nothing.conf
fails 2 'something is missing: bramble build FILE' "no file named" "$bramble" build

# --- bad inputs: nothing of the old images may change
keep=$(sha256sum "$images"/n?.img)
fresh() { # INPUT NAME: c.conf with base replaced, same images folder
  sed "s,\"base.img\",\"$1\"," c.conf >c2.conf
}
build_bad() { # STATUS REGEX NAME
  fails "$1" "$2" "$3" "$bramble" build --out "$images" c2.conf
}
zstd -q base.img -o whole.img.zst
head -c $(($(stat -c %s whole.img.zst) / 2)) whole.img.zst >cut.img.zst
fresh cut.img.zst
build_bad 4 'cut.img.zst: .*complete' "truncated base (zst)"
head -c 60000000 base.img >cut.img
fresh cut.img
build_bad 4 'truncated' "truncated base (img)"
head -c 1000000 /dev/urandom >noise.img
fresh noise.img
build_bad 4 'not an MBR' "noise for a base"
: >empty.img
fresh empty.img
build_bad 4 'empty' "an empty base"
cp base.img dirty.img
debugfs -w -R 'feature needs_recovery' "dirty.img?offset=$((139264 * 512))" >/dev/null 2>&1
fresh dirty.img
build_bad 4 'journal must be replayed' "a dirty ext4"
cp base.img error.img
debugfs -w -R 'ssv state 2' "error.img?offset=$((139264 * 512))" >/dev/null 2>&1
fresh error.img
build_bad 4 'marked as having errors' "an ext4 with errors"
mkdir -p evil && cp -r neo4j/neo4j-enterprise-3.5.9 evil
echo x >evil/neo4j-enterprise-3.5.9/x
tar -C evil -czf evil.tar.gz --transform 's,/x$,/../../../../etc/passwd,' neo4j-enterprise-3.5.9 2>/dev/null
sed 's,neo4j.tar.gz,evil.tar.gz,' c.conf >c2.conf
build_bad 4 'leaves the archive' "a path out of the archive"
ln -sf /etc/shadow evil/neo4j-enterprise-3.5.9/link
tar -C evil -czf link.tar.gz neo4j-enterprise-3.5.9
sed 's,neo4j.tar.gz,link.tar.gz,' c.conf >c2.conf
build_bad 4 'link out of the archive' "a link out of the archive"
head -c 1000000 neo4j.tar.gz >half.tar.gz
sed 's,neo4j.tar.gz,half.tar.gz,' c.conf >c2.conf
build_bad 4 'half.tar.gz' "a truncated Neo4j archive"
head -c 500 java/*.deb >cutdeb
mkdir -p java2 && mv cutdeb java2/openjdk-17-jre-headless_17.0.1_amd64.deb
sed 's,"java",java2,' c.conf >c2.conf
build_bad 4 'openjdk' "a truncated .deb"
mkdir -p java3 && sed -i 's/^Architecture: .*/Architecture: arm64/' deb/DEBIAN/control
dpkg-deb --root-owner-group -Zxz -b deb java3/openjdk-17-jre-headless_17.0.1_amd64.deb >/dev/null
sed 's,"java",java3,' c.conf >c2.conf
build_bad 4 'is not for amd64' "Java for another architecture, whatever its name says"
is "$(sha256sum "$images"/n?.img)" "$keep" "after all of that the old images are untouched"
[[ ! -e $images/.build ]]
ok $? "and no work folder is left"

# --- no room, no permission, interrupted, two at once
fails 1 'proc' "output folder that cannot be made" "$bramble" build --out /proc/nowhere c.conf
if [[ $(id -u) -eq 0 ]] && mkdir -p small && mount -t tmpfs -o size=4m none small 2>/dev/null; then
  fails 1 'No space left' "no space left" "$bramble" build --out small/images c.conf
  is "$(ls -A small/images)" "" "nothing is left there"
  umount small
else
  skip "no space left" "needs root for a small filesystem"
fi
rm -rf cache/stages
"$bramble" build c.conf >/dev/null 2>&1 &
pid=$!
for _ in $(seq 200); do
  [[ -e $images/.build ]] && break
  sleep 0.02
done
fails 5 'another bramble build' "two builds at once in one folder" "$bramble" build c.conf
kill -INT $pid
wait $pid
status=$?
[[ $status -eq 130 || $status -eq 0 ]]
ok $? "an interrupted build says so" "status $status"
is "$(sha256sum "$images"/n[123].img)" "$(head -n 3 <<<"$keep")" "and leaves the old images"
[[ -z $(find "$images" cache/stages -name '.build' -o -name '.new-*') ]]
ok $? "and nothing half-made"
"$bramble" build c.conf >/dev/null 2>&1 &
pid=$!
sleep 0.3
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
"$bramble" build c.conf >/dev/null 2>after.log
ok $? "after kill -9 the next build works" "$(cat after.log)"
[[ ! -e $images/.build ]]
ok $? "and clears what was left"

# --- init and assets
"$bramble" init new.conf >/dev/null
ok $? "init writes a cluster.conf"
cmp -s new.conf "$top/examples/garden.conf"
ok $? "the article's four Pis"
fails 1 'exists; it was not touched' "init keeps an existing file" "$bramble" init new.conf
like "$("$bramble" assets)" 'programs/armhf/bramble-agent' "assets lists what is embedded"
"$bramble" assets extract extracted >/dev/null
cmp -s extracted/programs/arm64/bramble-proxy "$top/build/arm64/bramble-proxy"
ok $? "assets extracts it"
fails 2 'no command "bild"' "unknown command" "$bramble" bild
done_testing
