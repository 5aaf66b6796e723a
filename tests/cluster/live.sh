# Sourced by tests of a live cluster, after lib.sh, with these set:
#   name   the cluster's
#   net    its network without the last number: node piN has $net.1N
#   data   the numbers of its data nodes
# One rehearsal, what the agents say of it, and a writer whose acknowledged writes are looked for.
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh and the test set them
netns=bramble-$name
rehearse() { "$bramble" rehearse "$1" --cluster "$name" "${@:2}" 2>/dev/null; }
stop() { rehearse stop >/dev/null; }
cleanup_hooks+=(stop)
fetch() { ip netns exec "$netns" curl -s -m 5 "$@"; }
# For at most SECONDS.
until_is() { # SECONDS WANT COMMAND...
  local end=$((SECONDS + $1)) want=$2
  shift 2
  until [[ $("$@") == "$want" ]]; do
    [[ $SECONDS -lt $end ]] || return 1
    sleep 0.5
  done
}
master() { # which of them is writable
  local i
  for i in "${data[@]}"; do
    [[ $(fetch -o /dev/null -w '%{http_code}' "http://$net.1$i:7470/writable") != 200 ]] || echo -n "$i"
  done
}
# shellcheck disable=SC2317 # called through until_is, as some below
has_master() { [[ -n $(master) ]] && echo yes; }
# shellcheck disable=SC2317
serving() { # NODE: how many serve, as it sees them
  fetch "http://$net.1$1:7470/cluster" | python3 -c '
import json, sys
print(sum(n["state"] == "serving" for n in json.load(sys.stdin)["nodes"]))' 2>/dev/null
}
# shellcheck disable=SC2317
standing() { # how many serve and how many take writes, as pi1 sees them
  fetch "http://$net.11:7470/cluster" | python3 -c '
import json, sys
n = json.load(sys.stdin)["nodes"]
print(sum(x["state"] == "serving" for x in n), sum(x["writable"] for x in n))' 2>/dev/null
}
show() {
  local i
  for i in "${data[@]}"; do
    echo "# pi$i: $(fetch "http://$net.1$i:7470/cluster")"
    rehearse logs "pi$i" | grep -E 'bramble-|neo4j' | tail -n 40 | sed 's/^/#   /'
  done
}
must() { # STATUS NAME
  ok "$1" "$2"
  [[ $1 -eq 0 ]] || { show; done_testing; }
}

begin_writes() { # LABEL
  python3 "$top/tests/cluster/writer.py" "$netns" "$1" 1 "${data[@]/#/$net.1}" >"$scratch/$1.json" &
  writer=$!
}
end_writes() { kill "$writer" && wait "$writer"; }
written() { # NODE LABEL
  fetch -m 30 -H 'Content-Type: application/json' \
    -d "{\"statements\":[{\"statement\":\"MATCH (n:$2) RETURN collect(n.i)\"}]}" \
    "http://$net.1$1:7474/db/data/transaction/commit"
}
# How many acknowledged writes are missing on NODE, once it has caught up, or are there twice; with
# strangers=1 also how many are there that the writer neither knows nor is in doubt of. Nothing when it
# cannot tell.
# shellcheck disable=SC2317
missing() { # NODE LABEL
  written "$@" | python3 -c '
import json, sys
told = json.load(open(sys.argv[1]))
there = json.load(sys.stdin)["results"][0]["data"][0]["row"][0]
lost = set(told["acknowledged"]) - set(there)
strange = set(there) - set(told["acknowledged"]) - set(told["unknown"]) if sys.argv[2] == "1" else ()
print(len(lost) + len(strange) + len(there) - len(set(there)) if told["acknowledged"] else "no writes")' \
    "$scratch/$2.json" "${strangers:-0}" 2>/dev/null
}
none_missing() { # LABEL NODE...
  local i
  for i in "${@:2}"; do
    until_is 60 0 missing "$i" "$1"
    must $? "every acknowledged write of \"$1\" is on pi$i ($(missing "$i" "$1") missing)"
  done
  echo "# $1: $(python3 -c '
import json, sys
t = json.load(open(sys.argv[1]))
print(len(t["acknowledged"]), "acknowledged,", len(t["unknown"]), "unknown, none for", t["gap_s"], "s")' "$scratch/$1.json")"
}
