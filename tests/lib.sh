# Sourced by shell tests: TAP and a scratch folder that goes away.
# shellcheck shell=bash
set -uo pipefail
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bramble=${BRAMBLE:-${BRAMBLE_BUILD:-$top/build}/bramble}
tap_n=0 tap_bad=0
scratch=$(mktemp -d "${TMPDIR:-/tmp}/bramble-test.XXXXXX")
cleanup_hooks=()
tap_cleanup() {
  local h
  for h in "${cleanup_hooks[@]}"; do "$h"; done
  rm -rf "$scratch"
}
trap tap_cleanup EXIT
trap 'exit 130' INT TERM

ok() { # STATUS NAME [DIAGNOSTIC]
  tap_n=$((tap_n + 1))
  if [[ $1 -eq 0 ]]; then
    echo "ok $tap_n - $2"
  else
    echo "not ok $tap_n - $2"
    [[ -z ${3:-} ]] || printf '%s\n' "$3" | sed 's/^/# /' | head -n 20
    tap_bad=1
  fi
}
skip() { # NAME WHY
  tap_n=$((tap_n + 1))
  echo "ok $tap_n - $1 # SKIP $2"
}
skip_all() { # WHY
  echo "1..0 # SKIP $1"
  exit 0
}
is() { # GOT WANT NAME
  [[ $1 == "$2" ]]
  ok $? "$3" "got:  $1
want: $2"
}
like() { # TEXT REGEX NAME
  [[ $1 =~ $2 ]]
  ok $? "$3" "\"$1\" does not match $2"
}
# Runs a command that must fail with STATUS and say REGEX.
fails() { # STATUS REGEX NAME COMMAND...
  local want=$1 re=$2 name=$3 out status
  shift 3
  out=$("$@" 2>&1)
  status=$?
  [[ $status -eq $want && $out =~ $re ]]
  ok $? "$name" "status $status (want $want), said: $out"
}
done_testing() {
  echo "1..$tap_n"
  exit $tap_bad
}

# Byte offsets and sizes of partition N of an image: sets part_start and part_size.
partition() { # IMAGE N
  read -r part_start part_size < <(sfdisk -J "$1" | python3 -c "
import json, sys
p = json.load(sys.stdin)['partitiontable']['partitions'][$2 - 1]
print(p['start'] * 512, p['size'] * 512)")
}
# e2fsck -fn on partition N, which must be clean.
fsck_partition() { # IMAGE N
  partition "$1" "$2"
  dd if="$1" of="$scratch/fsck.part" bs=1M iflag=skip_bytes,count_bytes skip="$part_start" \
    count="$part_size" conv=sparse status=none
  e2fsck -fn "$scratch/fsck.part" 2>&1
  local status=$?
  rm -f "$scratch/fsck.part"
  return $status
}
card_cat() { # IMAGE PATH [PARTITION]
  partition "$1" "${3:-2}"
  debugfs -R "cat $2" "$1?offset=$part_start" 2>/dev/null
}
# A line of cluster.conf: without Java's second compiler a Neo4j that lives for minutes and is asked little costs half
# of the processor time. cluster_test.sh has what bramble renders by itself.
neo4j_settings() { # VERSION [KEY=VALUE...]
  local key=dbms.jvm.additional setting
  [[ $1 != 2.* ]] || key=wrapper.java.additional
  echo -n "neo4j_settings = { \"$key=-XX:TieredStopAtLevel=1\""
  for setting in "${@:2}"; do echo -n ", \"$setting\""; done
  echo ' }'
}
card_stat() { # IMAGE PATH [PARTITION]
  partition "$1" "${3:-2}"
  debugfs -R "stat $2" "$1?offset=$part_start" 2>&1
}
