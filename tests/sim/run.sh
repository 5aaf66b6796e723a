#!/bin/bash
# The rules by which Neo4j may start, go on and be written to (node-agent/quorum), under SCHEDULES
# seeded schedules of faults. Then the same with a rule broken: the simulator must notice.
#
# A failing seed is printed; build/sim/sim -v SEED tells its story.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
build=${BRAMBLE_BUILD:-build}/sim
schedules=${SCHEDULES:-100000}
mkdir -p "$build"
n=0 bad=0
# Schedules that lost something once: how many faults the table had then, and the seed.
mended=("16 18280" "16 88611" "19 3000525" "20 20186" "20 4000639" "20 4002631" "21 22819" "21 9049644"
  "21 15289" "21 25800" "21 29286" "21 32868" "21 80009" "21 81773" "21 542" "21 6734" "21 47892" "21 502820" "23 71238")

result() { # STATUS NAME DIAGNOSTIC
  n=$((n + 1))
  if [[ $1 -eq 0 ]]; then
    echo "ok $n - $2"
  else
    echo "not ok $n - $2"
    printf '%s\n' "$3" | sed 's/^/# /'
    bad=1
  fi
}
compile() { # NAME FLAG...
  local out=$build/$1
  shift
  gcc -std=gnu17 -D_GNU_SOURCE -O3 -flto -ffunction-sections -Wl,--gc-sections -g -Wall -Wextra -DMANIFEST_MAX=9 -DBRAMBLE_VERSION='"sim"' "$@" \
    -Icommon -Inode-agent -Itests/sim tests/sim/*.c \
    node-agent/quorum/*.c node-agent/wedge.c common/err.c common/neo4j.c -o "$out" 2>&1
}

log=$(compile sim)
result $? "the simulator builds" "$log"
cores=$(nproc)
pids=()
for ((i = 0; i < cores; i++)); do
  "$build/sim" $((schedules / cores)) $((i * (schedules / cores))) >"$build/log.$i" 2>&1 &
  pids+=($!)
done
for ((i = 0; i < cores; i++)); do
  wait "${pids[i]}"
  result $? "$(sed -n 's/.*ok 1 - //p' "$build/log.$i")" "$(grep '^#' "$build/log.$i")"
done
log=$("$build/sim" -e 500)
result $? "an emptied card, one that was away and one that has it all: $(sed -n 's/.*ok 1 - //p' <<<"$log")" "$log"
log=$("$build/sim" -a 4000)
result $? "all Neo4js or all power at one moment, the last write on one store: $(sed -n 's/.*ok 1 - //p' <<<"$log")" "$log"
log=$("$build/sim" -b 1000)
result $? "all power at one moment, and the master does not come back: $(sed -n 's/.*ok 1 - //p' <<<"$log")" "$log"
log=$("$build/sim" -o 1000)
result $? "the master's Neo4j ends alone, and nobody waits for it: $(sed -n 's/.*ok 1 - //p' <<<"$log")" "$log"
for m in "${mended[@]}"; do
  read -r of seed <<<"$m"
  log=$("$build/sim" -f "$of" -v "$seed")
  result $? "seed $seed of $of faults" "$(tail -n 1 <<<"$log")"
done

broken() { # NAME WHAT FLAG [STORY]
  log=$(compile "$1" -DBAD_MAX=1 "$3") || {
    result 1 "$1 builds" "$log" # one that is not there would notice everything
    return
  }
  log=$("$build/$1" ${4:+"$4"} 20000 2>&1)
  grep '^not ok' <<<"$log" >/dev/null # one that crashes has noticed nothing
  result $? "noticed: $2" "$log"
}
broken half "a half taken for a majority" '-DMANIFEST_MAJORITY(n)=(((n)+1)/2)'
broken forgetful "voters changed, and what was a majority before forgotten" -DMANIFEST_FORGETS=1
broken voted "the last master elected, and not the only one to begin" -DQUORUM_BEGINS_ALONE=0 -a
echo "1..$n"
exit $bad
