#!/bin/bash
# The same inputs and the same state give the same bytes: in another folder, by somebody with another
# umask, environment and time zone, at another moment, from an empty cache. No root, no network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
fixture 2>/dev/null
cd "$scratch" || exit 1
sed -i 's/root_size = "128MiB"/& data_size = "64MiB" tls { mode = "own" }/' c.conf
options=(--compress zst --bmap --sbom spdx --url https://example.org)

here() { # FOLDER: the inputs, copied so that every time stamp and every inode is another one
  mkdir -p "$1"
  cp -r --sparse=always base.img neo4j.tar.gz java c.conf key.pub "$1"
}
here first
here second/folder/with/a/longer/name
second=$scratch/second/folder/with/a/longer/name
(
  cd first && umask 022
  TZ=UTC BRAMBLE_CACHE=$scratch/cache1 "$bramble" build "${options[@]}" c.conf
) >/dev/null 2>log
ok $? "a first build" "$(cat log)"
cp -a first/c.state "$second/c.state"
# FAT counts in steps of two seconds.
sleep 2.5
jobs=()
[[ $("$bramble" build --help) == *--jobs* ]] && jobs=(--jobs 1)
(
  cd "$second" && umask 077
  export TZ=Asia/Tokyo LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH=1 E2FSPROGS_FAKE_TIME=2 MTOOLSRC=$PWD/c.conf
  BRAMBLE_CACHE=$scratch/cache2 "$bramble" build "${jobs[@]}" "${options[@]}" c.conf
) >/dev/null 2>log
ok $? "a second one: other folder, umask, time zone, environment, moment" "$(cat log)"

files=$(cd first/c.images && echo *)
is "$(cd "$second/c.images" && echo *)" "$files" "makes the same files"
for f in $files; do
  is "$(sha256sum <"$second/c.images/$f")" "$(sha256sum <"first/c.images/$f")" "$f is the same"
done

# --- and what differs, differs where it should
now=$(date +%Y)
i=first/c.images/n1.img
partition $i 3
dumped=$(dumpe2fs -h "$i?offset=$part_start" 2>/dev/null)
[[ ! $dumped =~ :[0-9][0-9]\ $now ]]
ok $? "p3 does not tell when it was made" "$(grep "$now" <<<"$dumped")"
partition $i 2
was=$(dumpe2fs -h "base.img?offset=$((139264 * 512))" 2>/dev/null | grep 'Last write time')
is "$(dumpe2fs -h "$i?offset=$part_start" 2>/dev/null | grep 'Last write time')" "$was" \
  "p2 was last written when its base was"
was=$(date -u -d "${was#*: }" +%s)
like "$(card_stat $i /etc/bramble/node.conf)" "mtime: 0x$(printf %08x "$was")" "and so were the files put into it"
cp -a "$second/c.state" other.state
tr 0-9a-f 1-9a-f0 <"$second/c.state/id" >other.state/id
cp first/c.conf other.conf
BRAMBLE_CACHE=$scratch/cache1 "$bramble" build other.conf >/dev/null 2>log
ok $? "another cluster" "$(cat log)"
! cmp -s other.images/n1.img $i
ok $? "has other cards"
done_testing
