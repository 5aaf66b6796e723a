#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A card of identical images becomes one node's: `bramble-agent assign` below a folder that stands
# for a card, with a power cut after each of its steps; and what the agent of a card says that is
# nobody's. In a mount namespace of its own, with a tmpfs for p3. No network but loopback. TAP.
# shellcheck source=tests/lib.sh
if [[ ${1:-} != inside ]]; then
  unshare=(unshare -m)
  [[ $(id -u) -eq 0 ]] || unshare=(unshare -rm)
  "${unshare[@]}" true 2>/dev/null || { echo "1..0 # SKIP no mount namespace of one's own here" && exit 0; }
  exec "${unshare[@]}" "$0" inside
fi
. "$(dirname "$0")/../lib.sh"
agent=${BRAMBLE_BUILD:-$top/build}/bramble-agent
cd "$scratch" || exit 1
cluster=00112233445566778899aabbccddeeff
printf '#!/bin/sh\necho "$@" >>%s/manager.log\n' "$scratch" >manager && chmod +x manager
assign() { "$agent" --root card --service-manager "$scratch/manager" assign 2>said; }
p3=card/srv/bramble
# shellcheck disable=SC2317 # a cleanup hook
unmount() { umount -l $p3 2>/dev/null; }
cleanup_hooks=(unmount "${cleanup_hooks[@]}")

# What identical.c leaves in an image: three nodes, two of them with a serial number.
make_nodes() {
  python3 - card/usr/lib/bramble/nodes $cluster "$(id -u)" "$(id -g)" <<'EOP'
import hashlib, json, os, sys
top, cluster, uid, gid = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
os.makedirs(top, 0o700)
def entry(path, text, mode=0o644):
    data = text.encode()
    digest = hashlib.blake2b(data, digest_size=32).hexdigest()
    with open(os.path.join(top, digest), "wb") as f:
        f.write(data)
    return {"path": path, "mode": mode, "uid": uid, "gid": gid, "size": len(data), "digest": digest}
def conf(node):
    members = "".join('member "%s" { id = %d roles = {"data"} }\n' % (n, i + 1) for i, n in enumerate(names))
    return ('cluster { id = "%s" name = "garden" generation = 1 built = "2026-11-28" }\n'
            'node { name = "%s" }\nneo4j { version = "3.5.0" profile = "3.5-ha" }\n%s' % (cluster, node, members))
names = ["pi1", "pi2", "pi3"]
nodes = {n: [entry("/etc/bramble/node.conf", conf(n)), entry("/etc/hostname", n + "\n"),
             entry("/etc/machine-id", n * 4 + "\n", 0o444), entry("/etc/bramble/stats.password", "secret\n", 0o600),
             {"path": "/etc/new/dir", "dir": True, "mode": 0o750, "uid": uid, "gid": gid},
             {"path": "/etc/systemd/system/multi-user.target.wants/bramble-proxy.service",
              "link": "/usr/lib/systemd/system/bramble-proxy.service"}] for n in names}
json.dump({"bramble": 1, "cluster": cluster, "generation": 1, "built": "2026-11-28", "neo4j": "3.5.0",
           "members": [{"name": n, "id": i + 1, "roles": ["data"], "address": ""} for i, n in enumerate(names)],
           "nodes": nodes, "name": "garden", "profile": "3.5-ha",
           "serials": {"pi1": "10000000abcdef01", "pi2": "10000000abcdef02"}}, open(os.path.join(top, "list.json"), "w"))
EOP
}
card() { # SERIAL [MARKER'S NODE]
  unmount
  rm -rf card manager.log
  mkdir -p card/{boot/firmware,etc/bramble/built,proc/device-tree,run,srv/bramble}
  mount -t tmpfs -o size=1m p3 $p3
  printf 'cluster = "%s"\nnode = "%s"\nlayout = 1\nstate = "virgin"\n' $cluster "${2:-}" >$p3/bramble.marker
  printf 'garden\n' >card/etc/hostname
  [[ -z $1 ]] || printf '%s\0' "$1" >card/proc/device-tree/serial-number
  make_nodes
}
word() { cat card/run/bramble-boot/assign; }
is_nobody() { # NAME
  [[ ! -e card/etc/bramble/node.conf && $(cat card/etc/hostname) == garden && ! -e manager.log ]] &&
    grep -q 'node = ""' $p3/bramble.marker
  ok $? "$1: nothing was put in place"
}

card 10000000abcdef02
assign
ok $? "a board whose serial number is pi2's" "$(cat said)"
is "$(cat card/etc/hostname)" pi2 "makes the card pi2's"
like "$(cat $p3/bramble.marker)" 'node = "pi2"' "so p3 says"
like "$(cat card/etc/bramble/node.conf)" 'node \{ name = "pi2"' "and node.conf"
is "$(stat -c %a card/etc/machine-id card/etc/bramble/stats.password card/etc/new/dir | paste -sd ' ')" "444 600 750" "modes are the list's"
is "$(readlink card/etc/systemd/system/multi-user.target.wants/bramble-proxy.service)" \
  /usr/lib/systemd/system/bramble-proxy.service "units are enabled by links"
[[ ! -e card/usr/lib/bramble/nodes && ! -e card/etc/bramble/built ]]
ok $? "what was the others' is gone"
is "$(cat manager.log)" '--no-block reboot' "and the machine boots again"
assign
ok $? "once more changes nothing"
is "$(cat manager.log)" '--no-block reboot' "and boots nothing"

card 10000000ABCDEF01
assign && [[ $(cat card/etc/hostname) == pi1 ]]
ok $? "upper case is the same number" "$(cat said)"

card 10000000abcdef99
assign
is $? 1 "a board that nobody has is refused"
like "$(word)" 'serial number is 10000000abcdef99, which no node of cluster garden has' "with its number"
is_nobody "refused"
card ''
assign
is $? 1 "so is one that tells no number: $(word)"
is_nobody "no number"
printf 'node = "pi3"\r\n' >card/boot/firmware/bramble.txt
assign && [[ $(cat card/etc/hostname) == pi3 ]]
ok $? "bramble.txt can say which node it is" "$(cat said)"
[[ ! -e card/run/bramble-boot/assign ]]
ok $? "and the complaint is gone"
printf 'node = "pi1"\nhostname = "kitchen"\n' >card/boot/firmware/bramble.txt
"$agent" --root card settings 2>said
is $? 3 "another word later is refused: $(cat said)"
like "$(cat card/run/bramble-boot/settings card/boot/firmware/bramble-error.txt)" "this card is pi3's.*this card is pi3's" "on p1 and to the agent"
is "$(cat card/etc/hostname)" pi3 "as a whole"
printf 'node = "pi3"\nhostname = "kitchen"\n' >card/boot/firmware/bramble.txt
"$agent" --root card settings 2>said
is "$(cat card/etc/hostname)" kitchen "the same word is taken over"

for bad in 'node = "pi9"' 'node = "PI1"' 'nod = "pi1"' 'node = "pi1" node = "pi2"' $'node = "pi1"\nhostname = "-"'; do
  card 10000000abcdef01
  printf '%s\n' "$bad" >card/boot/firmware/bramble.txt
  ! assign
  ok $? "bramble.txt: ${bad//$'\n'/ }: refused: $(word | head -c 100)"
  is_nobody "and"
done

card 10000000abcdef02 pi1
assign && [[ $(cat card/etc/hostname) == pi1 ]]
ok $? "a p3 that was kept is still its node's, in whatever board" "$(cat said)"
card 10000000abcdef02 pi1
printf 'node = "pi2"\n' >card/boot/firmware/bramble.txt
assign
is $? 1 "and bramble.txt cannot make it another's: $(word | head -c 80)"
card 10000000abcdef02
sed -i "s/$cluster/ff112233445566778899aabbccddeeff/" $p3/bramble.marker
assign
is $? 1 "another cluster's p3 is refused: $(word | head -c 60)"
card 10000000abcdef02
unmount
assign
is $? 1 "no p3 at all, too: $(word | head -c 80)"
card 10000000abcdef02
truncate -s 200 card/usr/lib/bramble/nodes/list.json
assign
is $? 1 "half a list, too: $(word | head -c 80)"
card 10000000abcdef02
for f in card/usr/lib/bramble/nodes/*; do [[ $f == *.json ]] || echo x >"$f"; done
assign
is $? 1 "and contents that are not what the list says: $(word | head -c 80)"
[[ ! -e card/etc/bramble/node.conf ]]
ok $? "so that it is not pi2 with half of its files"

# A power cut after each call that changes something: the next boot does the rest, the same node.
if command -v strace >/dev/null && strace -q true 2>/dev/null; then
  torn=0 cuts=0
  for call in rename renameat unlink unlinkat mkdirat symlinkat rmdir fsync; do
    for ((n = 1; n < 60; n++)); do
      card 10000000abcdef02
      { strace -q -e "trace=?$call" -e "inject=?$call:signal=SIGKILL:when=$n" \
        "$agent" --root card --service-manager "$scratch/manager" assign; } 2>/dev/null && break
      cuts=$((cuts + 1))
      [[ ! -e card/etc/bramble/node.conf || $(cat card/etc/hostname) == pi2 ]] || torn=$((torn + 1))
      assign && [[ $(cat card/etc/hostname) == pi2 && $(cat card/etc/bramble/stats.password) == secret &&
        ! -e card/usr/lib/bramble/nodes ]] || torn=$((torn + 1))
    done
  done
  is $torn 0 "killed at each of $cuts calls, the next boot does the rest"
  [[ $cuts -gt 20 ]]
  ok $? "and there were so many"
else
  skip "killed at each call" "no strace here"
fi

# --- nobody's agent
card 10000000abcdef99
assign
port=$((20000 + RANDOM % 12000))
"$agent" --root card --http 127.0.0.1:$port --peer 127.0.0.1:$((port + 1)) run 2>said &
pid=$!
ask() { curl -s -m 5 -o body -w '%{http_code}' "http://127.0.0.1:$port$1"; }
for _ in $(seq 100); do [[ $(ask /liveness) == 200 ]] && break; sleep 0.1; done
is "$(ask /health)" 503 "the agent of a card that is nobody's is not healthy"
like "$(cat body)" 'held: this Pi.s serial number is 10000000abcdef99' "and says why, with the number"
is "$(ask /cluster) $(ask /writable) $(ask /liveness)" "503 503 200" "nor anything else, but alive"
printf '%s\0' 10000000abcdef01 >card/proc/device-tree/serial-number
assign
ok $? "when it becomes somebody's" "$(cat said)"
for _ in $(seq 100); do kill -0 $pid 2>/dev/null || break; sleep 0.1; done
wait $pid
is $? 0 "its agent ends, for the next one"
done_testing
