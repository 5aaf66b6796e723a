#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Feeds each target NAME_fuzz.c the files of corpus/NAME and seeded mutations of them, built with
# the sanitizers and a plain compiler. Prints TAP. MUTATIONS=N sets how many per file, a target's own
# line "// mutations: N" how many of a slow one.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
build=${BRAMBLE_BUILD:-build}/fuzz
mkdir -p "$build"
# What is asked for too much memory must get none, as it would on a small machine.
export ASAN_OPTIONS=allocator_may_return_null=1
n=0 bad=0
for source in tests/fuzz/*_fuzz.c; do
  name=$(basename "$source" _fuzz.c)
  read -ra use < <(sed -n 's,^// use: ,,p' "$source" | xargs; echo)
  own=$(sed -n 's,^// mutations: ,,p' "$source")
  n=$((n + 1))
  if log=$(gcc -std=gnu17 -D_GNU_SOURCE -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
    -DBRAMBLE_VERSION='"fuzz"' -I. -Icommon -Ibuilder -Iproxy "$source" tests/fuzz/replay.c "${use[@]}" common/*.c \
    -lconfuse -ljansson -lsodium -lfdisk -larchive -lext2fs -le2p -lcom_err -lexpat -lcrypto -llzma -o "$build/$name" 2>&1) &&
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
