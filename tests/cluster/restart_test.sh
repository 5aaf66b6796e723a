#!/bin/bash
# Three machines from one identical image become a cluster, each by its board's serial number; then
# orderly restarts of a whole cluster with a real Neo4j 3.5, under a writer: in turns, and all at one
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
  $(neo4j_settings 3.5)
  direct_access = true # this test reads each member itself
  identical_images = true
  network { subnet = "192.168.86.0/24" gateway = "192.168.86.1" }
  node "pi1" { roles = {"data"} address = "192.168.86.11" id = 1 serial = "10000000abcdef01" }
  node "pi2" { roles = {"data"} address = "192.168.86.12" id = 2 serial = "10000000abcdef02" }
  node "pi3" { roles = {"data", "proxy"} address = "192.168.86.13" id = 3 serial = "10000000abcdef03" }
}
CONF
stop() { "$bramble" rehearse stop --cluster "$name" >/dev/null 2>&1; }
cleanup_hooks+=(stop)

log=$("$bramble" build "$conf" 2>&1)
ok $? "one image is built" "$log"
is "$(cd "$scratch/$name.images" && echo *.img)" $name.img "and no other"
log=$("$bramble" rehearse "$conf" --detach --wait 240 --dir "$scratch" 2>&1)
ok $? "three machines from it become one cluster" "$log"
on() { "$bramble" rehearse exec --cluster "$name" "$@" 2>/dev/null; }
for i in 1 2 3; do
  is "$(on pi$i -- hostname)" pi$i "the machine with the serial number of pi$i is that node"
  is "$(on pi$i -- cat /srv/bramble/bramble.serial)" "serial = \"10000000abcdef0$i\"" "and pinned to its board"
  is "$(on pi$i -- ls /usr/lib/bramble | grep -c nodes)" 0 "with nothing of the others"
done
is "$(on pi1 -- cat /etc/machine-id /etc/machine-id | sort -u | wc -l) $(for i in 1 2 3; do on pi$i -- cat /etc/machine-id; done | sort -u | wc -l)" "1 3" \
  "each with a machine-id of its own"
is "$(for i in 1 2 3; do on pi$i -- systemctl is-enabled bramble-proxy; done | paste -sd ' ')" "disabled disabled enabled" "and the units of its roles"
"$(dirname "$0")/restart.py" --bramble "$bramble" --netns "bramble-$name" --proxy 192.168.86.13 \
  --data pi1=192.168.86.11,pi2=192.168.86.12,pi3=192.168.86.13 --tap-from $((tap_n + 1)) >"$scratch/tap"
cat "$scratch/tap"
tap_n=$((tap_n + $(grep -cE '^(not )?ok' "$scratch/tap")))
if grep -q '^not ok' "$scratch/tap"; then
  tap_bad=1
  for i in 1 2 3; do
    "$bramble" rehearse logs --cluster "$name" "pi$i" 2>/dev/null | grep bramble- | tail -n 90 | sed "s/^/# pi$i: /"
  done
fi
stop
ok $? "the rehearsal stops"
done_testing
