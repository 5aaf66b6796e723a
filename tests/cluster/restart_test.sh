#!/bin/bash
# Orderly restarts of a whole cluster with a real Neo4j 3.5, under a writer: in turns, and all at one
# moment, which by itself was seen to wedge. Nothing acknowledged may be missing afterwards.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

version=3.5.0-beta03
cache=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}
name=restart
[[ $(id -u) -eq 0 ]] || skip_all "rehearsals need root"
for f in bookworm-amd64.img.zst neo4j-enterprise-$version.tar.gz openjdk-17-jre-headless-amd64.debs; do
  [[ -e $cache/inputs/$f ]] || skip_all "input $f could not be had"
done

conf=$scratch/$name.conf
cat >"$conf" <<CONF
cluster "$name" {
  base = "bookworm-amd64.img.zst"
  neo4j = "neo4j-enterprise-$version.tar.gz"
  java = "openjdk-17-jre-headless"
  direct_access = true # this test reads each member itself
  network { subnet = "192.168.86.0/24" gateway = "192.168.86.1" }
  node "pi1" { roles = {"data"} address = "192.168.86.11" id = 1 }
  node "pi2" { roles = {"data"} address = "192.168.86.12" id = 2 }
  node "pi3" { roles = {"data", "proxy"} address = "192.168.86.13" id = 3 }
}
CONF
stop() { "$bramble" rehearse stop --cluster "$name" >/dev/null 2>&1; }
cleanup_hooks+=(stop)

log=$("$bramble" build "$conf" 2>&1)
ok $? "the images are built" "$log"
"$bramble" rehearse "$conf" --detach --wait 240 --dir "$scratch" >/dev/null 2>&1
ok $? "three machines become one cluster"
"$(dirname "$0")/restart.py" --bramble "$bramble" --netns "bramble-$name" --proxy 192.168.86.13 \
  --data pi1=192.168.86.11,pi2=192.168.86.12,pi3=192.168.86.13 --tap-from $((tap_n + 1)) >"$scratch/tap"
cat "$scratch/tap"
tap_n=$((tap_n + $(grep -cE '^(not )?ok' "$scratch/tap")))
if grep -q '^not ok' "$scratch/tap"; then
  tap_bad=1
  for i in 1 2 3; do
    "$bramble" rehearse logs --cluster "$name" "pi$i" 2>/dev/null | grep bramble- | tail -n 25 | sed "s/^/# pi$i: /"
  done
fi
stop
ok $? "the rehearsal stops"
done_testing
