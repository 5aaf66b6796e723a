#!/bin/bash
# What cluster.conf says of Neo4j itself, on the small stand-ins of fixture.sh: settings of one's own.
# No root, no network.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/golden/fixture.sh
. "$(dirname "$0")/fixture.sh"

command -v mcopy >/dev/null || skip_all "mtools is not installed"
export BRAMBLE_CACHE=$scratch/cache
fixture
cd "$scratch" || exit 1
cp c.conf plain.conf

# conf LINE [NODE-LINE]: c.conf with that in the cluster and in node n1
conf() {
  sed -e "s|^  java = .*|&\n  $1|" -e "s|^\(  node \"n1\" .* id = 1\)|\1 ${2:-}|" plain.conf >c.conf
}

# --- settings of one's own
conf 'neo4j_settings = { "dbms.memory.heap.max_size=300m", "dbms.logs.query.enabled=true" }' \
  'neo4j_settings = { "dbms.memory.heap.max_size=400m" }'
out=$("$bramble" build c.conf 2>&1)
ok $? "a cluster with settings of its own is built" "$out"
[[ $out != *note:* ]]
ok $? "and nothing is said against them" "$out"
is "$(card_cat c.images/n1.img /opt/neo4j/conf/neo4j.conf | grep -c heap.max_size=)" 1 "one value, not two"
like "$(card_cat c.images/n1.img /opt/neo4j/conf/neo4j.conf)" 'heap.max_size=400m' "the node's own"
like "$(card_cat c.images/n3.img /opt/neo4j/conf/neo4j.conf)" 'heap.max_size=300m' "the cluster's"
like "$(card_cat c.images/n3.img /opt/neo4j/conf/neo4j.conf)" 'query.enabled=true' "a new one"
conf 'neo4j_settings = { "server.memory.heap.max_size=300m" }'
like "$("$bramble" check c.conf 2>&1)" 'note: c.conf: neo4j_settings: Neo4j 3.5.9 does not know server.memory' \
  "a setting of another generation is noted"
conf 'neo4j_settings = { "ha.server_id=9" }'
fails 3 'c.conf:[0-9]+: neo4j_settings: ha.server_id cannot be set' "what bramble sets is refused" \
  "$bramble" check c.conf
conf 'neo4j_settings = { "a=b\\ndbms.mode=SINGLE" }'
fails 3 'a value is one line' "a second line by the back door" "$bramble" check c.conf
conf '' 'neo4j_settings = { "a" }'
fails 3 'node "n1": neo4j_settings: "a" is no KEY=VALUE' "a node's is checked too" "$bramble" check c.conf
sed 's|^\(  node "n4" .*\) }|\1 neo4j_settings = {"a=b"} }|' plain.conf >c.conf
fails 3 'node "n4": neo4j_settings: this node runs no' "none for a proxy" "$bramble" check c.conf

# --- the password
conf 'neo4j_auth = "password"'
out=$("$bramble" build c.conf 2>&1)
ok $? "a cluster with a password is built" "$out"
password=$(cat c.state/neo4j.password)
like "$password" '^[0-9a-f]{32}$' "the state folder has it"
is "$(stat -c %a c.state/neo4j.password)" 600 "0600"
like "$(card_cat c.images/n1.img /opt/neo4j/conf/neo4j.conf)" 'dbms.security.auth_enabled=true' "Neo4j asks for it"
is "$(card_cat c.images/n1.img /etc/bramble/neo4j.password)" "$password" "the agent knows it"
like "$(card_stat c.images/n1.img /etc/bramble/neo4j.password)" 'Mode:  0600' "0600 on the card"
like "$(card_stat c.images/n1.img /neo4j/data/dbms/auth.ini 3)" 'Mode:  0600.*User:  7474' "Neo4j's user file, its own"
for n in 1 3; do
  is "$(card_cat c.images/n$n.img /neo4j/data/dbms/auth.ini 3)" "$(python3 - "$password" \
    "$(card_cat c.images/n$n.img /neo4j/data/dbms/auth.ini 3)" <<'END'
import hashlib, sys
salt = sys.argv[2].split(",")[2].rstrip(":")
hash = hashlib.sha256(bytes.fromhex(salt) + sys.argv[1].encode()).hexdigest().upper()
print("neo4j:SHA-256,%s,%s:" % (hash, salt))
END
)" "n$n: its hash of it"
done
[[ $(card_cat c.images/n1.img /neo4j/data/dbms/auth.ini 3) != "$(card_cat c.images/n3.img /neo4j/data/dbms/auth.ini 3)" ]]
ok $? "each with a salt of its own"
like "$(card_stat c.images/n4.img /etc/bramble/neo4j.password)" 'not found' "a proxy has no business with it"
out=$("$bramble" inspect --config c.images/n1.img 2>&1; "$bramble" build --explain c.conf 2>&1; cat c.images/manifest.json)
[[ -n $out && $out != *$password* ]]
ok $? "nothing bramble prints or lists has it"
out=$("$bramble" verify c.images/n1.img 2>&1)
ok $? "verify is content" "$out"
conf ''
"$bramble" build c.conf >/dev/null 2>&1
like "$(card_cat c.images/n1.img /opt/neo4j/conf/neo4j.conf)" 'dbms.security.auth_enabled=false' "off by default"
like "$(card_stat c.images/n1.img /etc/bramble/neo4j.password)" 'not found' "and then nothing of it is on a card"
conf 'neo4j_auth = "none"'
fails 3 'neo4j_auth = "none" is neither off nor password' "nothing else" "$bramble" check c.conf

# --- plugins
mkdir -p jar/org && echo class >jar/org/P.class
(cd jar && python3 -m zipfile -c ../apoc.jar org/P.class)
conf 'plugins = { "apoc.jar" }'
out=$("$bramble" build --sbom spdx c.conf 2>&1)
ok $? "a cluster with a plugin is built" "$out"
card_cat c.images/n1.img /opt/neo4j-3.5.9/plugins/apoc.jar >card.jar
cmp -s apoc.jar card.jar
ok $? "it is on the card as it was"
like "$(card_stat c.images/n1.img /opt/neo4j-3.5.9/plugins/apoc.jar)" 'Mode:  0644.*User: +0' "0644, root's"
like "$(cat c.images/manifest.json)" 'apoc.jar' "the manifest names it"
like "$(cat c.images/sbom.spdx.json)" "apoc.jar[?]checksum=sha256:$(sha256sum <apoc.jar | cut -c1-64)" "the SBOM too"
like "$(card_stat c.images/n4.img /opt/neo4j)" 'not found' "a proxy has none"
echo more >jar/org/P.class && (cd jar && python3 -m zipfile -c ../apoc.jar org/P.class)
like "$("$bramble" build --explain c.conf 2>&1)" 'plugins' "another content is another stage, and explain says so"
head -c 60 apoc.jar >cut.jar
conf 'plugins = { "cut.jar" }'
fails 4 'no .jar: .*cut.jar' "half a .jar" "$bramble" check c.conf
echo text >text.jar && conf 'plugins = { "text.jar" }'
fails 4 'text.jar' "a .jar that is none" "$bramble" check c.conf
conf 'plugins = { "apoc.jar", "jar/../apoc.jar" }'
fails 3 'two of the name apoc.jar' "two of one name" "$bramble" check c.conf
conf 'plugins = { "apoc.zip" }'
fails 3 'apoc.zip" is no .jar' "another kind of file" "$bramble" check c.conf
conf 'plugins = { "none.jar" }'
fails 4 'plugins = "none.jar": no such file' "one that is not there" "$bramble" check c.conf

# --- an arbiter
sed 's/roles = {"data"} address = "10.9.0.13"/roles = {"arbiter"} address = "10.9.0.13"/' plain.conf >c.conf
out=$("$bramble" build c.conf 2>&1)
ok $? "two data nodes and an arbiter are built" "$out"
conf=$(card_cat c.images/n3.img /opt/neo4j/conf/neo4j.conf)
like "$conf" 'dbms.mode=ARBITER' "the arbiter is one"
like "$conf" 'ha.initial_hosts=10.9.0.11:5001,10.9.0.12:5001,10.9.0.13:5001' "and votes with the others"
like "$(card_cat c.images/n1.img /opt/neo4j/conf/neo4j.conf)" 'dbms.mode=HA.*10.9.0.13:5001' "they know it"
like "$(card_cat c.images/n1.img /opt/neo4j/conf/neo4j.conf)" 'ha.tx_push_factor=1' "one slave, not two, gets a commit"
like "$(card_cat c.images/n3.img /etc/bramble/node.conf)" 'neo4j \{ version = "3.5.9" profile = "3.x-ha" \}' "its agent knows"
[[ $(card_cat c.images/n2.img /etc/bramble/proxy.conf) != *n3* ]]
ok $? "to a proxy it is no member"
out=$("$bramble" verify c.images/n3.img 2>&1)
ok $? "verify is content" "$out"
like "$(card_stat c.images/n3.img /usr/lib/systemd/system/neo4j.service.d/10-arbiter.conf)" 'not found' \
  "the service starts it as the others"
cp c.conf 3.conf
fixture_neo4j 2.tar.gz 2.3.1
fixture_java java11 11
sed -i 's/"neo4j.tar.gz"/"2.tar.gz"/; s/"java"/"java11"/' c.conf
fails 4 '2.tar.gz: holds no bin/neo4j-arbiter' "an archive of 2.x without an arbiter's program" "$bramble" check c.conf
cp neo4j/neo4j-enterprise-2.3.1/bin/neo4j{,-arbiter}
tar -C neo4j -czf 2.tar.gz neo4j-enterprise-2.3.1
out=$("$bramble" build c.conf 2>&1)
ok $? "an arbiter of 2.x is built" "$out"
like "$(card_cat c.images/n3.img /usr/lib/systemd/system/neo4j.service.d/10-arbiter.conf)" \
  $'ExecStart=\nExecStart=/opt/neo4j/bin/neo4j-arbiter console' "the service starts its own program"
like "$(card_cat c.images/n3.img /opt/neo4j/conf/arbiter-wrapper.conf)" 'maxmemory=64' "with a file of its own"
like "$(card_cat c.images/n3.img /opt/neo4j/conf/neo4j.properties)" '10.9.0.11:5001,10.9.0.12:5001,10.9.0.13:5001' "which leads to the members"
like "$(card_stat c.images/n1.img /usr/lib/systemd/system/neo4j.service.d/10-arbiter.conf)" 'not found' "a data node is none"
out=$("$bramble" verify c.images/n3.img 2>&1)
ok $? "verify is content with it" "$out"
mv 3.conf c.conf
sed -i 's/^  java = .*/&\n  neo4j_mode = "single"/; s/roles = {"data", "proxy"}/roles = {"arbiter"}/' c.conf
fails 3 'an arbiter is for HA of Neo4j 2.2 to 3.5' "no arbiter in another mode" "$bramble" check c.conf
sed 's/roles = {"data"} address/roles = {"arbiter"} address/' plain.conf >c.conf
fails 3 'one arbiter at most' "one is enough" "$bramble" check c.conf

# --- how its drivers are served
served() { # NODE WANT NAME
  is "$(card_cat "c.images/$1.img" /etc/bramble/proxy.conf | grep '^bolt')" "$2" "$3"
}
by_port='bolt { listen = "*:7687" mode = "port" read_listen = "*:7688" }'
cp plain.conf c.conf
"$bramble" build c.conf >/dev/null 2>&1
served n4 'bolt { listen = "*:7687" }' "3.5: each transaction goes to a member"
sed 's/proxy {/proxy { bolt = "port"/' plain.conf >c.conf
"$bramble" build c.conf >/dev/null 2>&1
served n4 "$by_port" "where it is asked for, each connection does"
served n2 'bolt { mode = "port" }' "beside a Neo4j by the HTTP port"
fixture_neo4j 4.tar.gz 4.4.9
sed 's/"neo4j.tar.gz"/"4.tar.gz"/; s/"java"/"java11"/; s/proxy {/memory_mb = 4096 &/' plain.conf >c.conf
out=$("$bramble" build c.conf 2>&1)
ok $? "a cluster of 4.4 is built" "$out"
served n4 "$by_port" "so it does there"
sed -i 's/proxy {/proxy { bolt = "both"/' c.conf
fails 3 'bolt "both" is none of auto, transaction, port' "nothing else" "$bramble" check c.conf

# --- cards that begin with a backup
python3 - "$scratch" <<'END'
import hashlib, io, json, struct, subprocess, sys, tarfile
def record(n): return b"\x01" + struct.pack(">q", n)
store = [("neostore", record(7) + record(8) + record(1) + record(4242) + bytes(100)),
         ("schema", None), ("schema/index", b"x" * 70000)]
pack, out = b"BRPK1\n", io.BytesIO()
tar = tarfile.open(fileobj=out, mode="w")
for name, data in store:
    t = tarfile.TarInfo("store/" + name)
    t.mode, t.type, t.size = (0o755, tarfile.DIRTYPE, 0) if data is None else (0o644, tarfile.REGTYPE, len(data))
    tar.addfile(t, io.BytesIO(data or b""))
    pack += (b"D" if data is None else b"F") + struct.pack("<HH", t.mode, len(name)) + name.encode()
    pack += b"" if data is None else struct.pack("<Q", len(data)) + data
def finish(version, path):
    about = json.dumps({"format": 1, "cluster": "old", "id": "00" * 16, "node": "n1", "neo4j": version,
        "taken": "2026-01-01T00:00:00Z", "store": "00" * 16, "last_tx": 4242, "files": 2,
        "bytes": sum(len(d or b"") for _, d in store), "sha256": hashlib.sha256(pack).hexdigest()}).encode()
    whole = tarfile.open(fileobj=io.BytesIO(), mode="w")
    end = tarfile.TarInfo("bramble-backup.json")
    end.size = len(about)
    body = out.getvalue() + end.tobuf() + about + bytes(-len(about) % 512 + 1024)
    subprocess.run(["zstd", "-q", "-f", "-o", path], input=body, check=True)
finish("3.5.9", sys.argv[1] + "/good.backup")
finish("2.3.1", sys.argv[1] + "/old.backup")
END
conf ''
out=$("$bramble" build --restore good.backup c.conf 2>&1)
ok $? "cards that begin with a backup are built" "$out"
for n in 1 3; do
  like "$(card_cat c.images/n$n.img /bramble.marker 3)" 'state = "restore"' "n$n: the marker says so"
  is "$(card_cat c.images/n$n.img /neo4j/data/incoming/schema/index 3 | wc -c)" 70000 "all of it is there"
  like "$(card_stat c.images/n$n.img /neo4j/data/incoming/neostore 3)" 'Mode:  0644.*User:  7474' "and Neo4j's own"
done
like "$(card_cat c.images/n4.img /bramble.marker 3)" 'state = "virgin"' "a proxy's card has none"
out=$("$bramble" verify c.images/n1.img 2>&1)
ok $? "such a card is no worse than another" "$out"
like "$("$bramble" build --explain c.conf)" 'n1 +runs: changed: backup' "without it the cards are others"
fails 4 'old.backup.*2.3.1' "a store of a Neo4j that this one cannot read as it is" "$bramble" build --restore old.backup c.conf
fails 4 'c.conf' "what is no backup" "$bramble" build --restore c.conf c.conf
fails 4 'none.backup' "nothing" "$bramble" build --restore none.backup c.conf
sed 's|^  java = .*|&\n  data_size = "64MiB"|' plain.conf >c.conf
fails 3 'data_size.*needs 97 MiB' "no room" "$bramble" build --restore good.backup c.conf

done_testing
