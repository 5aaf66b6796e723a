#!/bin/bash
# How bramble lays a card out: sizes, what p3 is made of, ids that name partitions. No root, no network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
fixture 2>/dev/null
cd "$scratch" || exit 1
mib=1048576

# One data node: what is laid out is the same for all.
conf() { # FILE KEYS: c.conf with these keys and its first node and proxy only
  sed "s/root_size = \"128MiB\"/$2/; /node \"n[23]\"/d" c.conf >"$1"
}
size_of() { partition "$1" "$2" && echo $((part_size / mib)); }
end_of() { partition "$1" 3 && echo $((part_start + part_size)); }

# --- sizes
conf a.conf 'root_size = "130MiB" data_size = "65MiB" reserved_end = "100MB"'
"$bramble" build a.conf >/dev/null 2>log
ok $? "sizes of all parts" "$(cat log)"
i=a.images/n1.img
is "$(size_of $i 2) $(size_of $i 3)" "128 68" "p2 and p3 are whole erase blocks of 4 MiB"
is "$(stat -c %s $i)" "$(end_of $i)" "the image ends with p3"
like "$(card_cat $i /etc/bramble/node.conf)" 'node \{ name = "n1" reserved_end_mib = 96 \}' \
  "the agent is told what to leave free"
sfdisk -J $i | python3 -c '
import json, sys
for p in json.load(sys.stdin)["partitiontable"]["partitions"]:
    assert p["start"] % 8192 == 0, p'
ok $? "partitions begin at erase blocks"

refused() { # REGEX NAME KEYS
  conf bad.conf "$3"
  fails 3 "$1" "$2" "$bramble" check bad.conf
}
refused 'need 64MiB' "no room for a store" 'root_size = "128MiB" data_size = "63MiB"'
refused 'data_size = "x" is no size' "no size" 'root_size = "128MiB" data_size = "x"'
refused 'ends at 2TiB' "more than a table can say" 'root_size = "128MiB" data_size = "3TB"'
refused 'the images need [0-9]+ MB, the smallest card has 16000 MB' "more kept free than there is" \
  'root_size = "128MiB" reserved_end = "16GB"'
refused 'root_size: the base' "less than the base has" 'root_size = "60MiB"'

# --- boards
refused 'node "n1": board "4b": .* does not boot an amd64 base' "a board the base is not for" \
  'root_size = "128MiB" board = "4b"'
conf m.conf 'root_size = "128MiB" memory_mb = 4096'
"$bramble" build m.conf >/dev/null 2>log
like "$(card_cat m.images/n1.img /opt/neo4j/conf/neo4j.conf)" 'heap.max_size=1024m' \
  "Neo4j's heap is that of the node's memory"

# --- small and large cards, without root_size
fits() { # SIZE P2-MIB KEYS
  conf s.conf "size = \"$1\" $3"
  "$bramble" build --out s s.conf >/dev/null 2>log
  ok $? "a card of $1" "$(cat log)"
  is "$(size_of s/n1.img 2)" "$2" "its p2"
  [[ $(stat -c %s s/n1.img) -le ${1%GB}000000000 ]]
  ok $? "is not too large for it"
  log=$(fsck_partition s/n1.img 2)
  ok $? "and clean" "$log"
}
fits 4GB 3072 ""
fits 2GB 1320 ""
fits 2000GB 3072 'reserved_end = "10GB"'
conf s.conf 'size = "1GB"'
fails 3 'size: the images need' "a card of 1GB" "$bramble" check s.conf

# --- p3
features=$(dumpe2fs -h "$i?offset=$(partition $i 3 && echo "$part_start")" 2>/dev/null)
is "$(sed -n 's/^Filesystem features: *//p' <<<"$features")" \
  "has_journal ext_attr resize_inode dir_index filetype extent flex_bg sparse_super large_file uninit_bg dir_nlink extra_isize" \
  "p3 has what jessie can mount and check, and nothing else"
is "$(sed -n 's/^Block size: *//p' <<<"$features")" 4096 "blocks of 4 KiB"
reserved=$(sed -n 's/^Reserved GDT blocks: *//p' <<<"$features")
[[ $(((reserved + 1) * 128 * 128)) -ge $((2 * 1024 * 1024)) ]]
ok $? "room for the descriptors of 2 TiB" "$reserved blocks"
partition $i 3
dd if=$i of=p3 bs=1M iflag=skip_bytes skip="$part_start" conv=sparse status=none
truncate -s 200G p3
resize2fs p3 >log 2>&1 && e2fsck -fn p3 >>log 2>&1
ok $? "it grows to 200 GiB" "$(cat log)"
rm p3
printf '[defaults]\nbase_features = ext_attr\n[fs_types]\next4 = {\nfeatures = metadata_csum,64bit,bigalloc\ninode_size = 128\n}\n' >mke2fs.conf
cp $i first.img
MKE2FS_CONFIG=$PWD/mke2fs.conf MKE2FS_SYNC=1 MTOOLSRC=$PWD/mke2fs.conf "$bramble" build a.conf >/dev/null 2>&1
cmp -s $i first.img
ok $? "no mke2fs.conf of the host shows"

# --- one id in three places
id_of() { sfdisk --disk-id "$1" | sed 's/^0x//'; }
for n in 1 4; do
  i=a.images/n$n.img id=$(id_of a.images/n$n.img)
  fstab=$(card_cat $i /etc/fstab | grep -o 'PARTUUID=[0-9a-f-]*' | sort -u | xargs)
  is "$fstab" "PARTUUID=$id-01 PARTUUID=$id-02 PARTUUID=$id-03" "n$n: fstab names this card only"
  is "$(mcopy -i "$i@@4M" ::cmdline.txt - | grep -o 'PARTUUID=[0-9a-f-]*')" "PARTUUID=$id-02" "n$n: so does cmdline.txt"
  like "$("$bramble" verify $i)" 'ok +PARTUUIDs' "n$n: verify says so"
done
[[ $(id_of a.images/n1.img) != "$(id_of a.images/n4.img)" ]]
ok $? "two cards in one reader are told apart"
cp --sparse=always a.images/n1.img moved.img
sfdisk -q --disk-id moved.img 0x12345678
like "$("$bramble" verify moved.img)" 'failed +PARTUUIDs' "verify notices another disk id"
cp --sparse=always a.images/n1.img moved.img
mcopy -i moved.img@@4M ::cmdline.txt cmdline.txt
sed -i 's/PARTUUID=[0-9a-f]*/PARTUUID=12345678/' cmdline.txt
mcopy -o -i moved.img@@4M cmdline.txt ::
like "$("$bramble" verify moved.img)" 'failed +PARTUUIDs' "and another root in cmdline.txt"

# --- ids follow from the cluster and the node's name
first=$(id_of a.images/n1.img)
sed 's/n1"/n9"/' a.conf >b.conf
cp -a a.state b.state
"$bramble" build b.conf >/dev/null 2>&1
[[ $(id_of b.images/n9.img) != "$first" ]]
ok $? "another name, another id"
is "$(id_of b.images/n4.img)" "$(id_of a.images/n4.img)" "the same name, the same id"
sed 's/golden/other/' a.conf >o.conf
"$bramble" build o.conf >/dev/null 2>&1
[[ $(id_of o.images/n1.img) != "$first" ]]
ok $? "another cluster, another id"
done_testing
