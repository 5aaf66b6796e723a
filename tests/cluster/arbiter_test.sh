#!/bin/bash
# Two data nodes and an arbiter, real images and real Neo4j: the arbiter's vote makes a majority of the one
# that is left when the master's power is cut. Without it two could not lose one.
#   tests/cluster/arbiter_test.sh [VERSION]
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

version=${1:-3.5.0-beta03}
case $version in
  2.*) java=11 files=neo4j.properties is_one='' ;; # a program of its own makes it one
  *) java=17 files=neo4j.conf is_one='ARBITER.*' ;;
esac
cache=${BRAMBLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bramble}
name=tarb
netns=bramble-$name
[[ $(id -u) -eq 0 ]] || skip_all "rehearsals need root"
for f in bookworm-amd64.img.zst "neo4j-enterprise-$version.tar.gz" openjdk-$java-jre-headless-amd64.debs; do
  [[ -e $cache/inputs/$f ]] || skip_all "input $f could not be had"
done

conf=$scratch/$name.conf
cat >"$conf" <<EOF
cluster "$name" {
  base = "bookworm-amd64.img.zst"
  neo4j = "neo4j-enterprise-$version.tar.gz"
  neo4j_auth = "password"
  java = "openjdk-$java-jre-headless"
  $(neo4j_settings "$version")
  direct_access = true # each member is asked itself whom it knows
  network { subnet = "192.168.78.0/24" gateway = "192.168.78.1" }
  node "pi1" { roles = {"data"} address = "192.168.78.11" id = 1 }
  node "pi2" { roles = {"data"} address = "192.168.78.12" id = 2 }
  node "pi3" { roles = {"arbiter", "proxy"} address = "192.168.78.13" id = 3 }
}
EOF
stop() { "$bramble" rehearse stop --cluster "$name" >/dev/null 2>&1; }
cleanup_hooks+=(stop)
on() { "$bramble" rehearse exec --cluster "$name" "$@"; }
get() { ip netns exec "$netns" curl -s -m 5 "$@"; }
show() { # first in few lines: a summary of many tests has no more
  local n
  for n in 1 2 3; do
    echo "# pi$n: $(get "http://192.168.78.1$n:7470/cluster" | python3 -c "
import json, sys
print(*(' '.join(str(n.get(k)) for k in ('name', 'state', 'neo4j', 'why')) for n in json.load(sys.stdin)['nodes']), sep='; ')" 2>&1 | tail -n 1)"
  done
  for n in 1 2 3; do
    on pi$n -- journalctl --no-pager -n 60 -o short-monotonic -t bramble-agent -t neo4j 2>&1 | sed "s/^/# pi$n: /"
  done
}
# A state is waited for, not met by luck.
patience=90
eventually() { # WANT NAME COMMAND...
  local want=$1 what=$2 end=$((SECONDS + patience)) got
  shift 2
  until got=$("$@" 2>/dev/null) && [[ $got == "$want" ]] || [[ $SECONDS -ge $end ]]; do sleep 1; done
  is "$got" "$want" "$what"
  [[ $got == "$want" ]] || { show && done_testing; }
}
# shellcheck disable=SC2317 # called through eventually
node() { # ASKED NODE: its state, its Neo4j's role, is its last transaction known?
  get "http://192.168.78.1$1:7470/cluster" | python3 -c "
import json, sys
print(*[(n['state'], n['neo4j'], n.get('last_tx') is not None)
        for n in json.load(sys.stdin)['nodes'] if n['name'] == 'pi$2'][0])"
}
write() {
  get -m 60 --netrc-file "$scratch/netrc" -H 'X-Write: 1' -H 'Content-Type: application/json' \
    -d '{"statements":[{"statement":"CREATE (n:Hello) RETURN id(n)"}]}' \
    http://192.168.78.13:8090/db/data/transaction/commit
}

log=$("$bramble" build "$conf" 2>&1)
ok $? "the images are built" "$log"
(umask 077 && printf 'machine 192.168.78.13 login neo4j password %s\n' \
  "$(cat "$scratch/$name.state/neo4j.password")" >"$scratch/netrc")
log=$("$bramble" rehearse "$conf" --detach --wait 240 2>&1)
status=$?
ok $status "two members and an arbiter become a cluster" "$log"
[[ $status -eq 0 ]] || { show && done_testing; }
eventually "serving down False" "the arbiter runs, and has neither role nor store" node 1 3
like "$(on pi3 -- grep -E '^(dbms.mode|ha.initial_hosts|ha.server_id)=' /opt/neo4j/conf/$files | tr '\n' ' ')" \
  "${is_one}ha.server_id=3.*11:5001,192.168.78.12:5001,192.168.78.13:5001" "as it was told"
is "$(on pi3 -- find /srv/bramble/neo4j -name 'neostore*' | grep -c .)" 0 "nothing of a store is on it"
is "$(on pi3 -- find /etc/bramble /srv/bramble/neo4j -name 'neo4j.password' -o -name 'auth*' | grep -c .)" 0 \
  "and no password"
is "$(on pi3 -- grep -c '^member "' /etc/bramble/proxy.conf)" 2 "for the proxy it is no member"
like "$(write)" '"errors":\[\]' "a write through the proxy is acknowledged"

master=
for n in 1 2; do [[ $(get http://192.168.78.1$n:7470/master) == master ]] && master=$n; done
like "$master" '^[12]$' "there is a master"
other=$((3 - ${master:-1}))
eventually "serving master True" "the agents learn its last transaction with the password" node $other "$master"
"$bramble" rehearse cut --cluster "$name" "pi$master" >/dev/null
ok $? "its power is cut"
patience=400 # Neo4j's own election was once seen to wedge: then it is begun anew
eventually master "the other one becomes master: it and the arbiter are a majority" \
  get "http://192.168.78.1$other:7470/master"
like "$(write)" '"errors":\[\]' "a write is acknowledged again"
"$bramble" rehearse boot --cluster "$name" "pi$master" >/dev/null
eventually slave "the one that was cut comes back as slave" get "http://192.168.78.1$master:7470/slave"
eventually "serving slave True" "and serves" node "$master" "$master"

# --- one password, on both
(umask 077 && echo 'better than before' >"$scratch/new" &&
  printf 'machine 192.168.78.13 login neo4j password "better than before"\n' >"$scratch/netrc.new")
passwd() { ip netns exec "$netns" "$bramble" passwd --file "$scratch/new" "$conf" 2>&1; }
log=$(passwd)
ok $? "the password is changed: $(tr '\n' ';' <<<"$log")" "$log"
like "$(write)" 'Unauthorized|Invalid username or password' "the old one is no use any more"
mv "$scratch/netrc.new" "$scratch/netrc"
like "$(write)" '"errors":\[\]' "the new one is"
log=$(passwd)
ok $? "both know it: by it they are asked to change it once more" "$log"
is "$(cat "$scratch/$name.state/neo4j.password")" "better than before" "and the next images will"
eventually "serving master True" "the agents ask by it" node "$master" "$other"

# --- users: what is done to one Neo4j's is done to the other's
as() { # NODE USER PASSWORD STATEMENT
  (umask 077 && printf 'machine 192.168.78.1%s login %s password "%s"\n' "$1" "$2" "$3" >"$scratch/netrc.as")
  get -m 20 --netrc-file "$scratch/netrc.as" -H 'Content-Type: application/json' \
    -d "{\"statements\":[{\"statement\":\"$4\"}]}" "http://192.168.78.1$1:7474/db/data/transaction/commit"
}
admin() { as "$1" neo4j "better than before" "$2"; } # NODE STATEMENT
# shellcheck disable=SC2317 # called through eventually, as some below
lets_in() { # NODE USER PASSWORD
  case $(as "$1" "$2" "$3" "RETURN 1") in
  *'"errors":[]'*) echo yes ;;
  *Unauthorized* | *'nvalid username or password'*) echo no ;;
  esac
}
# shellcheck disable=SC2317
roles() { admin "$1" "CALL dbms.security.listRolesForUser('$2')" | grep -o '"row":\["[a-z]*"' | cut -d '"' -f 4; }
if [[ $version != 2.* ]]; then # it has no user but neo4j
  slave=$master master=$other
  like "$(admin $master "CALL dbms.security.createUser('alice', 'first', false)")" '"errors":\[\]' "a user is made on the master"
  like "$(admin $master "CALL dbms.security.addRoleToUser('reader', 'alice')")" '"errors":\[\]' "with a role"
  eventually yes "the slave lets it in" lets_in $slave alice first
  eventually reader "in that role" roles $slave alice
  like "$(admin $slave "CALL dbms.security.changeUserPassword('alice', 'second', false)")" '"errors":\[\]' \
    "the slave gives it another password"
  like "$(admin $master "CALL dbms.security.createUser('bob', 'third', false)")" '"errors":\[\]' "while the master makes another user"
  like "$(admin $master "CALL dbms.security.addRoleToUser('admin', 'bob')")" '"errors":\[\]' "who is an admin"
  eventually yes "the master knows that password" lets_in $master alice second
  eventually admin "and the slave that admin" roles $slave bob
  like "$(as $master bob third "CALL dbms.security.deleteUser('alice')")" '"errors":\[\]' "a user is removed"
  eventually no "on the slave too" lets_in $slave alice second
  like "$(as $slave bob third "CALL dbms.security.deleteUser('neo4j')")" '"errors":\[\]' "the agents' own is removed"
  eventually yes "and put back" lets_in $slave neo4j "better than before"
  is "$(lets_in $master neo4j "better than before")" yes "the other never lost it"
  on pi$slave -- sh -c 'systemctl stop bramble-agent neo4j
    rm -f /srv/bramble/bramble.users /srv/bramble/neo4j/data/dbms/auth /srv/bramble/neo4j/data/dbms/roles
    systemctl start bramble-agent' >/dev/null 2>&1
  eventually no "one that lost its users does not know the first one again" lets_in $slave alice second
  eventually yes "but gets all there are" lets_in $slave bob third
  eventually "serving slave True" "and its agent asks again" node "$master" "$slave"
  for n in 1 2; do
    is "$(on pi$n -- sh -c 'stat -c "%a %U" /srv/bramble/neo4j/data/dbms; stat -c "%a %U" /srv/bramble/bramble.users
      journalctl --no-pager | grep -cE "SHA-256,|better than before"' 2>/dev/null | tr '\n' ' ')" \
      "700 neo4j 600 bramble-agent 0 " "nobody else on pi$n may read them, and its journal has none of it"
  done
fi
for n in 1 2 3; do
  is "$(on pi$n -- journalctl --no-pager -t bramble-agent | grep -c 'does not get what its master has')" 0 \
    "pi$n, which follows, was not ended as one that cannot"
done
stop
ok $? "the rehearsal stops"
done_testing
