#!/bin/bash
# The whole matrix of drivers on a rehearsed cluster: three cards with Neo4j 3.5, one with the proxy.
#   matrix.sh [--causal | --neo4j VERSION JAVA] [--short] [--cases NAME,...] [--only REGEX] [--no-failover] [--results FILE]
#     [--table FILE]   as of matrix_test.py
# About half an hour; in parts, with one FILE of results: --only js-1 --no-failover, ..., --only none.
# --causal: three cores of a causal cluster instead of HA, and the proxy in mode "port".
# --neo4j: another one than 3.5, of HA, on a Java of the inputs. Up to 3.4.10 it knows no Bolt but 1 and 2, and wants a
# Java 8, which Debian has not.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
cache=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}
name=matrix net=192.168.79 data=(1 2 3)
# shellcheck source=tests/cluster/live.sh
. "$top/tests/cluster/live.sh"
version=3.5.0-beta03 java=openjdk-17-jre-headless kind=ha bolt=auto
case ${1:-} in
  --causal) kind=causal bolt=port && shift ;;
  --neo4j) version=$2 java=$3 && shift 3 ;;
esac
[[ $(id -u) -eq 0 ]] || skip_all "rehearsals need root"
for f in bookworm-amd64.img.zst neo4j-enterprise-$version.tar.gz "$java*"; do
  compgen -G "$cache/inputs/$f" >/dev/null || skip_all "input $f could not be had"
done
"$top/tests/drivers/get.sh" || skip_all "drivers could not be had"

conf=$scratch/$name.conf
cat >"$conf" <<EOT
cluster "$name" {
  base = "bookworm-amd64.img.zst"
  neo4j = "neo4j-enterprise-$version.tar.gz"
  java = "$java"
  neo4j_mode = "$kind"
  neo4j_auth = "password"
  proxy { bolt = "$bolt" }
  network { subnet = "$net.0/24" gateway = "$net.1" }
  node "pi1" { roles = {"data"} address = "$net.11" id = 1 }
  node "pi2" { roles = {"data"} address = "$net.12" id = 2 }
  node "pi3" { roles = {"data"} address = "$net.13" id = 3 }
  node "pi4" { roles = {"proxy"} address = "$net.14" }
}
EOT
log=$("$bramble" build "$conf" 2>&1)
must $? "the images are built ($log)"
log=$("$bramble" rehearse "$conf" --detach --wait 240 2>&1)
must $? "four machines become one cluster ($log)"
until_is 180 "3 1" standing
must $? "all of them serve, one takes writes"
# A slave of 3.1 that has copied its store fails by Bolt until its agent, which looks every five seconds, restarts it.
# shellcheck disable=SC2317 # called through until_is
settled() {
  fetch "http://$net.11:7470/cluster" | python3 -c '
import json, sys
n = json.load(sys.stdin)["nodes"]
print(sum(x["state"] == "serving" and not x["why"] for x in n), sum(x["writable"] for x in n))' 2>/dev/null
}
if [[ $version == 3.1.* ]]; then
  sleep 15
  until_is 300 "3 1" settled
  must $? "and who has copied its store has started again"
fi
python3 "$top/tests/drivers/matrix_test.py" --rehearsed "$name" --proxy "$net.14" \
  --data "pi1=$net.11,pi2=$net.12,pi3=$net.13" --password-file "$scratch/$name.state/neo4j.password" \
  --tap-from $((tap_n + 1)) "$@" | tee "$scratch/matrix.tap"
tap_bad=$((tap_bad | PIPESTATUS[0]))
tap_n=$((tap_n + $(grep -cE '^(not )?ok ' "$scratch/matrix.tap")))
done_testing
