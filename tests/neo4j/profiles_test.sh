#!/bin/bash
# Real servers on what bramble renders for them: of each version that Maven Central still has a server
# of, a card is built (on the stand-ins of tests/golden), its configuration and data partition are
# taken out, and the real Neo4j is started on them, unchanged, in a namespace of its own. It must
# reach its role, know every setting, and take the password bramble made and no other.
#   profiles_test.sh [VERSION...]
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$top/tests/golden/fixture.sh"

cache=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}
export BRAMBLE_CACHE=$scratch/cache
namespace=(unshare --mount --net --pid --fork --kill-child)
[[ $(id -u) -eq 0 ]] || namespace+=(--map-root-user)
"${namespace[@]}" true 2>/dev/null || skip_all "no namespaces on this machine"

# Java: what the configuration is rendered for, and what there is to start the server on. 3.1 and 3.4 start
# on 11, which is not documented; 3.2 ends with IncompatibleClassChangeError there.
#  VERSION      EDITION    MODE   RENDERED  STARTED
versions='
  2.3.1         enterprise  ha      11  11
  3.1.4         enterprise  ha       8  11
  3.2.7         enterprise  ha       8   8
  3.4.10        enterprise  ha       8  11
  3.5.0-beta03  enterprise  ha      17  17
  3.5.0-beta03  enterprise  single  11  11
  4.4.48        community   single  11  11
  5.1.0         community   single  17  17
  5.26.30       community   single  17  17
  2026.08.1     community   single  25  25
'

# Debian's packages of the inputs folder, unpacked, or what this machine has of itself.
find_java() { # MAJOR
  local dir=$scratch/java-$1 debs=$cache/inputs/openjdk-$1-jre-headless-amd64.debs java link
  if [[ ! -d $dir && -d $debs ]]; then
    mkdir "$dir"
    for deb in "$debs"/openjdk-*.deb; do dpkg-deb -x "$deb" "$dir"; done
    find "$dir/usr/lib/jvm" -lname '/etc/*' -print0 | while IFS= read -r -d '' link; do
      ln -sfn "$dir$(readlink "$link")" "$link"
    done
  fi
  for java in "$dir"/usr/lib/jvm/*/bin/java /usr/lib/jvm/*/bin/java; do
    [[ $("$java" -version 2>&1 | head -n 1) =~ version\ \"(1\.)?$1\. ]] && echo "${java%/bin/java}" && return
  done
}

# Makes a card for that version; $scratch/card gets conf/, data/ and password.
render() { # VERSION EDITION MODE JAVA
  local card=$scratch/card image=$scratch/c.images/n1.img
  rm -rf "$card" "$scratch/neo4j" "$scratch/java" "$scratch"/c.* && mkdir -p "$card/data"
  fixture_neo4j "$scratch/neo4j.tar.gz" "$1" "$2"
  fixture_java "$scratch/java" "$4"
  cat >"$scratch/c.conf" <<END
cluster "real" {
  base = "base.img"  neo4j = "neo4j.tar.gz"  java = "java"  root_size = "128MiB"
  neo4j_mode = "$3"  neo4j_auth = "password"  memory_mb = 2048
  network { subnet = "10.9.0.0/24" }
  node "n1" { roles = {"data"} address = "10.9.0.11" id = 1 }
}
END
  "$bramble" build "$scratch/c.conf" >"$card/log" 2>&1 || return
  partition "$image" 2
  debugfs -R "rdump /opt/neo4j-$1/conf $card" "$image?offset=$part_start" >/dev/null 2>&1
  partition "$image" 3
  debugfs -R "rdump /neo4j $card/data" "$image?offset=$part_start" >/dev/null 2>&1
  card_cat "$image" /etc/bramble/neo4j.password >"$card/password"
  [[ -d $card/conf && -d $card/data/neo4j && -s $card/password ]]
}

# Unpacked once per version: the archive of the recipe with the card's configuration over its own.
unpack() { # VERSION EDITION
  rm -rf "$scratch/server" && mkdir "$scratch/server"
  tar -xzf "$cache/inputs/neo4j-$2-$1.tar.gz" -C "$scratch/server" --strip-components=1
  cp "$scratch/card/conf"/* "$scratch/server/conf/"
}

try() { # VERSION EDITION MODE RENDERED STARTED
  local name="$1 $3 on Java $5" java out
  java=$(find_java "$5")
  [[ -n $java ]] || { skip "$name" "no Java $5 on this machine"; return; }
  [[ -e $cache/inputs/neo4j-$2-$1.tar.gz ]] || { skip "$name" "the archive could not be had"; return; }
  render "$1" "$2" "$3" "$4"
  ok $? "$1 $3: a card is made" "$(cat "$scratch/card/log")"
  unpack "$1" "$2"
  # Twice as cheap without its second compiler.
  out=$(JAVA_HOME=$java JAVA_TOOL_OPTIONS=-XX:TieredStopAtLevel=1 "${namespace[@]}" "$top/tests/neo4j/start.sh" "$scratch/server" \
    "$scratch/card" "$1" "$3" 2>&1)
  sed 's/^/# /' <<<"$out"
  grep -qE '^role: (master|200)$' <<<"$out"
  ok $? "$name: it starts and has its role, asked for without a password"
  grep -q '^unknown settings: 0$' <<<"$out"
  ok $? "$name: it knows every setting"
  grep -q '^without password: 401$' <<<"$out"
  ok $? "$name: nothing without a password"
  grep -q '^with password: 200 .*"errors":\[\]' <<<"$out"
  ok $? "$name: the card's password is the one"
  [[ $3 == ha ]] || return 0
  grep -q '^bean: 200$' <<<"$out"
  ok $? "$name: with which the agent gets its bean"
}

fixture_base "$scratch/base.img" 2>/dev/null
while read -r version rest; do
  [[ -n $version && (-z $* || " $* " == *" $version "*) ]] || continue
  # shellcheck disable=SC2086 # the columns of the table
  try "$version" $rest
done <<<"$versions"
done_testing
