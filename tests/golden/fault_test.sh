#!/bin/bash
# A disk that gets full, and kill -9, at many points of a build: the images are the whole old set or
# the whole new one (which a crash may leave to the next build to put in place), files of others
# stay, and the next build succeeds. No root, no network.
#   tests/golden/fault_test.sh [POINTS PER KIND]
# In memory: hundreds of synced builds would wait for the disk for minutes.
[[ -w /dev/shm && $(df --output=avail -m /dev/shm | tail -n 1) -gt 2000 ]] && export TMPDIR=/dev/shm
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

points=${1:-4}
command -v mcopy >/dev/null || skip_all "mtools is not installed"
ldd "$bramble" | grep -q libasan && skip_all "a sanitized program takes no preloaded library"
gcc -O1 -shared -fPIC -D_GNU_SOURCE -o "$scratch/fault.so" "$top/tests/fault/fault.c" || skip_all "no compiler"
export BRAMBLE_CACHE=$scratch/cache
fixture
images=$scratch/c.images
cd "$scratch" || exit 1

build() { # FAULT: a build in which that happens
  rm -f counts
  FAULT=$1 FAULT_COUNT=$scratch/counts FAULT_BELOW=$scratch LD_PRELOAD=$scratch/fault.so \
    "$bramble" build c.conf >build.log 2>&1 &
  wait $! 2>/dev/null
}
change() { sed -i "s/maxconn = [0-9]*/maxconn = $((100 + RANDOM))/" c.conf; }
generation() { # p2 of the stand-in is always there
  debugfs -R "cat /etc/bramble/node.conf" "$1?offset=$((139264 * 512))" 2>/dev/null |
    sed -n 's/.*generation = \([0-9]*\).*/\1/p'
}
# The generations of the four images as the next build will find or put them: one number is a set.
generations() {
  local n i
  for n in 1 2 3 4; do
    i=$images/n$n.img
    [[ ! -e $images/.publish/n$n.img ]] || i=$images/.publish/n$n.img
    generation "$i"
  done | sort -u | xargs
}
counts() { od -An -tu4 -v counts | xargs; }

build none:0:KILL
ok $? "a build with the library, nothing failing" "$(cat build.log)"
echo "mine" >"$images/notes.txt"
mkdir "$images/folder"
read -r -a cold <<<"$(counts)"
change
build none:0:KILL
read -r -a warm <<<"$(counts)"
kinds=(write allocate truncate sync rename unlink mkdir)
for k in "${!kinds[@]}"; do
  [[ ${warm[k]} -gt 0 ]] || warm[k]=1
done
echo "# calls, cold: ${cold[*]}, warm: ${warm[*]} (${kinds[*]})"

# The number of calls differs by a few from build to build: the last may not come.
reached() { # KIND:N:HOW
  local k n
  read -r -a n <<<"$(counts)"
  for k in "${!kinds[@]}"; do
    [[ $1 != "${kinds[k]}":* ]] || [[ ${n[k]} -lt $(cut -d: -f2 <<<"$1") ]] || return 0
  done
  return 1
}
expect_new() { # NAME BAD
  [[ -z $2 && $(generations) =~ ^[0-9]+$ ]]
  ok $? "$1: not reached" "$2$(cat build.log)"
}
# Whatever happens at the point, then whatever the next build finds.
try() { # FAULT
  local old bad=""
  old=$(generations)
  change
  if build "$1"; then
    reached "$1" && bad+="it succeeded; "
    expect_new "$1${2:+ $2}" "$bad"
    return
  fi
  [[ $(generations) =~ ^[0-9]+$ ]] || bad+="images of generations $(generations); "
  [[ $1 == *KILL || $(generations) == "$old" || -e $images/.publish ]] || bad+="failed, but images are new; "
  [[ $1 != *ENOSPC ]] || grep -q 'No space left' build.log || bad+="it does not say why; "
  [[ $1 == *KILL || -e $images/.publish || ! -e $images/.build ]] || bad+="a work folder is left; "
  "$bramble" build c.conf >next.log 2>&1 || bad+="the next build: $(tail -n 1 next.log); "
  [[ $(generations) =~ ^[0-9]+$ && $(generations) -gt $old ]] ||
    bad+="after the next build generations $(generations), before $old; "
  [[ -z $(find "$images" cache -mindepth 1 -name '.build' -o -name '.publish' -o -name '.work-*' -o -name '*.??????' ! -name '*.recipe' ! -name '*.img') ]] ||
    bad+="left: $(find "$images" cache -mindepth 1 -name '.??*' -o -name '*.??????'); "
  [[ $(cat "$images/notes.txt") == mine && -d $images/folder ]] || bad+="a file of others is gone; "
  [[ -z $bad ]]
  ok $? "$1${2:+ $2}" "$bad $(cat build.log)"
}
last_is_sound() {
  "$bramble" verify "$images"/n?.img >verify.log 2>&1
  ok $? "the images are sound" "$(grep -v '^ok' verify.log)"
}

# Evenly over all calls of a kind, the first and the last among them.
for k in "${!kinds[@]}"; do
  for ((i = 0; i < points; i++)); do
    at=$((1 + i * (warm[k] - 1) / (points - 1)))
    try "${kinds[k]}:$at:KILL"
    [[ ${kinds[k]} == unlink ]] || try "${kinds[k]}:$at:ENOSPC"
    [[ ${warm[k]} -gt 1 ]] || break
  done
done
last_is_sound
for k in 0 1 3 4; do
  for ((i = 1; i <= 2; i++)); do
    rm -rf cache/stages
    try "${kinds[k]}:$((i * cold[k] / 3)):KILL" "(nothing cached)"
  done
done
last_is_sound
done_testing
