#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Feeds each target NAME_fuzz.c the files of corpus/NAME and seeded mutations of them, built with
# the sanitizers and a plain compiler. Prints TAP. MUTATIONS=N sets how many per file, a target's own
# line "// mutations: N" how many of a slow one.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
build=${BRAMBLE_BUILD:-build}/fuzz
mkdir -p "$build"
export build
# shellcheck source=tests/fuzz/flags.sh
. tests/fuzz/flags.sh

object() { # SOURCE
  echo "$build/objects/${1//\//_}.o"
}
# shellcheck disable=SC2317 # called through xargs
compile() { # SOURCE: a failure is told where the object is missed, with the reason beside it
  gcc "${flags[@]}" -c "$1" -o "$(object "$1")" 2>"$(object "$1").log"
}
link() { # TARGET
  local source objects=()
  for source in "$1" tests/fuzz/replay.c $(uses "$1"); do
    [[ -e $(object "$source") ]] || cat "$(object "$source").log"
    objects+=("$(object "$source")")
  done
  gcc -fsanitize=address,undefined "${objects[@]}" "$build/objects/common.a" "${libs[@]}" \
    -o "$build/$(basename "$1" _fuzz.c)"
}
export -f object compile

# Each source once, whatever the number of targets that use it.
rm -rf "$build/objects"
mkdir "$build/objects"
# shellcheck disable=SC2016 # it is the inner shell's
{ ls common/*.c tests/fuzz/*_fuzz.c tests/fuzz/replay.c && uses tests/fuzz/*_fuzz.c; } | sort -u |
  xargs -P "$(nproc)" -I '{}' bash -c '. tests/fuzz/flags.sh && compile "$1"' compile '{}'
for source in common/*.c; do object "$source"; done | xargs ar rcs "$build/objects/common.a"

n=0 bad=0
for source in tests/fuzz/*_fuzz.c; do
  name=$(basename "$source" _fuzz.c)
  own=$(sed -n 's,^// mutations: ,,p' "$source")
  n=$((n + 1))
  if log=$(link "$source" 2>&1) &&
    log=$("$build/$name" -m "${MUTATIONS:-${own:-2000}}" "tests/fuzz/corpus/$name" 2>&1); then
    echo "ok $n - $name: $log"
  else
    echo "not ok $n - $name"
    printf '%s\n' "$log" | sed 's/^/# /' | head -n 40
    bad=1
  fi
done
echo "1..$n"
exit $bad
