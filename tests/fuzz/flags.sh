# Sourced by replay.sh and run.sh: how a target is compiled and linked, by whatever compiler.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2054 # they use them; the sanitizers are one word
flags=(-std=gnu17 -D_GNU_SOURCE -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all
  '-DBRAMBLE_VERSION="fuzz"' -I. -Icommon -Ibuilder -Iproxy)
libs=(-lconfuse -ljansson -lsodium -lfdisk -larchive -lext2fs -le2p -lcom_err -lexpat -lcrypto -llzma)
# The sources on their lines "// use: FILE...".
uses() { sed -n 's,^// use: ,,p' "$@" | xargs -n 1; } # TARGET...
# What is asked for too much memory must get none, as it would on a small machine.
export ASAN_OPTIONS=allocator_may_return_null=1
