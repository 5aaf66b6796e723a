#!/bin/bash
# What a person asks and tells a live cluster, on real machines with a real Neo4j 3.5: how it is, another
# master under writes, power off in order, and to go on from one card when two of three are lost. No
# acknowledged write may be missing afterwards.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

version=3.5.0-beta03
cache=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}
name=control
[[ $(id -u) -eq 0 ]] || skip_all "rehearsals need root"
for f in bookworm-amd64.img.zst neo4j-enterprise-$version.tar.gz openjdk-17-jre-headless-amd64.debs; do
  [[ -e $cache/inputs/$f ]] || skip_all "input $f could not be had"
done

net=192.168.88
conf=$scratch/$name.conf
cat >"$conf" <<EOC
cluster "$name" {
  base = "bookworm-amd64.img.zst"
  neo4j = "neo4j-enterprise-$version.tar.gz"
  java = "openjdk-17-jre-headless"
  $(neo4j_settings 3.5)
  direct_access = true # the writer and the reader ask each member itself
  network { subnet = "$net.0/24" gateway = "$net.1" }
  node "pi1" { roles = {"data"} address = "$net.11" id = 1 }
  node "pi2" { roles = {"data"} address = "$net.12" id = 2 }
  node "pi3" { roles = {"data", "proxy"} address = "$net.13" id = 3 }
}
EOC
data=(1 2 3) strangers=1
# shellcheck source=tests/cluster/live.sh
. "$(dirname "$0")/live.sh"
tell() { ip netns exec "$netns" "$bramble" "$1" "$conf" "${@:2}" 2>&1; } # COMMAND WORD...
settled_writes() { # LABEL
  begin_writes "$1"
  sleep 5
}
late_end() {
  sleep 3
  end_writes
}

log=$("$bramble" build "$conf" 2>&1)
ok $? "the images are built" "$log"
"$bramble" rehearse "$conf" --detach --wait 240 --dir "$scratch" >/dev/null 2>&1
must $? "three machines become one cluster"
until_is 120 yes has_master
must $? "a majority grants a master"
until_is 60 3 serving 1
must $? "and all three serve"
status() { ip netns exec "$netns" "$bramble" status "$@" 2>&1; }
said=$(status "$net.12")
like "$said" "^$name, as pi2 at $net.12 sees it: formed" "bramble status: $(head -n 1 <<<"$said")"
is "$(grep -Ec '^pi[123] +data[a-z,]* +serving +(master|slave) +[0-9]+ +'"$net.1[123]" <<<"$said")" 3 "with a line for each"
like "$(status "$conf")" "^$name, as pi[123] sees it: formed" "by cluster.conf, whoever answers"
said=$(status --json "$net.12:7470" | python3 -c '
import json, sys
c = json.load(sys.stdin)
print(c["cluster"], *(n["name"] for n in c["nodes"] if n["state"] == "serving"),
      *("%s writable" % n["name"] for n in c["nodes"] if n["writable"]))' 2>&1)
is "$said" "$name pi1 pi2 pi3 pi$(master) writable" "and as JSON"
like "$(tell logs pi1 --unit bramble-agent --lines 20)" 'pi1: serving' "the journal of an agent"
like "$(tell logs pi1)" 'Remote interface available|Started' "and of a Neo4j"

# --- another master, under writes: to the one that Neo4j would elect last, and to another one
for round in 1 2; do
  before=$(master)
  if [[ $before != 3 ]]; then chosen=3; else chosen=2; fi
  settled_writes "Switch$round"
  start=$SECONDS
  said=$(tell switchover "pi$chosen")
  must $? "from pi$before to pi$chosen in $((SECONDS - start)) s: ${said##*$'\n'}"
  late_end
  is "$(master)" "$chosen" "pi$chosen is master"
  until_is 90 3 serving "$chosen"
  must $? "and all three serve"
  none_missing "Switch$round" 1 2 3
  for i in 1 2 3; do
    echo "# pi$i: $("$bramble" rehearse logs --cluster "$name" "pi$i" 2>/dev/null | grep -c 'kept as') stores put aside so far"
  done
done

# --- another secret, under writes
before=$(master)
old=$(<"$scratch/$name.state/secret")
settled_writes Secret
said=$(tell rotate)
must $? "a new secret: ${said##*$'\n'}"
late_end
[[ $(<"$scratch/$name.state/secret") != "$old" ]]
ok $? "the folder has it"
is "$(master) $(serving 1)" "$before 3" "nobody noticed"
none_missing Secret 1 2 3
like "$(tell logs pi1 --lines 1)" . "and the PC is let in"

# --- power off in order
settled_writes Last
late_end
before=$(master)
said=$(tell poweroff)
must $? "all are powered off: $(tr '\n' ';' <<<"$said")"
like "$said" "pi$before: powers off\$" "the master last"
# The agents fall silent before the machines are off, and one with power cannot be switched on.
# shellcheck disable=SC2317 # called through until_is
powered() { rehearse status --json | grep -c '"pid": [1-9]'; }
until_is 120 0 powered
must $? "and all have no power any more ($(powered) with)"
fails 1 "no agent answers at $net.12" "bramble status says so" status "$net.12"

# --- two of three cards are gone for good
said=$("$bramble" rehearse boot --cluster "$name" pi2 2>&1)
must $? "one is switched on${said:+: $said}"
until_is 120 waiting bash -c "ip netns exec $netns curl -s -m 5 http://$net.12:7470/cluster | grep -o waiting | head -n 1"
must $? "and waits"
said=$(tell start --from pi2)
must $? "it is told that the others are lost: ${said##*$'\n'}"
until_is 240 2 master
must $? "and goes on alone"
none_missing Last 2
settled_writes Alone
late_end
none_missing Alone 2

# --- they come back all the same
rehearse boot pi1
rehearse boot pi3
until_is 400 3 serving 2
must $? "who comes back is taken in"
none_missing Alone 1 2 3
none_missing Last 1 2 3
stop
ok $? "the rehearsal stops"
done_testing
