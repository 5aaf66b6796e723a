#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Four real agents on loopback addresses form, lose and regain a cluster.  Prints TAP.

What is not real here: Neo4j is a MOCK (a small HTTP server per node that answers the two URLs the
agent asks), and so is systemctl (a shell script that keeps the unit's state in a file). p3 is a
tmpfs in a mount namespace of this test's own; without the right to make one all is skipped.

usage: agent_test.py [path of bramble-agent]
"""
import base64
import http.server
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

AGENT = (sys.argv[1] if len(sys.argv) > 1 else
         os.path.join(os.environ.get("BRAMBLE_BUILD", "build"), "bramble-agent"))
PASSWORD = "0123456789abcdef"
CLUSTER_ID = "00112233445566778899aabbccddeeff"
SECRET = "5a" * 32
# Addresses of this run's own, so that two runs at once do not meet.
NET = "127.%d.%d" % (64 + os.getpid() % 128, os.getpid() // 128 % 256)
DEADLINE = 30
LOG = "neo4j/data/databases/graph.db/neostore.transaction.db.0"
FIRST = "waits for all members, as it is the first time"

count = failed = 0


def ok(held, text):
    global count, failed
    count += 1
    failed += not held
    print("%sok %d - %s" % ("" if held else "not ", count, text), flush=True)
    return held


def skip(text):
    global count
    count += 1
    print("ok %d # SKIP %s" % (count, text), flush=True)


def wait_for(what, seconds=DEADLINE):
    """Polls what() until it is true; its last value."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.05)


SYSTEMCTL = """#!/bin/sh
# Stands for systemctl: the unit's state is the content of a file.
cd "{dir}" || exit 1
case "$1" in
show) i=0; while [ -e mute ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done; [ -e slow ] && sleep 4; echo "ActiveState=$(cat unit.state)"; echo "MainPID=$(cat starts stops 2>/dev/null | wc -l)" ;;
start) echo "$*" >>starts; echo active >unit.state ;;
stop) echo "$*" >>stops; echo inactive >unit.state ;;
kill) echo "$*" >>kills; echo failed >unit.state ;;
*) echo "$*" >>unexpected; exit 1 ;;
esac
"""


class MockNeo4j:
    """Answers the role and, for the password, the HA bean on a node's address, port 7474."""
    all = []

    def __init__(self, address, number, log, tx):
        self.log, self.tx = log, tx
        self.role, self.connections, self.id = "UNKNOWN", [], number
        self.password, self.refused, self.asked = PASSWORD, 0, 0
        self.writes, self.errors = [], []
        mock = self
        MockNeo4j.all.append(self)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                mock.connections.append(self.connection)

            def do_GET(self):
                if self.path.endswith("/available"):
                    mock.asked += 1
                    status = 200 if mock.role in ("master", "slave") else 404
                    body = mock.role.encode()
                elif self.headers["Authorization"] != mock.wanted():
                    mock.refused += 1
                    status, body = 401, b""
                else:
                    status, body = 200, json.dumps([{"attributes": [
                        {"name": "LastCommittedTxId", "value": mock.tx},
                        {"name": "InstancesInCluster", "value": [
                            {"value": [{"name": "haRole", "value": m.role},
                                       {"name": "instanceId", "value": str(m.id)}]}
                            for m in MockNeo4j.all]}]}]).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                body, status = b"", 200
                if self.path != "/user/neo4j/password":
                    mock.writes.append(text)
                    body = json.dumps({"results": [], "errors": mock.errors}).encode()
                elif self.headers["Authorization"] != mock.wanted():
                    mock.refused += 1
                    status = 401
                else:  # as 3.5 takes it
                    mock.password = json.loads(text)["password"]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self.server = http.server.ThreadingHTTPServer((address, 7474), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def tx(self):
        return self._tx

    @tx.setter
    def tx(self, tx):
        """In its log first, as Neo4j does: agents read that while it does not tell."""
        self._tx = tx
        os.makedirs(os.path.dirname(self.log), exist_ok=True)
        with open(os.open(self.log, os.O_WRONLY | os.O_CREAT, 0o644), "wb") as f:
            f.write(struct.pack(">QQ", 6 << 56, tx))

    def wanted(self):
        return "Basic " + base64.b64encode(b"neo4j:" + self.password.encode()).decode()

    def close(self):
        MockNeo4j.all.remove(self)
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Node:
    def __init__(self, top, name, number, role="data"):
        self.name, self.id, self.role = name, number if role == "data" else 0, role
        self.address = "%s.%d" % (NET, 10 + number)
        self.root = os.path.join(top, name)
        self.store = os.path.join(self.root, "srv/bramble")
        self.process = self.helper = self.mock = None
        self.tx = 1  # what its store has while no Neo4j runs
        self.mounted = False
        self.env = {}

    def member(self):
        return 'member "%s" { id = %d  roles = {"%s"}  address = "%s" }\n' % (
            self.name, self.id, self.role, self.address)

    def write(self, path, text, mode=0o644):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)

    def read(self, path):
        try:
            with open(os.path.join(self.root, path)) as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def prepare(self, nodes, secret=SECRET):
        """What the builder would have written onto the card."""
        conf = 'cluster { id = "%s"  name = "garden"  generation = 1 }\n' % CLUSTER_ID
        conf += 'node { name = "%s" }\n' % self.name
        if self.role == "data":
            conf += 'neo4j { version = "3.5.0-beta03"  profile = "3.x-ha" }\n'
        self.write("etc/bramble/node.conf", conf + "".join(n.member() for n in nodes))
        self.write("etc/bramble/cluster.secret", secret + "\n", 0o600)
        if self.role == "data":
            self.write("etc/bramble/neo4j.password", PASSWORD + "\n", 0o600)
        self.write("unit.state", "inactive\n")
        self.write("systemctl", SYSTEMCTL.format(dir=self.root), 0o755)
        self.write("nft", "#!/bin/sh\ncat >%s/nft.rules\n" % self.root, 0o755)
        os.makedirs(self.store, exist_ok=True)
        os.makedirs(os.path.join(self.root, "run/bramble"), exist_ok=True)

    def mount(self, cluster=CLUSTER_ID, node=None, size="1m"):
        subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=" + size, "p3", self.store])
        self.mounted = True
        self.mark(cluster, node)

    def mark(self, cluster=CLUSTER_ID, node=None):
        self.write("srv/bramble/bramble.marker",
                   'cluster = "%s"\nnode = "%s"\nlayout = 1\nstate = "virgin"\n'
                   % (cluster, node or self.name))

    def run_agent(self, *arguments):
        with open(os.path.join(self.root, "log"), "a") as log:
            return subprocess.Popen([AGENT, "--root", self.root, *arguments], stderr=log,
                                    env=dict(os.environ, **self.env))

    def start_helper(self):
        if not self.helper:
            self.helper = self.run_agent("--service-manager", os.path.join(self.root, "systemctl"),
                                         "--nft", os.path.join(self.root, "nft"), "helper")
            wait_for(lambda: os.path.exists(os.path.join(self.root, "run/bramble-helper")))

    def start(self):
        self.start_helper()
        self.process = self.run_agent("--http", self.address + ":7470",
                                      "--peer", self.address + ":7471", "run")

    def stop(self, signo=signal.SIGTERM):
        if not self.process:
            return None
        self.process.send_signal(signo)
        code = self.process.wait(60)
        self.process = None
        return code

    def request(self, path, method="GET"):
        """(status, body); (0, "") when nobody answers."""
        request = urllib.request.Request("http://%s:7470%s" % (self.address, path), method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()
        except OSError:
            return 0, ""

    def cluster(self):
        status, body = self.request("/cluster")
        return json.loads(body) if status == 200 else {"nodes": []}

    def sees(self, other):
        """How this node's /cluster shows the other one; {} when it does not answer."""
        for n in self.cluster()["nodes"]:
            if n["name"] == other.name:
                return n
        return {}

    def why(self):
        return self.sees(self).get("why", "")

    def state(self):
        return self.sees(self).get("state", "")

    def starts(self):
        return self.read("starts").splitlines()

    def neo4j_up(self, role):
        if not self.mock:
            self.mock = MockNeo4j(self.address, self.id, os.path.join(self.store, LOG), self.tx)
        self.mock.role = role

    def neo4j_ends(self):
        self.write("unit.state", "failed\n")
        self.tx = self.mock.tx
        self.mock.close()
        self.mock = None

    def stop_helper(self):
        if self.helper:
            self.helper.kill()
            self.helper.wait(10)
            self.helper = None

    def clean(self):
        self.stop(signal.SIGKILL)
        self.stop_helper()
        if self.mock:
            self.mock.close()
        if self.mounted:
            subprocess.call(["umount", "-l", self.store])


def rounds(node, seconds=2):
    """Lets some rounds of hellos pass: for showing that something does not happen."""
    before = node.sees(node).get("uptime_s", 0)
    wait_for(lambda: node.sees(node).get("uptime_s", 0) >= before + seconds)


def test_barrier(pi1, pi2, pi3, pi4):
    for n in (pi1, pi2, pi4):
        n.start()
    ok(wait_for(lambda: pi1.sees(pi2).get("present") and pi2.sees(pi1).get("present")),
       "two nodes hear each other")
    ok(wait_for(lambda: pi1.why() == FIRST + "; waits for pi3: not heard since boot"),
       "and wait for the third: " + pi1.why())
    ok(pi1.request("/health") == (503, FIRST + "; waits for pi3: not heard since boot\n"),
       "/health says so with 503")

    pi3.write("etc/bramble/cluster.secret", "5b" * 32 + "\n", 0o600)
    pi3.start()
    ok(wait_for(lambda: "pi3: another cluster secret" in pi1.why()),
       "a third one with another secret is not heard: " + pi1.why())
    rounds(pi1)
    ok(not pi1.sees(pi3)["present"] and not pi3.sees(pi1)["present"], "on neither side")
    ok(not any(n.starts() for n in (pi1, pi2, pi3)), "no Neo4j was started")
    ok('state = "virgin"' in pi1.read("srv/bramble/bramble.marker"), "p3 is still virgin")
    ok(pi3.stop() == 0, "SIGTERM ends an agent with 0")

    pi3.write("etc/bramble/cluster.secret", SECRET + "\n", 0o600)
    pi3.start()
    begin = time.monotonic()
    ok(wait_for(lambda: all(n.starts() for n in (pi1, pi2, pi3))),
       "with the right one all three start Neo4j")
    stamps = [os.stat(os.path.join(n.root, "starts")).st_mtime for n in (pi1, pi2, pi3)]
    print("# %.1f s after the third agent, within %.2f s of each other"
          % (time.monotonic() - begin, max(stamps) - min(stamps)))
    ok(pi1.starts() == ["start --no-block neo4j.service"], "by systemctl start --no-block")
    ok(all('state = "used"' in n.read("srv/bramble/bramble.marker") for n in (pi1, pi2, pi3)),
       "p3 is used on all of them")
    ok('neo4j = "3.5.0-beta03"' in pi1.read("srv/bramble/bramble.marker"), "and by which Neo4j")
    ok(wait_for(lambda: pi1.state() == "starting"), "a process without HTTP is starting")


def test_roles(pi1, pi2, pi3, pi4):
    pi1.neo4j_up("UNKNOWN")
    ok(wait_for(lambda: pi1.state() == "joining"), "neither master nor slave is joining")
    pi1.mock.tx = 42
    pi1.neo4j_up("master")
    pi2.neo4j_up("slave")
    pi3.neo4j_up("slave")
    ok(wait_for(lambda: all(n.state() == "serving" for n in (pi1, pi2, pi3))), "all serve")
    ok(wait_for(lambda: pi4.sees(pi1).get("last_tx") == 42 and
                pi4.sees(pi2).get("neo4j") == "slave"), "pi4 shows their roles and transaction")
    table = [(pi1, "/master", 200), (pi1, "/slave", 503), (pi1, "/available", 200),
             (pi2, "/master", 503), (pi2, "/slave", 200), (pi2, "/available", 200),
             (pi2, "/health", 200), (pi2, "/readiness", 200), (pi2, "/liveness", 200),
             (pi4, "/health", 200), (pi4, "/available", 503), (pi4, "/nothing", 404)]
    for node, path, status in table:
        got = node.request(path)
        ok(got[0] == status, "%s%s: %d %s" % (node.name, path, got[0], got[1].split("\n")[0]))
    ok(pi1.request("/master") == (200, "master\n"), "the body is the role")
    ok(pi1.request("/master", "HEAD") == (200, ""), "HEAD")
    ok(pi2.request("/master", "OPTIONS")[0] == 503, "OPTIONS")
    ok(pi1.request("/master", "DELETE")[0] == 405, "nothing else")
    ok(pi4.state() == "idle" and pi4.sees(pi4)["present"], "a proxy-only node is idle, without p3")
    test_haste(pi1, pi2, pi3)
    pi3.mock.password = "changed in Neo4j"
    ok(wait_for(lambda: pi3.mock.refused), "a password that was changed is refused")
    rounds(pi3, 5)
    ok(pi3.mock.refused == 1 and pi3.state() == "serving",
       "and not tried again: Neo4j would lock the user")
    ok("refuses the password" in pi3.read("log") and PASSWORD not in pi3.read("log"),
       "the log says so, without a password")
    ok(wait_for(lambda: "bramble passwd" in (pi1.sees(pi3).get("why") or "")), "and its line says what to do")
    text = pi1.request("/cluster")[1]
    ok(SECRET not in text and '"id":"%s"' % CLUSTER_ID in text, "/cluster holds id, not secret")


def test_haste(pi1, pi2, pi3):
    """How often Neo4j is asked, by what one agent asked while another did: times prove nothing here."""
    pi3.neo4j_up("UNKNOWN")
    wait_for(lambda: pi3.state() == "joining")
    settled, turning = pi2.mock.asked, pi3.mock.asked
    wait_for(lambda: pi3.mock.asked >= turning + 12)
    ok(pi2.mock.asked - settled <= 8, "a Neo4j that turns is asked oftener: %d times while a settled one was %d times"
       % (pi3.mock.asked - turning, pi2.mock.asked - settled))
    pi3.neo4j_up("slave")
    wait_for(lambda: all(n.state() == "serving" for n in (pi1, pi2, pi3)))
    rounds(pi1)
    asked, other = pi2.mock.asked, pi1.mock.asked
    for _ in range(12):
        before = pi2.mock.asked
        pi2.request("/cluster")
        wait_for(lambda: pi2.mock.asked > before)
    ok(pi1.mock.asked - other <= 8, "and so is one whose agent is asked: %d times while another was %d times"
       % (pi2.mock.asked - asked, pi1.mock.asked - other))


def test_agent_lost(pi1, pi2, pi3):
    pi2.stop(signal.SIGKILL)
    ok(wait_for(lambda: pi1.sees(pi2).get("state") == "down"), "a killed agent is down for others")
    ok(pi1.sees(pi2)["why"] == "no longer heard", "and no longer heard")
    ok(pi1.state() == pi3.state() == "serving", "who go on")
    pi2.start()
    ok(wait_for(lambda: pi2.state() == "serving"), "restarted it adopts its running Neo4j")
    ok(wait_for(lambda: pi1.sees(pi2).get("present")), "and is heard again")
    ok(len(pi2.starts()) == 1, "without another start")

    # Its Neo4j has no HTTP yet, a master is there to join: only systemd knows of the process.
    pi2.stop(signal.SIGKILL)
    pi2.mock.close()
    pi2.mock = None
    pi2.write("mute", "")
    pi2.start()
    ok(wait_for(lambda: pi2.sees(pi1).get("neo4j") == "master") and pi2.state() == "waiting",
       "an agent waits for systemd's word: " + pi2.why())
    os.unlink(os.path.join(pi2.root, "mute"))
    ok(wait_for(lambda: pi2.state() == "starting"), "and adopts a Neo4j that is still starting")
    pi2.neo4j_up("slave")
    ok(wait_for(lambda: pi2.state() == "serving") and len(pi2.starts()) == 1,
       "without another start")


def test_turns(nodes):
    """All are asked to restart at one moment; what follows a stop is this test's part."""
    order, two = [], 0
    wait_for(lambda: all(n.state() == "serving" for n in nodes))
    before = {n: len(n.starts()) for n in nodes}
    for n in nodes:
        n.mock.tx = 42
        n.process.send_signal(signal.SIGHUP)
    ok(wait_for(lambda: "pi2 comes before" in nodes[2].why()),
       "asked to restart at once, they take turns: " + nodes[2].why())
    while len(order) < len(nodes):
        n = wait_for(lambda: next((n for n in nodes if n.read("stops") and n not in order), None), 60)
        if not n:
            break
        order.append(n)
        n.mock.close()
        n.mock = None
        if n == nodes[0]:
            nodes[1].neo4j_up("master")
        wait_for(lambda: len(n.starts()) > before[n])
        n.neo4j_up("UNKNOWN")
        n.mock.tx = 42
        rounds(n, 3)
        two += len([m for m in nodes if m.read("stops")]) > len(order)
        n.neo4j_up("slave")
    ok([n.name for n in order] == ["pi2", "pi3", "pi1"],
       "the master last: " + ", ".join(n.name for n in order))
    ok(two == 0, "nobody while another one joins")
    ok(wait_for(lambda: all(n.state() == "serving" and "turn" not in n.why() for n in nodes)), "then all serve")
    ok("no firewall" in nodes[0].why(), "and say what they lack: " + nodes[0].why())  # of loopback's addresses
    rounds(nodes[0], 6)
    ok(all(n.read("stops").splitlines() == ["stop --no-block neo4j.service"] for n in nodes),
       "and nobody restarts twice")
    ok(all(len(n.starts()) == before[n] + 1 for n in nodes), "nor starts more often than it stopped")
    nodes[1].neo4j_up("slave")
    nodes[0].neo4j_up("master")
    wait_for(lambda: nodes[0].request("/writable")[0] == 200)


def test_neo4j_lost(pi1, pi2, pi3):
    seen = len(pi3.starts())
    pi2.stop(signal.SIGKILL)
    pi3.neo4j_ends()
    ok(wait_for(lambda: "Neo4j ended by itself" in pi3.read("log")), "a Neo4j that ends: " + pi3.why())
    ok(wait_for(lambda: len(pi3.starts()) > seen),
       "is started again to join the master, though pi2 is not heard")
    pi3.neo4j_up("slave")
    ok(wait_for(lambda: pi3.state() == "serving"), "and serves")
    pi2.start()
    wait_for(lambda: pi2.state() == "serving")


def test_spoiled(pi1, pi2, pi3):
    def marked(state):
        return wait_for(lambda: 'state = "%s"' % state in pi3.read("srv/bramble/bramble.marker"))

    def fail(times):
        for _ in range(times):
            # An end counts only if the agent has seen it run: on a busy machine it needs a moment.
            wait_for(lambda: pi3.state() in ("serving", "joining"))
            seen = len(pi3.starts())
            pi3.neo4j_ends()
            wait_for(lambda: len(pi3.starts()) > seen, 40)
            pi3.neo4j_up("UNKNOWN")

    def prepare():
        return subprocess.call([AGENT, "--root", pi3.root, "prepare"], stderr=subprocess.DEVNULL)

    ok(marked("served"), "a store from which Neo4j served is synced and marked so")
    old = "\x01\0\0\0\0\0\0\0\x01" * 4  # as far as nothing
    pi3.write("srv/bramble/neo4j/data/databases/graph.db/neostore", old)
    fail(3)
    ok(marked("served"), "three starts that fail are borne")
    pi3.write("slow", "")
    fail(1)
    ok(marked("aside"), "then the store is to be put aside, for there is a master to copy from")
    ok(prepare() == 0 and os.listdir(os.path.join(pi3.store, "neo4j/data/databases")) == ["branched"] and
       pi3.read("srv/bramble/neo4j/data/databases-aside-1/graph.db/neostore") == old,
       "which neo4j.service does before Neo4j starts")
    os.unlink(os.path.join(pi3.root, "slow"))
    ok(marked("used"), "Neo4j runs: the order is carried out")
    pi3.neo4j_up("slave")
    ok(marked("served"), "it serves from its copy")


def received(node, result):
    """How many datagrams the node has counted as that."""
    label = 'bramble_hellos_received_total{result="%s"} ' % result
    lines = node.request("/metrics")[1].splitlines()
    return next((int(l[len(label):]) for l in lines if l.startswith(label)), -1)


def overhear(node):
    """A genuine hello to the node, as anybody on its switch could catch it."""
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    tap.settimeout(DEADLINE)
    with tap:
        while True:
            ip = tap.recv(65536)
            udp = ip[(ip[0] & 15) * 4:]
            if ip[9] == 17 and socket.inet_ntoa(ip[16:20]) == node.address and \
                    udp[2:4] == (7471).to_bytes(2, "big") and udp[8:12] == b"BRMB":
                return udp[8:]


def test_garbage(pi1):
    """No hello, one of another secret, one too long: dropped, and counted."""
    head = overhear(pi1)[:8]
    before = {r: received(pi1, r) for r in ("alien", "forged")}
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for i in range(200):
        s.sendto(os.urandom(i * 7), (pi1.address, 7471))
        s.sendto(head + os.urandom(800), (pi1.address, 7471))
        if i % 20 == 19:  # that its socket has room for them
            wait_for(lambda i=i: received(pi1, "forged") > before["forged"] + i)
    ok(wait_for(lambda: received(pi1, "alien") >= before["alien"] + 200 and
                received(pi1, "forged") >= before["forged"] + 200), "garbage is counted")
    for size in (20000, 60000):
        s.sendto(head + os.urandom(size), (pi1.address, 7471))
    s.close()
    ok(wait_for(lambda: received(pi1, "alien") >= before["alien"] + 202), "so is what is too long")
    ok(pi1.state() == "serving" and pi1.process.poll() is None, "and changes nothing")


def test_replay(pi1):
    try:
        hello = overhear(pi1)
    except PermissionError:
        skip("replays: nobody may listen here")
        return
    before = {r: received(pi1, r) for r in ("stale", "forged", "alien")}
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(50):
        s.sendto(hello, (pi1.address, 7471))
    ok(wait_for(lambda: received(pi1, "stale") >= before["stale"] + 49), "a hello again is counted")
    for place in (8, 40, len(hello) - 1):
        s.sendto(hello[:place] + bytes([hello[place] ^ 1]) + hello[place + 1:],
                 (pi1.address, 7471))
    s.sendto(hello[:-1], (pi1.address, 7471))
    s.close()
    ok(wait_for(lambda: received(pi1, "forged") >= before["forged"] + 3),
       "and one with a bit changed, wherever")
    ok(wait_for(lambda: received(pi1, "alien") > before["alien"]), "and one that lacks a byte")
    ok(pi1.state() == "serving", "which change nothing")


def test_systemd(pi4, top):
    pi4.stop()
    path = os.path.join(top, "notify")
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    s.settimeout(DEADLINE)
    pi4.env = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "400000"}
    pi4.start()
    got = [s.recv(512).decode() for _ in range(6)]
    ok("READY=1" in got, "READY=1")
    ok(got.count("WATCHDOG=1") >= 2, "WATCHDOG=1, again and again")
    ok([m for m in got if m.startswith("STATUS=")] == ["STATUS=idle: a node without a store"],
       "STATUS= once")
    pi4.stop()
    s.setblocking(False)
    try:
        while True:
            got.append(s.recv(512).decode())
    except BlockingIOError:
        ok(got[-1] == "STOPPING=1", "STOPPING=1 at its end: " + got[-1])
    s.close()


def test_held(nodes):
    pi1, pi2, pi3 = nodes
    pi2.mount(cluster="ff" * 16)
    pi3.mount(node="pi9")
    for n in nodes:
        n.start()
    ok(wait_for(lambda: pi1.state() == "held") and "is not a mount point" in pi1.why(),
       "without p3: held: " + pi1.why())
    ok(wait_for(lambda: pi2.state() == "held") and "another cluster" in pi2.why(),
       "another cluster's p3: held: " + pi2.why())
    ok(wait_for(lambda: pi3.state() == "held") and "belongs to pi9" in pi3.why(),
       "another node's p3: held: " + pi3.why())
    status, body = pi1.request("/health")
    ok(status == 503 and body.startswith("held: "), "/health says why with 503")
    ok(wait_for(lambda: pi1.sees(pi2).get("state") == "held" and pi1.sees(pi2)["why"]),
       "the others see that it is held, and why")
    rounds(pi1)
    ok(not any(n.starts() for n in nodes), "no Neo4j was started")
    ok(os.listdir(pi1.store) == [], "nothing was written")

    pi1.mount()
    pi2.mark()
    ok(wait_for(lambda: pi1.why() == FIRST + "; waits for pi3: held"), "the others wait for the held one")
    ok(not pi1.starts(), "they do not start without it")
    pi3.mark()
    ok(wait_for(lambda: all(n.starts() for n in nodes)), "until all of them have their p3")


def test_lost_at_start(pi1, pi2, pi3):
    for n in (pi1, pi2, pi3):
        n.mount()
    pi1.start()
    pi2.start()
    wait_for(lambda: pi1.why() == FIRST + "; waits for pi3: not heard since boot")
    subprocess.check_call(["umount", pi1.store])
    pi1.mounted = False
    pi3.start()
    ok(wait_for(lambda: pi1.state() == "held"), "a p3 lost just before the start: held")
    ok(not pi1.starts() and os.listdir(pi1.store) == [], "no start, and nothing was written")


def test_odd(pi1, pi2, pi3):
    """A card with another Neo4j than the others, whose Neo4j was begun before anybody had joined."""
    conf = pi3.read("etc/bramble/node.conf")
    pi3.write("etc/bramble/node.conf", conf.replace("3.5.0-beta03", "3.4.10"))
    for n in (pi1, pi2, pi3):
        n.mount()
        n.start()
    ok(wait_for(lambda: all(n.starts() for n in (pi1, pi2, pi3))), "the first time all start")
    pi2.neo4j_up("slave")
    pi1.neo4j_up("master")
    want = "the master runs Neo4j 3.5.0-beta03, this card has 3.4.10: flash it with what the others have"
    ok(wait_for(lambda: pi3.state() == "held" and pi3.why() == want), "held: " + pi3.why())
    ok(wait_for(lambda: pi3.read("unit.state") == "inactive\n"), "and what it has begun is stopped")
    ok(wait_for(lambda: pi1.state() == pi2.state() == "serving"), "the others serve")
    starts = len(pi3.starts())
    pi1.neo4j_ends()
    pi2.mock.role = "UNKNOWN"
    rounds(pi3, 5)
    ok(pi3.state() == "held" and len(pi3.starts()) == starts, "also while nobody leads: " + pi3.why())


def test_late_word(pi1):
    """systemd's word comes when it should have been asked a second time already."""
    pi1.mount()
    pi1.write("mute", "")
    pi1.start()
    time.sleep(7)
    os.unlink(os.path.join(pi1.root, "mute"))
    ok(wait_for(lambda: "waits for pi2" in pi1.why()), "systemd's word counts also late: " + pi1.why())
    pi1.write("unit.state", "active\n")
    ok(wait_for(lambda: pi1.read("kills")), "and it is asked again: a Neo4j that nobody allowed ends")


def test_configuration(node):
    def run(*args):
        r = subprocess.run([AGENT, "--root", node.root, *args], capture_output=True, text=True)
        return r.returncode, r.stdout + r.stderr

    ok(run("-c") == (0, "%s of cluster garden, generation 1: ok\n" % node.name), "-c agrees")
    os.chmod(os.path.join(node.root, "etc/bramble/cluster.secret"), 0o644)
    code, text = run("-c")
    ok(code == 3 and "others may read it" in text, "a readable secret is refused")
    node.write("etc/bramble/cluster.secret", "5ec5ec5ec\n", 0o600)
    code, text = run("run")
    ok(code == 3 and "not 64 hex digits" in text, "so is a short one")
    ok("5ec5ec" not in text, "which is not printed")
    before = time.monotonic()
    os.environ["NOTIFY_SOCKET"] = "/nonexistent"
    code, text = run("run")
    del os.environ["NOTIFY_SOCKET"]
    ok(code == 3 and time.monotonic() - before >= 1.9,
       "under systemd, which starts it again, it takes its time to fail")
    node.write("etc/bramble/node.conf", "cluster {\n")
    ok(run("-c")[0] == 3, "a broken node.conf is refused")
    code, text = run("--http", "127.0.0.1:99999", "run")
    ok(code == 2 and "--http 127.0.0.1:99999 is not" in text, "an address that is none is a usage error: " + text.strip())
    ok(run("bake")[0] == 2 and run()[0] == 2 and run("--x")[0] == 2, "usage errors are 2")
    code, text = run("--version")
    ok(code == 0 and text.startswith("bramble-agent "), "--version")


def scenario(top, name, role4=False):
    top = os.path.join(top, name)
    nodes = [Node(top, "pi%d" % i, i) for i in (1, 2, 3)]
    if role4:
        nodes.append(Node(top, "pi4", 4, "proxy"))
    for n in nodes:
        n.prepare(nodes)
    return nodes


def show_logs(nodes):
    for n in nodes:
        for line in n.read("log").splitlines()[-40:]:
            print("# %s: %s" % (n.name, line))


def cluster_life(top):
    nodes = scenario(top, "life", True)
    pi1, pi2, pi3, pi4 = nodes
    try:
        for n in (pi1, pi2, pi3):
            n.mount()
        test_barrier(*nodes)
        test_roles(*nodes)
        test_agent_lost(pi1, pi2, pi3)
        test_turns([pi1, pi2, pi3])
        test_neo4j_lost(pi1, pi2, pi3)
        test_spoiled(pi1, pi2, pi3)
        test_garbage(pi1)
        test_replay(pi1)
        test_systemd(pi4, top)
        ok(pi1.stop() == 0 and not any(n.read("unexpected") for n in nodes),
           "an agent that ends leaves Neo4j alone")
    finally:
        if failed:
            show_logs(nodes)
        for n in nodes:
            n.clean()


def short_life(top, name, test):
    nodes = scenario(top, name)
    before = failed
    try:
        test(nodes)
    finally:
        if failed > before:
            show_logs(nodes)
        for n in nodes:
            n.clean()


def held_life(nodes):
    test_held(nodes)
    nodes[0].stop()
    test_configuration(nodes[0])


def enter_namespace():
    """Runs this program again where it may mount; without that right all is skipped."""
    if os.environ.get("BRAMBLE_UNSHARED") != "1":
        unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
        if subprocess.call(unshare + ["true"], stderr=subprocess.DEVNULL) != 0:
            print("1..0 # SKIP no mount namespace of one's own here")
            sys.exit(0)
        os.environ["BRAMBLE_UNSHARED"] = "1"
        os.execvp(unshare[0], unshare + [sys.executable] + sys.argv)


def main():
    enter_namespace()
    top = tempfile.mkdtemp(prefix="bramble-agent-")
    try:
        cluster_life(top)
        short_life(top, "held", held_life)
        short_life(top, "lost", lambda nodes: test_lost_at_start(*nodes))
        short_life(top, "late", lambda nodes: test_late_word(nodes[0]))
        short_life(top, "odd", lambda nodes: test_odd(*nodes))
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print("1..%d" % count)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
