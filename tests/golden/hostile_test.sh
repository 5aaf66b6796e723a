#!/bin/bash
# bramble check and build on inputs, folders and neighbours that mean no good. No root, no network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
fixture 2>/dev/null
cd "$scratch" || exit 1
p2='base2.img?offset='$((139264 * 512))

variant() { # SED...: c.conf changed, as v.conf
  sed "$@" c.conf >v.conf
}
refused() { # STATUS REGEX NAME: both check and build say so
  fails "$1" "$2" "check: $3" "$bramble" check v.conf
  fails "$1" "$2" "build: $3" "$bramble" build v.conf
}
base2() { # DEBUGFS-COMMAND...: a base changed by debugfs; v.conf names it
  local c
  cp --sparse=always base.img base2.img
  for c; do debugfs -w -R "$c" "$p2" >/dev/null 2>&1; done
  variant 's/base.img/base2.img/'
}

# --- check looks into everything and leaves nothing
like "$("$bramble" check c.conf 2>&1)" 'Java 17, base .*base.img .amd64.' "check tells what is inside"
[[ ! -e c.state && ! -e c.images ]]
ok $? "and makes neither images nor state"
variant 's/java = "java"/java = "base"/'
refused 4 'carries no Java' "no Java in the base"
[[ ! -e v.state ]]
ok $? "a build that is refused makes no state"

# --- files that are none
for f in /dev/zero . fifo; do
  [[ $f == fifo ]] && mkfifo fifo
  variant "s,base.img,$f,"
  refused 4 'no such file' "base = $f"
done
variant 's,neo4j.tar.gz,java,'
refused 4 'no such file' "a folder for an archive"
variant 's,java = "java",java = "base.img",'
refused 4 'no such folder' "a file for a Java set"

# --- tables
table() { # NAME STATUS REGEX SFDISK-LINES
  cp --sparse=always base.img base2.img
  printf '%b' "$4" | sfdisk -q --no-reread --force base2.img >/dev/null 2>&1
  variant 's/base.img/base2.img/'
  refused "$2" "$3" "$1"
}
table "one partition" 4 'found no partition 2' 'label: dos\nstart=8192,size=131072,type=c\n'
table "three partitions" 4 'found a partition 3' \
  'label: dos\nstart=8192,size=131072,type=c\nstart=139264,size=65536,type=83\nstart=204800,size=2048,type=83\n'
table "GPT" 4 'not an MBR' 'label: gpt\nstart=8192,size=131072\nstart=139264,size=65536\n'
table "partitions in the other order" 4 'overlap' \
  'label: dos\nstart=139264,size=131072,type=c\nstart=8192,size=131072,type=83\n'
table "no FAT" 4 'expected FAT' 'label: dos\nstart=8192,size=131072,type=83\nstart=139264,size=131072,type=83\n'
table "an extended partition" 4 'expected FAT' 'label: dos\nstart=8192,size=131072,type=c\nstart=139264,size=131072,type=5\n'
table "an ext4 larger than its partition" 4 'its ext4 has' \
  'label: dos\nlabel-id: 0x0badcafe\nstart=8192,size=131072,type=c\nstart=139264,size=65536,type=83\n'
cp --sparse=always base.img base2.img
dd if=/dev/urandom of=base2.img bs=512 seek=139264 count=2048 conv=notrunc status=none
variant 's/base.img/base2.img/'
refused 4 'ext4: Bad magic' "p2 is no ext4"
cp --sparse=always base.img base2.img # entries that overlap: p2 starts within p1
printf '\x00\x30\x00\x00' | dd of=base2.img bs=1 seek=470 conv=notrunc status=none
refused 4 'overlap' "partitions that overlap"

# --- a base that would fill the disk; sizes an MBR cannot hold
truncate -s 40G bomb.img
head -c 600M /dev/zero | gzip -1 >bomb.img.gz
variant 's/base.img/bomb.img.gz/; s/root_size = .*/size = "300MB"/'
refused 4 'holds more than the 300 MB' "a compressed bomb"
variant 's/base.img/bomb.img/'
refused 4 'larger than the smallest card' "a hollow bomb"
variant 's/root_size = .*/size = "64TB"/'
refused 3 'ends at 2TiB' "a card larger than an MBR"
[[ -z $(find cache/stages -name '.work-*') ]]
ok $? "nothing half-made stays in the cache"

# --- names
for n in localhost 127 -x 'a b' 'a\\nb' "$(printf '%064d' 0)" A; do
  variant "s/node \"n1\"/node \"$n\"/"
  refused 3 'must be a host name' "a node named $n"
done
mkdir -p evil && top_folder() { # NAME
  rm -rf evil/* && cp -r neo4j/neo4j-enterprise-3.5.9 "evil/$1"
  tar -C evil -czf evil.tar.gz -- "$1"
  variant 's/neo4j.tar.gz/evil.tar.gz/'
}
top_folder $'neo4j-enterprise-3.5.9" }\nnode { name = "n2'
refused 4 'is not neo4j-enterprise-VERSION' "a version that would be read as configuration"
top_folder neo4j-enterprise-3.5.9
rm -r evil/*/bin && tar -C evil -czf evil.tar.gz neo4j-enterprise-3.5.9
refused 4 'holds no bin/neo4j; its top folder has only: conf lib' "an archive without Neo4j"

# --- who may log in
key() { # STATUS REGEX NAME CONTENT
  printf '%b' "$4" >key2
  variant 's,key.pub,key2,'
  refused "$1" "$2" "$3"
}
key 3 'is a private key' "a private key" '-----BEGIN OPENSSH PRIVATE KEY-----\nssh-rsa\n'
key 3 'is no public key' "an empty key" ''
key 3 'is no public key' "something else for a key" 'hello\n'
variant 's,key.pub,nokey,'
refused 3 'no such file' "a missing key"
variant 's/user = "pi"/user = "root"/'
refused 3 'has no home' "a user whose home is not there"

# --- a base that differs
printf 'root:x:0:0:root:/root:/bin/sh\npi:x:1001:1002::/home/me:/bin/sh' >passwd
printf 'PARTUUID=0badcafe-01 /boot/firmware vfat defaults 0 2\nPARTUUID=0badcafe-02 / ext4 defaults 0 1' >fstab
base2 'rm /etc/passwd' 'write passwd /etc/passwd' 'rm /etc/fstab' 'write fstab /etc/fstab' 'mkdir /home/me'
"$bramble" build v.conf >/dev/null 2>log
ok $? "files without a newline at their end" "$(cat log)"
i=v.images/n1.img
like "$(card_cat $i /etc/fstab)" $'0 1\nPARTUUID=.*-03' "fstab keeps its lines"
like "$(card_cat $i /etc/passwd)" $':/bin/sh\nbramble-proxy:' "and so does passwd"
like "$(card_stat $i /home/me/.ssh/authorized_keys)" 'User:  1001 +Group:  1002' "the key is where passwd says, and whose"
printf 'root:x:0:0:root:/root:/bin/sh\npi:x:1000:1000::/home/pi:/bin/sh\nneo4j:x:999:999::/:/bin/sh\n' >passwd
base2 'rm /etc/passwd' 'write passwd /etc/passwd'
fails 4 '"neo4j" has number 999' "a user neo4j with another number" "$bramble" build v.conf
sed -i 's/neo4j:x:999/other:x:7474/' passwd
base2 'rm /etc/passwd' 'write passwd /etc/passwd'
fails 4 '"other" has number 7474' "another user with Neo4j's number" "$bramble" build v.conf
printf 'root:x:0:\ndocker:x:7480:\n' >group
base2 'rm /etc/group' 'write group /etc/group'
fails 4 '"docker" has number 7480' "a group with the proxies' number" "$bramble" build v.conf

base2 'sif /etc/passwd links_count 3'
refused 4 'ext4 is damaged' "a base that says it is clean and is not"

# --- neighbours
rm -rf cache c.state
"$bramble" build --out a c.conf >a.log 2>&1 &
a=$!
"$bramble" build --out b c.conf >b.log 2>&1
ok $? "two first builds at once" "$(cat b.log)"
wait $a
ok $? "in two folders, with one cache" "$(cat a.log)"
is "$(card_cat a/n1.img /etc/bramble/cluster.secret)" "$(card_cat b/n1.img /etc/bramble/cluster.secret)" \
  "make one cluster"
is "$(card_cat a/n1.img /etc/bramble/node.conf)" "$(card_cat b/n1.img /etc/bramble/node.conf)" "of one generation"
rm -rf cache/stages
for pause in 0.05 0.1 0.2 0.3; do
  "$bramble" build c.conf >/dev/null 2>&1 &
  pid=$!
  sleep $pause
  kill -9 $pid 2>/dev/null
  wait $pid 2>/dev/null
done
"$bramble" build c.conf >/dev/null 2>log
ok $? "after four builds were killed the fifth works" "$(cat log)"
is "$(find cache/stages -name '.*' -o -name '*.p2')" "" "and clears what they left in the cache"
for n in 1 4; do
  log=$(fsck_partition c.images/n$n.img 2)
  ok $? "n$n's card is clean" "$log"
done
mkdir cache/stages/.work-alive && exec 9<cache/stages/.work-alive && flock 9
"$bramble" build c.conf >/dev/null 2>&1
[[ -d cache/stages/.work-alive ]]
ok $? "a folder another build holds stays"
exec 9<&-

# --- state
echo x >c.state/generation
fails 3 'generation: damaged' "a damaged generation" "$bramble" build c.conf
echo 7 >c.state/generation
chmod 0750 c.state
fails 3 'mode 0700' "a state folder others can read" "$bramble" build c.conf
chmod 0700 c.state
mv c.state kept.state
fails 3 'c.state is gone, but .*recover-state' "a build without the state that made the images" "$bramble" build c.conf
mv kept.state c.state
rm c.state/secret
fails 3 'secret is gone; a new one would' "a state without its secret" "$bramble" build c.conf
card_cat c.images/n1.img /etc/bramble/cluster.secret >c.state/secret
fails 3 'secret: holds secrets and must have mode 0600' "a secret others can read" "$bramble" build c.conf
chmod 0600 c.state/secret
read_only='mount --bind c.state c.state && mount -o remount,ro,bind c.state && exec "$0" build "$1"'
if "$bramble" build c.conf >/dev/null 2>&1 && unshare -m bash -c "${read_only%&&*}" 2>/dev/null; then
  out=$(unshare -m bash -c "$read_only" "$bramble" c.conf 2>&1)
  ok $? "a read-only state is enough while cluster.conf stays" "$out"
  cp c.conf kept.conf && echo '# changed' >>c.conf
  fails 1 'c.state/.*: Read-only' "a changed one must be counted" unshare -m bash -c "$read_only" "$bramble" c.conf
  mv kept.conf c.conf
else
  skip "a read-only state" "no mount namespace"
fi
(umask 0 && "$bramble" build --out open c.conf >/dev/null 2>&1)
is "$(stat -c %a c.state c.state/* open/*.img | sort -u | xargs)" "600 700" "secrets are nobody else's under umask 0"

# --- paths
for d in -x 'a b' 'x,y=1' $'new\nline'; do
  "$bramble" build "--out=$d" c.conf >/dev/null 2>log
  ok $? "images in a folder named $(tr '\n' ' ' <<<"$d")" "$(cat log)"
done
fails 1 'cannot take a path' "a folder mtools would not find" "$bramble" build --out 'a@@4M' c.conf
fails 1 'No such file' "no folder at all" "$bramble" build --out '' c.conf
"$bramble" build c.conf <&- >&- 2>&-
ok $? "without standard input, output and error"
log=$(fsck_partition c.images/n1.img 2)
ok $? "nothing was written where it does not belong" "$log"
done_testing
