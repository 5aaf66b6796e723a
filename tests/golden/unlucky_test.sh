#!/bin/bash
# Users in a hurry: full and closed outputs, missing files, odd names, two at once, signals. No
# root, no network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
fixture 2>/dev/null
cd "$scratch" || exit 1
"$bramble" build c.conf >build.log 2>&1 || { cat build.log; exit 1; }
image=c.images/n1.img
mkfifo fifo
ln -s nowhere link
mkdir folder

# --- where output goes
for c in --help --version 'flash --help' 'completion bash' 'cache size' 'build --explain c.conf' \
  "inspect $image" "inspect --json $image" "verify $image"; do
  # shellcheck disable=SC2086
  out=$("$bramble" $c 2>&1 >/dev/full)
  is $? 1 "$c onto a full disk: the status"
  like "$out" 'standard output: No space left on device' "$c onto a full disk: is told"
done
out=$("$bramble" completion bash | head -n 1; echo "${PIPESTATUS[0]}")
like "$out" $'\n0$' "a reader who has seen enough is no error"
"$bramble" build c.conf <&- >&- 2>&-
is $? 0 "all three closed: build works"
"$bramble" verify $image >/dev/null
is $? 0 "and its messages did not go into the images"
rm -rf cache/stages
"$bramble" build c.conf 2> >(true)
is $? 0 "nobody reads the progress: build works"

# --- what is not there, or is something else
for f in missing folder fifo /dev/null /dev/zero build.log; do
  fails 4 "$f" "inspect $f" "$bramble" inspect "$f"
  fails 1 "failed +.*$f" "verify $f" "$bramble" verify "$f"
  fails 4 "$f" "recover-state $f" "$bramble" recover-state "$f"
  fails 4 "$f" "flash ./$f" "$bramble" flash --yes "./${f#/}" card
done
fails 4 'missing.img.xz: No such file' "inspect a missing compressed image" "$bramble" inspect missing.img.xz
for f in missing folder build.log /dev/zero link; do
  fails 3 "$f" "check $f" "$bramble" check "$f"
done
for c in check build inspect verify recover-state init rehearse; do
  fails 2 "$c: an argument is empty; is a variable not set" "$c \"\"" "$bramble" "$c" ""
done
fails 2 'an argument is empty' "flash onto \"\"" "$bramble" flash --yes n1 ""
fails 1 'link: exists; it was not touched' "init keeps a link that leads nowhere" "$bramble" init link
[[ -L link ]]
ok $? "it is there"
out=$("$bramble" verify $'a\nb\e[2J' 2>&1)
[[ $out != *$'\e'* && $out == *'a?b?[2J'* ]]
ok $? "a name that acts on the terminal does not" "$out"

# --- names
odd=$'we ird\'"$x\n\xc3\xbc'
mkdir "$odd"
cp -r base.img neo4j.tar.gz java "$odd/"
cp c.conf "$odd/it's \"c\".conf"
out=$(cd "$odd" && "$bramble" build --bmap --compress zst "it's \"c\".conf" 2>&1)
ok $? "build where all names have quotes, spaces and line ends" "$out"
out=$(cd "$odd" && "$bramble" verify "it's \"c\".images/n1.img.zst" 2>&1)
ok $? "verify there" "$out"
truncate -s 800M "$odd/ca 'rd"
out=$(cd "$odd" && "$bramble" flash --yes --cluster "it's \"c\".conf" n1 "ca 'rd" 2>&1)
ok $? "flash there" "$out"

# --- two at once, and signals
rm -rf cache/stages
"$bramble" build c.conf >one.log 2>&1 &
"$bramble" build c.conf >two.log 2>&1
two=$?
wait $!
one=$?
case $one,$two in
  0,0 | 0,5 | 5,0) ok 0 "two builds at once: one waits or is told" ;;
  *) ok 1 "two builds at once: one waits or is told" "$one $(cat one.log) $two $(cat two.log)" ;;
esac
"$bramble" verify $image >/dev/null
is $? 0 "the images are whole"
timeout -s INT 1 "$bramble" check fifo >log 2>&1 # nobody writes to it
is $? 124 "waiting for a FIFO's writer can be interrupted"
"$bramble" check fifo >log 2>&1 &
pid=$!
for _ in $(seq 100); do # until it is that program, and catches SIGTERM
  [[ $(<"/proc/$pid/comm") == bramble ]] && ((0x$(sed -n 's/^SigCgt:\t//p' "/proc/$pid/status") & 0x4000)) && break
  sleep 0.1
done
sleep 0.5
kill -TERM $pid
wait $pid
is $? 130 "and says so by its status"
done_testing
