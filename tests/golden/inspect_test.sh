#!/bin/bash
# bramble inspect and verify on good cards and on cards somebody tampered with: each single fault
# turns exactly one check to failed, and looking changes nothing. No root, no network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
fixture
cd "$scratch" || exit 1
"$bramble" build c.conf 2>build.log || skip_all "no images: $(tail -n 1 build.log)"
card=$scratch/card.img # a data node that is a proxy too
root=71303168 data=205520896

fresh() { # NODE: a copy to tamper with, away from its manifest
  rm -f "$card"
  cp --sparse=always "c.images/$1.img" "$card"
}
edit() { # PARTITION-OFFSET COMMAND...: debugfs writes into the copy
  local at=$1 c
  shift
  for c in "$@"; do debugfs -w -R "$c" "$card?offset=$at" >debugfs.log 2>&1; done
}
poke() { # OFFSET BYTES
  printf '%b' "$2" | dd of="$card" bs=1 seek="$1" conv=notrunc status=none
}

# --- inspect
fresh n2
before=$(sha256sum "$card")
out=$("$bramble" inspect card.img)
like "$out" 'disk id [0-9a-f]{8}' "inspect tells the disk id"
like "$out" 'p3 +type 83, 512.0 MiB at byte 205520896, aligned to 4 MiB' "partitions"
like "$out" 'FAT32 bootfs, UUID ....-....,' "the boot filesystem"
like "$out" 'ext4 bramble-data' "the data filesystem"
like "$out" 'n2 \(data,proxy, id 2\) at 10.9.0.12 in cluster golden [0-9a-f]{32}, generation 1' "the node"
like "$out" 'neo4j +3.5.9, profile' "Neo4j's version and profile"
like "$out" 'java +openjdk-17-jre-headless 17.0.1' "Java"
like "$out" "bramble +[^ ]" "the bramble that made it"
like "$out" 'data +of n2, virgin' "the marker"
json=$("$bramble" inspect --json card.img)
is "$(python3 -c 'import json,sys; c=json.load(sys.stdin); print(c["identity"]["node"], len(c["table"]["partitions"]),
  c["data"]["state"], c["table"]["partitions"][1]["filesystem"]["clean"], "known_as" in c["release"])' <<<"$json")" "n2 3 virgin True True" "as JSON"
config=$("$bramble" inspect --config card.img)
like "$config" 'ha.server_id=2' "--config prints Neo4j's files"
like "$config" 'member "n3"' "and node.conf"
like "$config" '/etc/bramble/cluster.secret: present, mode 0600' "of a secret only that it is there"
[[ $config != *$(cat c.state/secret)* && $config != *$(cat c.state/stats.password)* ]]
ok $? "no secret is printed"
echo 'JAVA_VERSION="17.0.9"' >release
edit $root 'mkdir /opt/java' 'write release /opt/java/release'
like "$("$bramble" inspect card.img)" 'java +17.0.9' "a JRE from an archive comes first"
edit $root 'sif /etc/bramble/cluster.secret mode 0100644'
[[ $("$bramble" inspect --config card.img) != *$(cat c.state/secret)* ]]
ok $? "not even one whose mode was loosened"
zstd -q c.images/n1.img -o n1.img.zst
like "$("$bramble" inspect n1.img.zst)" 'n1 \(data, id 1\)' "a compressed image"
is "$(find cache/stages -name '*inspect*')" "" "leaves nothing in the cache"
like "$("$bramble" inspect base.img)" 'none: not a card of bramble' "a base image is no node"

# --- compared with cluster.conf
like "$("$bramble" inspect --cluster c.conf c.images/n4.img)" '0 differences' "a card as cluster.conf gives it"
sed 's/maxconn = 60/maxconn = 61/' c.conf >d.conf
cp -a c.state d.state
out=$("$bramble" inspect --cluster d.conf c.images/n4.img)
like "$out" '-limits . maxconn = 60 .
 *.limits . maxconn = 61 .' "a changed cluster.conf: the lines that differ"
like "$out" '2 differences' "and no more than those"
is "$(cat d.state/generation)" 1 "the state counts no generation for a look"
fresh n4
edit $root 'sif /etc/bramble/proxy.conf mode 0100600' 'rm /etc/hostname'
out=$("$bramble" inspect --cluster c.conf card.img)
like "$out" 'proxy.conf: has mode 0600 and owner 0:0, not 0644' "a changed mode"
like "$out" '/etc/hostname: is missing' "a missing file"
edit $root 'write c.conf /etc/systemd/network/50-other.network'
like "$("$bramble" inspect --cluster c.conf card.img)" '50-other.network: is only on the card' "a file too many"
fails 4 'node "n4", which .* does not have' "a card of another cluster.conf" \
  "$bramble" inspect --cluster <(sed '/"n4"/d' c.conf) card.img
cp c.conf e.conf
fails 3 'e.state: no such folder' "a cluster.conf without a state" "$bramble" inspect --cluster e.conf card.img
# Larger than what is had in memory at once.
mkdir -p big/etc && truncate -s 20M big/etc/large
sed '$d' c.conf >big.conf && printf 'overlay "big" { node = "n4" }\n}\n' >>big.conf
"$bramble" build big.conf 2>build.log
ok $? "an overlay with a large file is built" "$(cat build.log)"
like "$("$bramble" inspect --cluster big.conf big.images/n4.img 2>&1)" '0 differences' "and compared"
out=$("$bramble" verify --cluster big.conf big.images/n4.img)
ok $? "its card is right" "$out"
printf x | dd of=big/etc/large bs=1 seek=$((20 * 1024 * 1024 - 1)) conv=notrunc status=none
out=$("$bramble" inspect --cluster big.conf big.images/n4.img 2>&1)
like "$out" '/etc/large: differs' "another last byte is seen"
like "$out" '/etc/bramble/node.conf: differs' "and that this is another generation"
like "$out" '2 differences' "and nothing else"
rm -rf big.images

# --- verify: good cards
for n in n1 n2 n4; do
  out=$("$bramble" verify --cluster c.conf c.images/$n.img)
  ok $? "$n is right" "$out"
done
out=$("$bramble" verify --cluster c.conf)
ok $? "all images of a cluster.conf" "$out"
is "$(grep -c ' 0 failed' <<<"$out")" 4 "are four"
like "$("$bramble" verify n1.img.zst)" 'n1.img.zst: 1[0-9] ok, 0 failed' "a compressed image is right"

# --- verify: one fault, one failure
one() { # CHECK REASON NAME
  local out failed
  out=$("$bramble" verify "${conf[@]}" "$card" 2>&1)
  local status=$?
  failed=$(sed -n 's/^  failed *//p' <<<"$out")
  [[ $status -eq 1 && $(wc -l <<<"$failed") -eq 1 && $failed =~ ^"$1": && $failed =~ $2 ]]
  ok $? "$3" "status $status: $failed"
}
conf=()
tamper() { # CHECK REASON NAME PARTITION-OFFSET COMMAND...
  fresh n2
  edit "${@:4}"
  one "$1" "$2" "$3"
}
printf 'x\n' >x
printf '%s\n' "$(head -c 64 c.state/secret | tr 0-9a-f 1-9a-f0)" >hex
head -c 64 /bin/sh >elf

fresh n2 && sfdisk -q --no-reread --delete "$card" 3 2>/dev/null
one "partition table" 'partition 3 is missing' "p3 deleted"
fresh n2 && sfdisk -q --no-reread --part-type "$card" 2 7 2>/dev/null
one "partition table" 'type 07, not Linux' "p2 called NTFS"
fresh n2 && truncate -s -1M "$card"
one "partitions within the card" 'partition 3 ends at byte' "a truncated image"
fresh n2 && poke $((446 + 16 + 12)) '\x00\x00\x10\x00'
one "partitions within the card" 'partition 3 begins before the end' "p2 reaching into p3"
fresh n2
dd if="$card" of=p3 iflag=skip_bytes skip=$data bs=1M conv=sparse status=none
truncate -s $data "$card"
truncate -s $((data + 1048576 + 536870912)) "$card"
dd if=p3 of="$card" oflag=seek_bytes seek=$((data + 524288)) bs=512K conv=notrunc,sparse status=none
poke $((446 + 32 + 8)) "$(printf '\\x%02x' $(((data / 512 + 1024) & 255)) $((((data / 512 + 1024) >> 8) & 255)) \
  $((((data / 512 + 1024) >> 16) & 255)) 0)"
one "alignment" 'partition 3 begins within a MiB' "p3 half a MiB further"

fresh n2 && poke $((4194304 + 32 * 512 + 400)) '\x01'
one "boot filesystem" 'boot partition' "a byte of the FAT"
fresh n2 && poke $((4194304 + 65)) '\x01'
one "boot filesystem" 'not unmounted cleanly' "a boot partition pulled while mounted"
tamper "root filesystem" 'journal must be replayed' "a root with a journal to replay" $root 'feature needs_recovery'
before=$(sha256sum "$card")
"$bramble" inspect --config "$card" >/dev/null && "$bramble" verify "$card" >/dev/null
is "$(sha256sum "$card")" "$before" "looking at a dirty card changes no byte"
like "$("$bramble" inspect "$card")" 'not clean: its journal must be replayed' "inspect tells that it is dirty"
tamper "root filesystem" 'having errors' "a root marked as damaged" $root 'ssv state 2'
tamper "root filesystem" 'e2fsck finds errors' "a name without a file" $root 'clri /etc/hosts'
tamper "data filesystem" 'e2fsck finds errors' "a file of p3 with wrong links" $data 'sif /bramble.marker links_count 5'
fresh n2 && poke $((data + 1024 + 56)) '\x00\x00'
one "data filesystem" 'magic|Bad' "p3 without a superblock"

sed 's/PARTUUID=[0-9a-f]*-03/PARTUUID=0badcafe-03/' <(card_cat c.images/n2.img /etc/fstab) >fstab
tamper "PARTUUIDs" 'fstab names 0badcafe-03' "fstab with another card's PARTUUID" $root 'rm /etc/fstab' 'write fstab /etc/fstab'
fresh n2 && mcopy -o -i "$card@@4M" <(echo "root=PARTUUID=0badcafe-02 rootwait") ::cmdline.txt
one "PARTUUIDs" 'cmdline.txt names 0badcafe-02' "cmdline.txt of the base"
fresh n2 && sfdisk -q --no-reread --disk-id "$card" 0x12345678 2>/dev/null
one "PARTUUIDs" "the table's disk id is 12345678" "another disk id"
fresh n2 && mcopy -o -i "$card@@4M" <(card=c.images/n2.img; mcopy -i "$card@@4M" ::cmdline.txt - | sed 's/$/ resize/') ::cmdline.txt
one "first boot" 'initramfs resize would still act' "a resizer armed again"
tamper "identity" 'host name is x' "another host name" $root 'rm /etc/hostname' 'write x /etc/hostname'
tamper "identity" 'machine-id is not' "no machine-id" $root 'rm /etc/machine-id'
tamper "identity" 'cannot be parsed' "a damaged node.conf" $root 'rm /etc/bramble/node.conf' 'write elf /etc/bramble/node.conf'
tamper "data partition's owner" 'no marker' "p3 without its marker" $data 'rm /bramble.marker'
fresh n2 && dd if=c.images/n1.img of="$card" bs=1M iflag=skip_bytes oflag=seek_bytes skip=$data seek=$data conv=notrunc status=none
one "data partition's owner" "it is n1's, the card is n2's" "p3 of another node"
tamper "Neo4j" 'bin/neo4j is missing' "no Neo4j" $root 'rm /opt/neo4j-3.5.9/bin/neo4j'
wants=/etc/systemd/system/multi-user.target.wants
tamper "enabled units" 'bramble-helper.socket is not enabled' "no way to the helper" $root \
  "rm ${wants/multi-user/sockets}/bramble-helper.socket"
tamper "enabled units" 'bramble-agent.service is not enabled' "an agent that does not start" $root "rm $wants/bramble-agent.service"
tamper "enabled units" 'neo4j.service is enabled' "a Neo4j that starts by itself" $root \
  "symlink $wants/neo4j.service /usr/lib/systemd/system/neo4j.service"
tamper "enabled units" 'leads nowhere' "a unit that is gone" $root 'rm /usr/lib/systemd/system/bramble-grow.service'
agent=/usr/lib/bramble/bramble-agent
tamper "programs" 'is not static' "a dynamic agent" $root "rm $agent" "write /bin/sh $agent" "sif $agent mode 0100755"
"$bramble" assets extract assets >/dev/null
tamper "programs" 'is for arm64, the system for' "an agent for another machine" $root "rm $agent" \
  "write assets/programs/arm64/bramble-agent $agent" "sif $agent mode 0100755"
tamper "programs" 'has mode 0644' "an agent nobody can run" $root "sif $agent mode 0100644"
tamper "secrets" 'has mode 0644' "a secret all can read" $root 'sif /etc/bramble/cluster.secret mode 0100644'
tamper "secrets" 'owner 1000' "a secret that is the user's" $root 'sif /etc/bramble/cluster.secret uid 1000'
tamper "secrets" 'not 64 hex' "half a secret" $root 'rm /etc/bramble/cluster.secret' 'write x /etc/bramble/cluster.secret' \
  'sif /etc/bramble/cluster.secret mode 0100600' 'sif /etc/bramble/cluster.secret uid 7470'
tamper "secrets" 'stats.password is missing' "no password for the stats page" $root 'rm /etc/bramble/stats.password'
tamper "ssh host keys" 'ssh_host_rsa_key lies in the image' "an ssh host key for all" $root 'mkdir /etc/ssh' \
  'write x /etc/ssh/ssh_host_rsa_key'
tamper "secrets" 'owner 0' "a secret the agent cannot read" $root 'sif /etc/bramble/cluster.secret uid 0'
shadow() { printf 'root:!:1::::::\npi:%s:1::::::\n' "$1" >shadow; }
shadow ''
tamper "passwords" 'needs no password' "a user without a password" $root 'rm /etc/shadow' 'write shadow /etc/shadow'
if hash=$(openssl passwd -6 raspberry 2>/dev/null); then
  shadow "$hash"
  tamper "passwords" 'everybody knows' "the password raspberry" $root 'rm /etc/shadow' 'write shadow /etc/shadow'
fi
"$bramble" build --sums --out beside c.conf >/dev/null 2>build.log || echo "# $(cat build.log)"
card=$scratch/beside/n2.img
out=$("$bramble" verify "$card")
like "$out" 'ok +hash in manifest.json' "the hash the build left"
poke 1000000 x
one "hash in manifest.json" 'was [0-9a-f]{12}' "a byte in the gap before p1"
card=$scratch/card.img
conf=(--cluster c.conf)
tamper "cluster.conf" 'neo4j.conf differs' "an edited neo4j.conf" $root 'rm /opt/neo4j-3.5.9/conf/neo4j.conf' \
  'write x /opt/neo4j-3.5.9/conf/neo4j.conf'
tamper "cluster.conf" '/etc/bramble/cluster.secret differs' "another cluster's secret" $root 'rm /etc/bramble/cluster.secret' \
  'write hex /etc/bramble/cluster.secret' 'sif /etc/bramble/cluster.secret mode 0100600' \
  'sif /etc/bramble/cluster.secret uid 7470' 'sif /etc/bramble/cluster.secret gid 7470'
[[ $("$bramble" verify --cluster c.conf "$card") != *$(cat hex)* ]]
ok $? "which is not printed either"

# ... and what a `bramble rotate` that is not finished leaves there, in each of its steps
was=$(cat c.state/secret) new=$(cat hex)
secret() { # LINE...: all that cluster.secret of a fresh card holds
  fresh n2
  printf '%s\n' "$@" >secrets
  edit $root 'rm /etc/bramble/cluster.secret' 'write secrets /etc/bramble/cluster.secret' \
    'sif /etc/bramble/cluster.secret mode 0100600' 'sif /etc/bramble/cluster.secret uid 7470' \
    'sif /etc/bramble/cluster.secret gid 7470'
}
for lines in "$was $new" "$new $was"; do
  # shellcheck disable=SC2086 # two lines
  secret $lines
  out=$("$bramble" verify --cluster c.conf "$card")
  ok $? "a card that was pulled during bramble rotate is right" "$out"
  like "$out" 'ok +secrets: a change of the cluster.s secret is not finished' "and verify says that it is not finished"
  like "$out" 'ok +cluster.conf: .*bramble rotate' "and by what it will be"
  [[ $out != *$new* && $out != *$was* ]]
  ok $? "and neither secret"
done
out=$("$bramble" inspect --cluster c.conf "$card")
like "$out" $'from what c.conf gives\n  a change of the cluster.s secret is not finished' "so does inspect"
like "$out" '0 differences' "for which it is no difference"
secret "$new"
echo "$new" >c.state/secret.next && chmod 600 c.state/secret.next
out=$("$bramble" verify --cluster c.conf "$card")
ok $? "nor one that has forgotten the secret of before, by the state folder" "$out"
like "$out" 'ok +cluster.conf: .*bramble rotate' "which knows that the change is not finished"
secret "$was"
out=$("$bramble" verify --cluster c.conf "$card")
[[ $? -eq 0 && $out != *rotate* ]]
ok $? "one that was told nothing yet is as it was" "$out"
rm c.state/secret.next
secret "$new" "$(tr 0-9a-f 1-9a-f0 <hex)"
one "cluster.conf" '/etc/bramble/cluster.secret differs' "two secrets, neither of them this cluster's"
conf=()
secret "$was" x
one "secrets" 'not 64 hex' "a second line that is none"
secret "$was" "$new" "$was"
one "secrets" 'not 64 hex' "three secrets"

# --- a card that was in use
fresh n2
sed 's/virgin/served/' <(card_cat c.images/n2.img /bramble.marker 3) >marker
edit $data 'rm /bramble.marker' 'write marker /bramble.marker' 'feature needs_recovery'
edit $root 'mkdir /etc/ssh' 'write x /etc/ssh/ssh_host_rsa_key'
out=$("$bramble" verify "$card")
ok $? "a used card that was pulled is not a failure" "$out"
like "$out" 'not checked  data filesystem: the card was in use and its journal must be replayed' "but is told"

# --- a lost state
mkdir lost && cp c.conf lost/golden.conf
cd lost || exit 1
out=$("$bramble" recover-state ../c.images/n1.img ../c.images/n4.img)
ok $? "recover-state from a data card and a proxy's" "$out"
like "$out" 'note: apply.key, .* is on no card; the next build makes another one' "which says what no card tells"
for v in id secret stats.password generation; do
  cmp -s ../c.state/$v golden.state/$v
  ok $? "brings back the $v"
done
is "$(stat -c %a golden.state golden.state/* | sort -u | xargs)" "600 700" "for nobody else"
ln -s ../base.img ../neo4j.tar.gz ../java .
"$bramble" build golden.conf >/dev/null 2>build.log
ok $? "the next build goes on with it" "$(cat build.log)"
is "$(card_cat golden.images/n1.img /etc/bramble/cluster.secret)" "$(cat ../c.state/secret)" "with the old secret"
is "$(cat golden.state/generation)" 2 "one generation later"
out=$("$bramble" recover-state ../c.images/n2.img)
is $? 0 "recover-state where a state is"
[[ $out != *apply.key* ]]
ok $? "says nothing of a key that is there" "$out"
is "$(cat golden.state/generation)" 2 "an older card changes nothing"
rm -rf golden.state
fails 3 'golden.state is gone, but .*recover-state' "a build without the state that made the images" \
  "$bramble" build golden.conf
mkdir other && sed 's/"golden"/"other"/' ../c.conf >other/other.conf && ln -s ../../base.img ../../neo4j.tar.gz ../../java other
"$bramble" build other/other.conf 2>/dev/null >/dev/null
fails 4 'other.images/n2.img: its cluster id is not' "cards of two clusters" \
  "$bramble" recover-state ../c.images/n1.img other/other.images/n2.img
fails 3 'describes cluster "golden", the cards are of "other"' "another cluster's cluster.conf" \
  "$bramble" recover-state --cluster golden.conf other/other.images/n2.img
[[ ! -e golden.state ]]
ok $? "nothing is made"
sed 's/"golden"/"other"/' ../c.conf >other.conf
cp -a ../c.state other.state
fails 3 'holds the state of another cluster' "a different state" "$bramble" recover-state other/other.images/n2.img
is "$(cat other.state/secret)" "$(cat ../c.state/secret)" "stays as it is"
fails 4 'no card of a bramble cluster' "a base image" "$bramble" recover-state ../base.img
fails 4 'pi1/gone.img' "a file that is not there" "$bramble" recover-state pi1/gone.img

# A running node, by ssh: a stand-in for ssh and sudo that is the host itself, with a card's files.
mkdir -p ssh/bin ssh/etc
cat >ssh/bin/ssh <<EOF
#!/bin/bash
[[ \$* == '-o ConnectTimeout=10 -- pi@192.168.2.7 '* ]] || { echo "ssh: cannot resolve" >&2; exit 255; }
command=\${!#}
cd "$PWD/ssh/etc" && eval "\${command/cd \/etc\/bramble/cd .}"
EOF
printf '#!/bin/sh\nshift\nexec "$@"\n' >ssh/bin/sudo
chmod +x ssh/bin/*
for f in node.conf cluster.secret neo4j.password; do card_cat ../c.images/n1.img /etc/bramble/$f >ssh/etc/$f; done
printf '0123456789abcdef0123456789abcdef\n' >ssh/etc/neo4j.password # a secret changed since: it is not derived from this one
by_ssh() { PATH=$PWD/ssh/bin:$PATH "$bramble" recover-state "$@"; }
rm -rf golden.state
out=$(by_ssh pi@192.168.2.7 ../c.images/n4.img 2>&1)
ok $? "recover-state from a running node" "$out"
for v in id secret stats.password; do
  cmp -s ../c.state/$v golden.state/$v
  ok $? "brings back the $v"
done
is "$(cat golden.state/neo4j.password)" 0123456789abcdef0123456789abcdef "and the password Neo4j has"
is "$(stat -c %a golden.state/neo4j.password)" 600 "for nobody else"
echo 00000000000000000000000000000000 >golden.state/neo4j.password
fails 3 'its neo4j.password is not the cards' "a state with another password" by_ssh pi@192.168.2.7

# ... while the secret is being changed: in each step, what all know finishes it.
recovered() { # WANT NAME SECRETS...: of as many hosts, "a b" for two lines, of the letter's own secret
  local want=$1 name=$2 hosts=() words s
  shift 2
  rm -rf golden.state ssh/secrets && mkdir ssh/secrets
  for s in "$@"; do
    hosts+=("pi@192.168.2.7$((${#hosts[@]} + 1))")
    for words in $s; do printf "$words%.0s" {1..64} && echo; done >ssh/secrets/${#hosts[@]}
  done
  out=$(by_ssh "${hosts[@]}" 2>&1)
  is "$(cut -c 1 golden.state/secret golden.state/secret.next 2>/dev/null | xargs)" "$want" "$name"
}
sed -i -e "s/2.7 '/2.7'?' '/" -e 's,^command=.*,&\nhost=${4#*2.7} \&\& cp "'"$PWD"'/ssh/secrets/$host" "'"$PWD"'/ssh/etc/cluster.secret",' ssh/bin/ssh
recovered 'a' "all have one" a a a
[[ $out != *rotate* ]]
ok $? "nothing is said of a change" "$out"
recovered 'a a' "some know the new one" 'a b' 'a b' a
like "$out" 'bramble rotate golden.conf.*once more' "what is to be done is said"
recovered 'a a' "all know it" 'a b' 'a b' 'a b'
recovered 'b b' "some use it" 'b a' 'a b' 'a b'
recovered 'b b' "some have forgotten the old one" b 'b a' 'b a'
recovered 'b b' "and with an image of before" a b 'b a'
recovered 'b b' "a second change was begun over it" 'b c' 'b a' b
[[ $(stat -c %a golden.state/secret.next) == 600 && $out != *bbbbbbbb* ]]
ok $? "for nobody else, and it is not printed"
recovered '' "before and after" a b
like "$out" 'of before and after a .bramble rotate' "are told apart"
recovered '' "another cluster's" 'a b' c
like "$out" '192.168.2.72: its secret is not pi@192.168.2.71' "whose it is is said"
recovered '' "a second line that is none" 'a b' 'a x'
like "$out" 'its second line is not 64 hex digits' "is an error"
sed -i -e "s/2.7'?' '/2.7 '/" -e '/^host=/d' ssh/bin/ssh
fails 1 'pi@pi2: ssh ended with status 255' "a host that is not there" by_ssh pi@pi2
fails 2 'is no host' "an option in place of a host" "$bramble" recover-state -- -oProxyCommand=x@y
head -c 200000 /dev/zero >ssh/etc/stats.password
fails 4 'more than it was asked for' "a host that says too much" by_ssh pi@192.168.2.7
printf '#!/bin/sh\nhead -c 9000 /dev/urandom\n' >ssh/bin/sudo
fails 4 'pi@192.168.2.7: ' "a host that says something else" by_ssh pi@192.168.2.7
cd "$scratch" || exit 1
cp --sparse=always c.images/n4.img "$card"
edit $root 'rm /etc/bramble/cluster.secret' 'write x /etc/bramble/cluster.secret'
fails 4 'is not 64 hex digits' "a card with a damaged secret" "$bramble" recover-state --cluster lost/golden.conf "$card"

# --- no cards at all
for bad in 'noise:head -c 1000000 /dev/urandom' 'empty:true' 'short:printf x' 'zeros:head -c 1000000 /dev/zero' \
  'sector:head -c 512 c.images/n1.img'; do
  ${bad#*:} >not.img
  [[ ${bad%%:*} == sector ]] || fails 4 'not an MBR|too small' "inspect ${bad%%:*}" "$bramble" inspect not.img
  out=$("$bramble" verify not.img c.images/n4.img 2>&1)
  [[ $? -eq 1 && $out == *"1 of 2 failed"* ]]
  ok $? "verify ${bad%%:*} and a good card" "$out"
done
truncate -s 64M gpt.img && echo 'label: gpt' | sfdisk -q gpt.img
fails 4 'not an MBR' "a GPT" "$bramble" inspect gpt.img
fails 4 'No such file' "a missing image" "$bramble" inspect nothing.img
fails 4 'neither an image nor a device' "a folder" "$bramble" inspect .
fails 4 'neither an image nor a device' "a character device" "$bramble" inspect /dev/null
head -c 1000 n1.img.zst >cut.img.zst
fails 4 'cut.img.zst' "a truncated compressed image" "$bramble" inspect cut.img.zst
fails 2 'IMAGE' "verify without an image" "$bramble" verify
fresh n2 && edit $root "write x /etc/bramble/$(printf 'a\033[2Jb')"
[[ $("$bramble" inspect --config "$card") != *$'\033'* ]]
ok $? "a card moves no terminal's cursor"
edit $root "sif /etc/bramble/$(printf 'a\033[2Jb') size 99999999"
out=$("$bramble" inspect --config "$card" 2>&1)
[[ $out == *'a?[2Jb: larger than'* && $out != *$'\033'* ]]
ok $? "nor in an error, and what cannot be read stops nothing"

# --- bytes turned over anywhere in the metadata: told or not, but no crash and no endless loop
fresh n2
bad=0
for seed in $(seq 25); do
  python3 - "$card" "$seed" <<'END'
import random, sys
r = random.Random(int(sys.argv[2]))
areas = [(440, 512), (4194304, 5242880), (71303168, 71368704), (71303168, 79691776), (205520896, 206569472)]
with open(sys.argv[1], "r+b") as f:
    for _ in range(r.randint(1, 8)):
        f.seek(r.randrange(*r.choice(areas)))
        f.write(bytes([r.randrange(256)]))
END
  for command in "inspect --config" "inspect --json" verify; do
    # shellcheck disable=SC2086 # a command and its option
    timeout 60 "$bramble" $command "$card" >out.log 2>&1
    status=$?
    [[ $status == [014] ]] || { bad=1 && echo "# seed $seed: $command ended with $status"; }
  done
done
ok $bad "25 more and more damaged cards are looked at" "$(tail -n 3 out.log)"

# --- without e2fsck
hidden='mount --bind /dev/null "$(readlink -f "$(command -v e2fsck)")" && exec "$0" verify "$1"'
if unshare -m bash -c "${hidden%&&*}" 2>/dev/null; then
  fresh n2
  out=$(unshare -m bash -c "$hidden" "$bramble" "$card" 2>&1)
  ok $? "verify without e2fsck" "$out"
  like "$out" 'ok +root filesystem: checksums and bitmaps only, e2fsck is not installed' "says that it did less"
  poke $((data + 4096 + 12)) '\x01\x01'
  like "$(unshare -m bash -c "$hidden" "$bramble" "$card" 2>&1)" "failed +data filesystem: .*(free counts are not|descriptor.s checksum is wrong)" "and still finds a wrong count"
else
  skip "verify without e2fsck" "no mount namespace"
fi

# --- a device
if [[ $(id -u) -eq 0 ]] && loop=$(losetup -r -f --show c.images/n2.img 2>/dev/null); then
  out=$("$bramble" verify "$loop")
  ok $? "a device is verified" "$out"
  like "$("$bramble" inspect "$loop")" 'a device of' "and inspected"
  losetup -d "$loop"
else
  skip "a device" "no loop device"
fi
done_testing
