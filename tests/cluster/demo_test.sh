#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The README's first command, as it is there. Prints TAP.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

[[ $(id -u) -eq 0 ]] || skip_all "rehearsals need root"
cache=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}
for f in bookworm-amd64.img.zst neo4j-enterprise-3.5.0-beta03.tar.gz 'openjdk-17-jre-headless*'; do
  compgen -G "$cache/inputs/$f" >/dev/null || skip_all "input $f could not be had"
done

said=$(make -C "$top" --no-print-directory demo CI=1 2>&1)
ok $? "make demo" "$(tail -n 20 <<<"$said")"
like "$said" "4 machines on this computer, formed" "four machines become one cluster"
like "$said" "writes go on after" "which takes writes when its master has lost its power"
like "$said" $'writes lost  *0\n' "none of the writes is lost"
done_testing
