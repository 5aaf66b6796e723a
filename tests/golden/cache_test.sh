#!/bin/bash
# The cache of stages and what `build --explain` says of it, resuming after kill -9, images of nodes
# that left, --jobs. No root, no network.
# In memory: dozens of synced builds would wait for the disk.
[[ -w /dev/shm && $(df --output=avail -m /dev/shm | tail -n 1) -gt 2000 ]] && export TMPDIR=/dev/shm
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
fixture
images=$scratch/c.images
cd "$scratch" || exit 1
explain() { "$bramble" build --explain c.conf; }
build() { "$bramble" build "$@" c.conf >/dev/null 2>build.log; }

# --- explain
like "$(explain)" '^base +runs: nothing is cached' "explain before anything was built"
[[ ! -e $images && ! -e c.state && -z $(ls cache/stages) ]]
ok $? "it makes nothing"
build
ok $? "a build" "$(cat build.log)"
out=$(explain)
is "$(grep -c ' cached$' <<<"$out")" 4 "then all four stages are cached"
like "$out" 'n1 +runs: as each time; nothing changed' "and no node changed"
cp neo4j.tar.gz old.tar.gz
fixture_neo4j neo4j.tar.gz 3.5.12
out=$(explain)
like "$out" 'java +cached' "another Neo4j: java stays"
like "$out" 'neo4j +runs: changed: Neo4j archive' "neo4j runs, and it says why"
like "$out" 'n1 +runs: changed: neo4j' "n1 changes with it"
like "$out" 'n4 +runs: as each time; nothing changed' "the proxy does not"
build
like "$(cat build.log)" '^\[4/8\] neo4j' "the build does that"
[[ $(cat build.log) != *"] java"* ]]
ok $? "and only that"
sed -i 's/root_size = "128MiB"/root_size = "132MiB"/' c.conf
out=$(explain)
like "$out" 'os +runs: changed: partition sizes' "another layout: os runs"
like "$out" 'java +runs: changed: os' "and what comes after it"
sed -i 's/root_size = "132MiB"/root_size = "128MiB"/' c.conf
mv old.tar.gz neo4j.tar.gz
is "$(explain | grep -c ' cached$')" 4 "the old settings and archive are still cached"
cp "$bramble" other && "$PWD/other" build --explain c.conf >other.log
is "$(grep -c ' cached$' other.log)" 4 "another file of the same program runs no stage again"
is "$(stat -c %a cache/stages/* cache/digests/* | sort -u)" 600 "all files of the cache are 0600"
is "$(stat -c %a cache/stages cache/digests | sort -u)" 700 "its folders 0700"

# --- the hash of an input is remembered, but not believed too long
sleep 2.1 # younger files are never remembered
build
printf x | dd of=neo4j.tar.gz bs=1 seek=1000 conv=notrunc status=none
like "$(explain)" 'neo4j +runs: changed: Neo4j archive' "a changed byte in an input is seen"
printf 'torn' | tee cache/digests/* >/dev/null
like "$(explain)" 'java +cached' "torn notes are not believed"
fixture_neo4j neo4j.tar.gz 3.5.9

# --- -j1 and -jN
for j in 1 3; do
  build --jobs "$j" --out "$scratch/j$j"
  ok $? "--jobs $j builds" "$(cat build.log)"
  is "$(grep -c '^\[[5-8]/8\]' build.log)" 4 "--jobs $j: four steps for four nodes"
done
for n in 1 2 3 4; do
  for f in /etc/hostname /etc/bramble/node.conf /etc/fstab /opt/neo4j/conf/neo4j.conf /etc/bramble/proxy.conf; do
    echo "$n $f $(card_cat "j1/n$n.img" $f | sha256sum) $(card_cat "j3/n$n.img" $f | sha256sum)"
  done
done | awk '$3 != $5' >differ
is "$(cat differ)" "" "they make the same files"
fails 2 'wants a number' "--jobs 0" "$bramble" build --jobs 0 c.conf

# --- a node that cannot be made stops the others and leaves the old set
keep=$(sha256sum "$images"/n?.img)
mkdir -p "$images/.build/n3.img/in-the-way"
"$bramble" build c.conf >/dev/null 2>build.log
ok $((! $?)) "a node that cannot be made fails the build" "$(cat build.log)"
is "$(sha256sum "$images"/n?.img)" "$keep" "the old set is untouched"
rm -rf "$images/.build"

# --- resuming: a killed build's finished nodes are not made again
build
mkdir "$images/.build"
cp --sparse=always "$images"/n[12].img "$images"/.n[12].recipe "$images/.build/"
touch "$images/.build/.n3.12345" "$images/.build/stray"
build
ok $? "a build after a killed one" "$(cat build.log)"
is "$(grep -c '^\[[5-8]/8\]' build.log)" 2 "makes only the two nodes that were not finished"
[[ ! -e $images/.build && ! -e $images/stray ]]
ok $? "and leaves nothing of it"
mkdir "$images/.build"
cp --sparse=always "$images"/n1.img "$images"/.n1.recipe "$images/.build/"
sed -i 's/maxconn = 60/maxconn = 61/' c.conf
build
is "$(grep -c '^\[[5-8]/8\]' build.log)" 4 "after a change none of them is taken"
like "$(card_cat "$images/n2.img" /etc/bramble/proxy.conf)" 'maxconn = 61' "and the new one counts"

# --- an overlay's files count, also where its folder is a link
cp c.conf plain.conf
mkdir -p real/etc && echo before >real/etc/told && ln -s real linked
sed -i '$d' c.conf && printf 'overlay "linked" { }\n}\n' >>c.conf
build
ok $? "an overlay whose folder is a link" "$(cat build.log)"
like "$(explain)" 'n1 +runs: as each time; nothing changed' "explain: nothing of it changed"
mkdir "$images/.build"
cp --sparse=always "$images"/n1.img "$images"/.n1.recipe "$images/.build/"
echo after >real/etc/told
like "$(explain)" "n1 +runs: changed: cluster's state, overlays" "explain: a file of it did, and so it is another generation"
build
is "$(card_cat "$images/n1.img" /etc/told)" after "a resumed build has it"
mv plain.conf c.conf
build

# --- a set whose publication was cut short
mkdir "$images/.publish"
mv "$images/n1.img" "$images/n2.img" "$images/.publish/"
like "$("$bramble" build --explain c.conf)" 'n4 +runs' "explain in between"
build
[[ $? -eq 0 && ! -e $images/.publish && -e $images/n1.img ]]
ok $? "a publication cut short is completed" "$(cat build.log)"

# --- a node leaves
echo "mine" >"$images/notes.txt"
sed -i '/node "n2"/d' c.conf
build
like "$(cat build.log)" 'n2 has left the cluster; its image stays' "an image of a node that left is told"
[[ -e $images/n2.img ]]
ok $? "and stays"
build --prune
[[ ! -e $images/n2.img && ! -e $images/.n2.recipe && -e $images/n1.img && -e $images/notes.txt ]]
ok $? "--prune removes it and nothing else" "$(ls -A "$images")"
sed 's/node "n/node "m/' c.conf >second.conf
"$bramble" build --prune --out "$images" second.conf >build.log 2>&1
ok $? "another cluster's cards are built into the same folder" "$(cat build.log)"
grep -q 'has left' build.log
[[ $? -eq 1 && -e $images/n1.img && -e $images/m1.img ]]
ok $? "whose nodes are not taken for ones that left" "$(cat build.log)"
rm "$images"/*m[1-9].*

# --- the bound
like "$("$bramble" cache)" '^(os|java|neo4j|base) +[0-9a-f]{24} ' "cache lists"
like "$("$bramble" cache size)" 'images, .* of at most' "cache size"
before=$(ls cache/stages/neo4j-*.img | wc -l)
[[ $before -gt 1 ]]
ok $? "several neo4j stages are cached" "$before"
BRAMBLE_CACHE_MAX=1MiB build
is "$(ls cache/stages/*.img | wc -l)" 4 "a build with a small cache keeps only what it uses"
is "$(explain | grep -c ' cached$')" 4 "which is still good"
exec 9<"$(ls cache/stages/os-*.img)"
flock -s 9
"$bramble" cache clean >/dev/null
is "$(basename -a cache/stages/*.img | sed 's/-.*//')" os "clean leaves what somebody uses"
exec 9<&-
"$bramble" cache clean >/dev/null
is "$(ls cache/stages)" "" "and then nothing"
fails 2 'is no size' "BRAMBLE_CACHE_MAX=much" env BRAMBLE_CACHE_MAX=much "$bramble" build c.conf
fails 2 'no "empty"' "cache empty" "$bramble" cache empty
done_testing
