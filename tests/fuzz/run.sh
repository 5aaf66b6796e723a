#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Fuzzes the targets by coverage (libFuzzer) until each has had HOURS of CPU in all its runs: hours.tsv keeps what
# each has had, corpora grow in the cache outside the tree. Whoever has had least comes first, in slices; it may be
# stopped at any time. What breaks a target is kept in build/fuzz/broken, and is to become a file of corpus/NAME.
#   run.sh [HOURS [NAME...]]     HOURS may be 0.1; SLICE=60 seconds, JOBS=cores
# Needs clang-14 and libclang-rt-14-dev, which nothing else here does.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
hours=${1:-1}
shift
clang=${CLANG:-clang-14}
build=$(realpath "${BRAMBLE_BUILD:-build}")/fuzz-clang
corpora=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}/fuzz
broken=$(dirname "$build")/fuzz/broken
record=tests/fuzz/hours.tsv
slice=${SLICE:-60} jobs=${JOBS:-$(nproc)}
command -v "$clang" >/dev/null || {
  echo "run.sh: $clang is missing: apt install clang-14 libclang-rt-14-dev" >&2
  exit 1
}
mkdir -p "$build" "$broken" "$corpora"
exec 9>"$build/lock"
flock -n 9 || {
  echo "run.sh: another one runs; two would miscount what a target has had" >&2
  exit 1
}
# shellcheck source=tests/fuzz/flags.sh
. tests/fuzz/flags.sh

targets=("$@")
[[ ${#targets[@]} -gt 0 ]] || mapfile -t targets < <(basename -a -s _fuzz.c tests/fuzz/*_fuzz.c)

object() { echo "$build/${1//\//_}.o"; }
# shellcheck disable=SC2016 # it is the inner shell's
compile() { # SOURCE...: those that are newer than what was made of them
  local source
  for source in "$@"; do
    [[ $(object "$source") -nt $source ]] || echo "$source"
  done | sort -u |
    xargs -r -P "$(nproc)" -I '{}' sh -c \
      'src=$1 out=$2/$(echo "$1" | tr / _).o; shift 2; "$@" -fsanitize=fuzzer-no-link -c "$src" -o "$out"' \
      sh '{}' "$build" "$clang" "${flags[@]}"
}
link() { # NAME
  local source objects=()
  for source in "tests/fuzz/$1_fuzz.c" $(uses "tests/fuzz/$1_fuzz.c") common/*.c; do
    objects+=("$(object "$source")")
  done
  "$clang" -fsanitize=fuzzer,address,undefined "${objects[@]}" "${libs[@]}" -o "$build/$1"
}
had() { awk -F '\t' -v n="$1" '$1 == n { s = $2 } END { print s + 0 }' < <(cat "$record" 2>/dev/null); } # NAME: seconds
add() { # NAME SECONDS RUNS
  { cat "$record" 2>/dev/null || printf '# target\tCPU seconds\truns\n'; } | awk -F '\t' -v OFS='\t' -v n="$1" -v s="$2" -v r="$3" '
    $1 == n { print n, $2 + s, $3 + r; done = 1; next }
    { print }
    END { if (!done) print n, s, r }' >"$record.new" && mv "$record.new" "$record"
}
fuzz() { # NAME: one slice; its CPU seconds and runs into a file
  local seconds log=$build/$1.log
  mkdir -p "$corpora/$1"
  TIMEFORMAT='%U %S'
  seconds=$({ time "$build/$1" -max_total_time="$slice" -timeout=25 -rss_limit_mb=3000 -malloc_limit_mb=100000 \
    -print_final_stats=1 -artifact_prefix="$broken/$1-" "$corpora/$1" "tests/fuzz/corpus/$1" >"$log" 2>&1; } 2>&1)
  echo "$1 $(awk '{ print int($1 + $2 + 0.5) }' <<<"$seconds") $(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" >"$build/$1.had"
}

# libFuzzer measures by the clock: on a busy machine what stood still for 10 s counts as slow.
forgive_slow() { # NAME
  local f
  for f in "$broken/$1-slow-unit-"* "$broken/$1-timeout-"*; do
    [[ -e $f ]] || continue
    (ulimit -t 5 && "$build/$1" -timeout=600 -report_slow_units=600 "$f") >/dev/null 2>&1 && rm -f "$f"
  done
}

# Of headers no object tells.
if [[ ! -e $build/stamp || -n $(find common builder proxy node-agent tests/fuzz -name '*.h' -newer "$build/stamp" -print -quit) ]]; then
  rm -f "$build"/*.o
fi
touch "$build/stamp"
sources=()
for t in "${targets[@]}"; do
  [[ -e tests/fuzz/${t}_fuzz.c ]] || { echo "run.sh: no target $t" >&2 && exit 2; }
  sources+=("tests/fuzz/${t}_fuzz.c")
  mapfile -t -O "${#sources[@]}" sources < <(uses "tests/fuzz/${t}_fuzz.c")
done
compile "${sources[@]}" common/*.c || exit
for t in "${targets[@]}"; do link "$t" || exit; done

bad=() due=()
is_broken() { [[ " ${bad[*]} " == *" $1 "* ]]; } # NAME
while :; do
  mapfile -t due < <(for t in "${targets[@]}"; do
    is_broken "$t" || echo "$(had "$t") $t"
  done | awk -v most="$hours" '$1 < most * 3600' | sort -n | head -n "$jobs" | cut -d ' ' -f 2)
  [[ ${#due[@]} -gt 0 ]] || break
  for t in "${due[@]}"; do fuzz "$t" & done
  wait
  for t in "${due[@]}"; do
    read -r name seconds runs <"$build/$t.had"
    add "$name" "$seconds" "${runs:-0}"
    forgive_slow "$t"
    if compgen -G "$broken/$t-*" >/dev/null; then
      bad+=("$t")
      echo "$t: broken, see $broken and $build/$t.log"
    fi
  done
  echo "$(date +%T) ${due[*]}: $(for t in "${due[@]}"; do echo -n "$(had "$t") s "; done)"
done
[[ ${#bad[@]} -eq 0 ]]
