#!/bin/bash
# make demo: four images from examples/garden.conf become one Neo4j cluster on this computer, and
# survive a power cut. Leaves the stats page up until Ctrl-C; --ci ends by itself.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
ci=
[[ ${1:-} != --ci ]] || ci=1

bold=$(tput bold 2>/dev/null || true) plain=$(tput sgr0 2>/dev/null || true)
say() { printf '%s\n' "$bold== $*$plain"; }
declare -A took
step() { # NAME COMMAND...
  local name=$1 begin=$EPOCHREALTIME
  shift
  "$@"
  took[$name]=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
}

dir=build/demo conf=build/demo/garden.conf
bramble=build/bramble
sudo=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null || { echo "demo: a rehearsal needs root; run it with sudo" >&2; exit 1; }
  sudo=(sudo -E)
fi
quietly() { # COMMAND... with its output shown only when it fails
  local log=build/demo.log
  mkdir -p build
  "$@" >"$log" 2>&1 || { tail -n 30 "$log" >&2; echo "demo: $* failed (log: $log)" >&2; exit 1; }
}
stop() {
  trap '' INT TERM
  "${sudo[@]}" "$bramble" rehearse stop --cluster garden >/dev/null 2>&1 || true
}

say "1. what is needed (Debian packages; the first time takes minutes)"
step installing make --no-print-directory deps
say "2. bramble, with the proxy and the agent for armhf, arm64 and amd64 inside"
step compiling quietly make --no-print-directory -j"$(nproc)" all
say "3. base image, Java and Neo4j (cached in ${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-~/.cache}/bramble})"
step downloading images/inputs.sh rehearsal
say "4. four images from examples/garden.conf, as amd64 twins of the Pi images so that they run here"
mkdir -p "$dir"
cp examples/garden.conf "$conf"
trap stop EXIT
trap 'exit 130' INT TERM
stop
step building "$bramble" build --twin "$conf"
say "5. power on: four machines find each other and form one Neo4j HA cluster"
step forming "${sudo[@]}" "$bramble" rehearse "$conf" --detach --wait 240
took[cluster]=$("${sudo[@]}" "$bramble" rehearse status --cluster garden --json | python3 -c '
import json, sys
first = {}
for event in json.load(sys.stdin)["events"]:
    first.setdefault(event["what"], event["ms"])
print("%.1f" % ((first["formed"] - first["power_on"]) / 1000))')
say "6. one address takes writes; the master loses its power"
"${sudo[@]}" python3 tests/cluster/failover.py --bramble "$bramble" --netns bramble-garden \
  --proxy 192.168.2.10 --data pi1=192.168.2.7,pi2=192.168.2.8,pi3=192.168.2.9 \
  --json "$dir/failover.json" >"$dir/failover.txt" &
writer=$!
tail --pid=$writer -n +1 -f "$dir/failover.txt" & tail=$!
status=0
wait $writer || status=$?
wait $tail || true
say "summary"
printf '  %-30s %s s\n' "installing" "${took[installing]}" "compiling" "${took[compiling]}" \
  "downloading" "${took[downloading]}" "building four images" "${took[building]}" \
  "copying the cards and forming" "${took[forming]}" "of it, power-on to cluster" "${took[cluster]}"
[[ $status -ne 3 ]] || echo "demo: acknowledged writes were lost"
[[ $status -eq 0 ]] || exit $status
[[ -z $ci ]] || exit 0
say "the cluster runs until Ctrl-C"
"${sudo[@]}" "$bramble" rehearse status --cluster garden
echo "  stats page: user admin, password $(cat "$dir/garden.state/stats.password")"
echo "  more: sudo $bramble rehearse exec pi1 -- bash    ... cut pi2    ... boot pi2    ... status"
while sleep 3600; do :; done
