#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real bramble tells real agents on loopback addresses what to do.  Prints TAP.

Neo4j and systemctl are the stand-ins of agent_test.py; what they cannot show (elections) is shown
with a real Neo4j in tests/cluster/control_test.sh.
"""
import ctypes
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import agent_test as at
from agent_test import Node, SECRET, CLUSTER_ID, ok, wait_for

BRAMBLE = os.path.join(os.environ.get("BRAMBLE_BUILD", "build"), "bramble")
CONTROL_PORT = 7471


class Pc:
    """The folder with cluster.conf and its state, and the bramble that works there."""

    def __init__(self, top, nodes, secret=SECRET, cluster_id=CLUSTER_ID):
        os.makedirs(top)
        self.conf = os.path.join(top, "garden.conf")
        with open(self.conf, "w") as f:
            f.write('cluster "garden" {\n  base = "x"\n  neo4j = "x"\n  java = "x"\n'
                    '  network { subnet = "%s.0/24"  gateway = "%s.1" }\n' % (at.NET, at.NET))
            for n in nodes:
                f.write('  node "%s" { roles = {"%s"}  address = "%s"%s }\n' % (
                    n.name, n.role, n.address, "  id = %d" % n.id if n.id else ""))
            f.write("}\n")
        state = os.path.join(top, "garden.state")
        os.mkdir(state, 0o700)
        for name, value in (("id", cluster_id), ("secret", secret), ("stats.password", "0" * 32),
                            ("generation", "1")):
            path = os.path.join(state, name)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
                f.write(value + "\n")

    def start(self, *words):
        """words[0] is the command; its configuration comes next."""
        return subprocess.Popen([BRAMBLE, words[0], self.conf, *words[1:]], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, *words):
        p = self.start(*words)
        out = p.communicate(timeout=120)[0]
        return p.returncode, out


def control(node):
    return node.cluster().get("control", {})


def counts(node, what, more_than):
    return wait_for(lambda: control(node).get(what, 0) > more_than)


def connect(node):
    return socket.create_connection((node.address, CONTROL_PORT), timeout=at.DEADLINE)


def silent_end(s):
    """True when the other side hangs up without a word."""
    s.settimeout(at.DEADLINE)
    try:
        return s.recv(100) == b""
    except ConnectionResetError:
        return True


def test_strangers(pi1):
    before = control(pi1)["strangers"]
    for first in (b"BRC1" + os.urandom(48), b"BRC2" + os.urandom(48), b"GET / HTTP/1.1\r\n" * 8):
        s = connect(pi1)
        s.sendall(first)
        ok(silent_end(s), "who has no secret hears nothing")
    ok(counts(pi1, "strangers", before + 2), "and is counted")

    late = control(pi1)["late"]
    s = connect(pi1)
    begin = time.monotonic()
    for _ in range(40):  # a byte now and then wins no time
        try:
            s.sendall(b"B")
        except OSError:
            break
        time.sleep(0.2)
    ok(counts(pi1, "late", late), "who dawdles is dropped after %.1f s" % (time.monotonic() - begin))
    s.close()

    crowded = control(pi1)["crowded"]
    many = [connect(pi1) for _ in range(12)]
    ok(counts(pi1, "crowded", crowded), "a newcomer takes the place of a silent one")
    ok(silent_end(many[0]), "of the oldest")
    for s in many:
        s.close()


class Insider:
    """A client that has the secret (common/sealed.h), and need not keep to the protocol."""

    def __init__(self, node):
        self.lib = ctypes.CDLL("libsodium.so.23")
        # secret + cluster id, as sealed_key_derive has it: the label with its NUL
        self.key = hashlib.blake2b(b"bramble control 1\0" + bytes.fromhex(CLUSTER_ID), digest_size=32,
                                   key=bytes.fromhex(SECRET)).digest()
        public, private = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
        self.lib.crypto_kx_keypair(public, private)
        self.socket = connect(node)
        self.socket.sendall(b"BRC1" + public.raw + self.hash(1, public.raw, size=16))
        hello = self.socket.recv(52 + 24, socket.MSG_WAITALL)
        rx, tx = ctypes.create_string_buffer(32), ctypes.create_string_buffer(32)
        self.lib.crypto_kx_client_session_keys(rx, tx, public, private, hello[4:36])
        header, self.state = ctypes.create_string_buffer(24), ctypes.create_string_buffer(64)
        self.lib.crypto_secretstream_xchacha20poly1305_init_push(
            self.state, header, self.hash(3, tx.raw, public.raw, hello[4:36]))
        self.socket.sendall(header.raw)

    def hash(self, use, *parts, size=32):
        return hashlib.blake2b(bytes([use]) + b"".join(parts), digest_size=size, key=self.key).digest()

    def seal(self, text):
        out = ctypes.create_string_buffer(len(text) + 17)
        self.lib.crypto_secretstream_xchacha20poly1305_push(
            self.state, out, None, text, ctypes.c_ulonglong(len(text)), None, ctypes.c_ulonglong(0), 0)
        return len(out).to_bytes(4, "little") + out.raw

    def send(self, data):
        self.socket.sendall(data)


def test_broken(pi1):
    """What a member's secret may come with: a session that breaks is counted, and is hung up on."""
    compare = b"J" + json.dumps({"verb": "compare", "size": 100}).encode()  # waits for so many bytes
    for what, first, then in (
            ("no request", b"Dbytes", None), ("no word", b"?", None), ("no JSON", b"J{", None),
            ("a second request", compare, lambda c: c.seal(compare)),
            ("a forged message", compare, lambda c: bytes([17 + 9, 0, 0, 0]) + os.urandom(17 + 9)),
            ("an oversized message", compare, lambda c: (65536 + 17 + 1).to_bytes(4, "little"))):
        before = control(pi1)
        c = Insider(pi1)
        c.send(c.seal(first))
        if then:
            ok(wait_for(lambda: control(pi1)["requests"] > before["requests"]), "it is asked, and then comes")
            c.send(then(c))
        ok(silent_end(c.socket) and counts(pi1, "broken", before["broken"]) and
           control(pi1)["strangers"] == before["strangers"], "broken: " + what)
        c.socket.close()
    before = control(pi1)
    c = Insider(pi1)  # as who has recorded a hello: he has not shown yet that he has the secret
    c.send((16384 + 17 + 1).to_bytes(4, "little"))
    ok(silent_end(c.socket) and counts(pi1, "strangers", before["strangers"]) and
       control(pi1)["broken"] == before["broken"], "an oversized first message is a stranger's")
    c.socket.close()


def test_errors(top, nodes, pc):
    pi1 = nodes[0]
    code, text = Pc(os.path.join(top, "pc2"), nodes, "77" * 32).run("logs", "pi1")
    ok(code == 1 and "another secret" in text, "another secret: " + text.strip())
    code, text = Pc(os.path.join(top, "pc3"), nodes, SECRET, "ff" * 16).run("logs", "pi1")
    ok(code == 1 and "another cluster" in text, "another cluster: " + text.strip())
    code, text = pc.run("logs", "pi3")
    ok(code == 1 and "cannot be reached" in text, "nobody there: " + text.strip())
    code, text = pc.run("logs", "--unit", "ssh", "pi1")
    ok(code == 1 and "no unit" in text, "no unit of ours: " + text.strip())
    ok(pc.run("logs", "--lines", "0")[0] == 2 and pc.run("logs", "pi9")[0] == 2,
       "no lines, or no such node: usage")
    ok(pc.run("start")[0] == 2 and pc.run("start", "--from", "pi1", "pi2")[0] == 2,
       "start without a loss, or with two meanings: usage")
    ok(pc.run("switchover", "pi9")[0] == 2, "switchover to nobody: usage")
    ok(control(pi1)["requests"] > 0, "requests are counted")


def test_form(pc, pi1, pi2):
    code, text = pc.run("start", "--accept-loss", "pi3")
    ok(code == 1 and "no cluster was ever formed" in text, "nothing was lost: " + text.strip())
    code, text = pc.run("form", "--without", "pi2", "pi3")
    ok(code == 1 and "no majority" in text, "not without a majority: " + text.strip())
    code, text = pc.run("form", "--without", "pi3")
    ok(code == 0 and "pi3: given up" in text, "a cluster is formed without one: " + text.strip())
    # When runs of the one that is given up are over for sure: QUORUM_OVER_MS.
    ok(wait_for(lambda: pi1.starts() and pi2.starts(), 30 + at.DEADLINE), "and starts")
    ok(pc.run("form", "--without", "pi3")[0] == 0, "said twice it is the same")
    code, text = pc.run("form", "--without", "pi2")
    ok(code == 1 and "formed already" in text, "and then it is too late: " + text.strip())


def test_switchover(pc, pi1, pi2, pi3):
    code, text = pc.run("switchover", "pi2")
    ok(code == 1 and "whole cluster only" in text, "not in half a cluster: " + text.strip())
    pi3.start()
    ok(wait_for(lambda: pi3.starts()), "the third one comes")
    pi3.neo4j_up("slave")
    ok(wait_for(lambda: pi1.request("/writable")[0] == 200 and pi3.state() == "serving"),
       "and all serve")
    code, text = pc.run("switchover", "pi1")
    ok(code == 0 and "already" in text, "the master is master: " + text.strip())

    pi1.mock.tx, pi3.mock.tx, pi2.mock.tx = 50, 40, 50
    wait_for(lambda: pi2.sees(pi1).get("last_tx") == 50)
    p = pc.start("switchover", "pi3")
    at.rounds(pi2, 3)
    ok(not pi2.read("stops"), "pi2 is not stopped while pi3 lacks what pi2 has")
    pi3.mock.tx = 50
    ok(wait_for(lambda: pi2.read("stops")), "then it makes way, for its id is lower")
    pi2.neo4j_ends()
    pi2.write("unit.state", "inactive\n")
    ok(wait_for(lambda: pi1.request("/writable")[0] == 503) and not pi1.read("stops"),
       "the master takes no more writes")
    pi1.mock.tx = 51
    at.rounds(pi1, 3)
    ok(not pi1.read("stops"), "and does not stop while pi3 lacks the last one")
    pi3.mock.tx = 51
    ok(wait_for(lambda: pi1.read("stops")), "then it stops, in order")
    starts = len(pi1.starts())
    pi1.neo4j_ends()
    pi1.write("unit.state", "inactive\n")
    at.rounds(pi1, 2)
    ok(len(pi1.starts()) == starts and "makes way" in pi1.why(), "and rests: " + pi1.why())
    pi3.neo4j_up("master")
    ok(wait_for(lambda: len(pi1.starts()) > starts and len(pi2.starts()) > 1),
       "until the chosen one is master")
    pi1.neo4j_up("slave")
    pi2.neo4j_up("slave")
    pi2.mock.tx = 51  # slaves pull
    code, text = p.wait(120), p.communicate()[0]
    ok(code == 0 and "pi3: is master in place of pi1" in text, "pi3 is master: " + repr(text))


def is_hung_up(s):
    s.settimeout(1)
    try:
        return s.recv(1) == b""
    except TimeoutError:
        return False
    finally:
        s.close()


def test_rotate(top, pc, nodes):
    pi1, pi2, pi3 = nodes

    def lines(node):
        return node.read("etc/bramble/cluster.secret").split()

    pi3.stop_helper()
    code, text = pc.run("rotate")
    ok(code == 1 and "not finished" in text, "a change that stops half-way: " + text.strip())
    ok([len(lines(n)) for n in nodes] == [2, 2, 1], "two nodes know both secrets")
    at.rounds(pi1, 4)
    ok(all(a.sees(b).get("present") for a in nodes for b in nodes), "all hear each other")
    new = lines(pi1)[1]
    pi2.stop()
    pi3.stop()
    pi3.start()
    code, text = pc.run("rotate")
    ok(code == 1 and "all nodes are there" in text, "not without pi2: " + text.strip())
    pi2.start()
    ok(wait_for(lambda: pi2.state() == pi3.state() == "serving"), "both are back")
    silent = socket.create_connection((pi2.address, 7471), 5)  # by the keys of before
    code, text = pc.run("rotate")
    ok(is_hung_up(silent), "who had said nothing yet is hung up on")
    ok(code == 0 and "new secret" in text, "the next try goes on: " + text.strip().split("\n")[-1])
    ok(all(lines(n) == [new] for n in nodes) and new != SECRET, "all have the one that was begun")
    ok(all(os.stat(os.path.join(n.root, "etc/bramble/cluster.secret")).st_mode & 0o777 == 0o600
           for n in nodes), "which nobody else may read")
    at.rounds(pi1, 4)
    pi2.stop()
    pi2.start()
    ok(wait_for(lambda: all(a.sees(b).get("present") for a in nodes for b in nodes)),
       "they hear each other by it, after a restart too")
    ok(pc.run("logs", "--unit", "ssh", "pi1")[1].count("no unit"), "and the PC is let in")
    code, text = Pc(os.path.join(top, "pc4"), nodes).run("logs", "pi1")
    ok(code == 1 and "another secret" in text, "who has only the old one is not")
    ok(not any(SECRET in n.read("log") or new in n.read("log") for n in nodes),
       "no secret is in a log")


def test_rotate_lost(top, pc, nodes):
    """The PC loses its state folder in the middle of a change, and takes it from the nodes."""
    state = os.path.join(os.path.dirname(pc.conf), "garden.state")
    bin_dir = os.path.join(top, "bin")

    def lines(node):
        return node.read("etc/bramble/cluster.secret").split()

    def stand_in(name, script):
        with open(os.open(os.path.join(bin_dir, name), os.O_WRONLY | os.O_CREAT, 0o755), "w") as f:
            f.write("#!/bin/bash\n" + script)

    os.mkdir(bin_dir)
    stand_in("sudo", 'shift\nexec "$@"\n')
    stand_in("ssh", 'cd "%s/${4#*@}" && eval "${5/cd \\/etc/cd etc}"\n' % os.path.dirname(nodes[0].root))
    nodes[2].stop_helper()
    code, text = pc.run("rotate")
    ok(code == 1 and [len(lines(n)) for n in nodes] == [2, 2, 1], "a change that stops half-way")
    os.rename(state, state + ".lost")
    p = subprocess.run([os.path.abspath(BRAMBLE), "recover-state", *["x@" + n.name for n in nodes]],
                       cwd=os.path.dirname(pc.conf), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       env={**os.environ, "PATH": os.path.abspath(bin_dir) + ":" + os.environ["PATH"]})
    ok(p.returncode == 0 and "say `bramble rotate" in p.stdout, "and whose state is lost: " + p.stdout.strip())
    nodes[2].stop()
    nodes[2].start()
    ok(wait_for(lambda: all(n.state() == "serving" for n in nodes)), "all serve")
    code, text = pc.run("rotate")
    ok(code == 0 and len({tuple(lines(n)) for n in nodes}) == 1 and len(lines(nodes[0])) == 1 and
       "once more" in text and "new secret;" not in text, "is finished: " + text.strip())
    before = lines(nodes[0])
    code, text = pc.run("rotate")
    ok(code == 0 and lines(nodes[0]) != before and len({tuple(lines(n)) for n in nodes}) == 1,
       "and another one gives a new secret")


def test_watch(top, pc, nodes):
    """bramble status --watch: again and again, also while an agent is away, until Ctrl-C."""
    pi3 = nodes[2]
    said = os.path.join(top, "watched")

    def watch(where, to):
        return subprocess.Popen([BRAMBLE, "status", "--watch", where], stdout=to, stderr=subprocess.STDOUT)

    def seen(text):
        with open(said) as f:
            return f.read().count(text)

    def ends(p):
        p.send_signal(signal.SIGINT)
        return p.wait(at.DEADLINE) == 130

    with open(said, "w") as f:
        p = watch(pc.conf, f)
    ok(wait_for(lambda: seen("sees it: formed") >= 3), "a cluster is watched")
    ok(ends(p) and seen("serving") >= 9, "until Ctrl-C")

    pi3.stop()
    with open(said, "w") as f:
        p = watch(pi3.address, f)
    ok(wait_for(lambda: seen("cannot be reached") >= 2 or seen("refused") >= 2) and p.poll() is None,
       "an agent that is away is told, and ends nothing")
    pi3.start()
    ok(wait_for(lambda: seen("as pi3 at %s sees it" % pi3.address)), "when it is back, so is the table")
    ok(ends(p), "and that one ends, too")

    master, terminal = os.openpty()
    p = watch(pc.conf, terminal)
    os.close(terminal)
    drawn = b""
    while drawn.count(b"\033[J") < 2:
        drawn += os.read(master, 65536)
    ok(ends(p) and drawn.count(b"sees it") == drawn.count(b"\033[J") + 1,
       "on a terminal each takes the place of the one before")
    os.close(master)


def test_passwd(top, pc, nodes):
    pi1, pi2, pi3 = nodes
    path = os.path.join(top, "new")

    def passwd(text):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(text)
        return pc.run("passwd", "--file", path)

    def has(password):
        return [n.mock.password == password and n.read("etc/bramble/neo4j.password").strip() ==
                password for n in nodes]

    for bad in ("", "\n", "x" * 65 + "\n", "t\303\244b\n", "a\tb\n"):
        ok(passwd(bad)[0] in (1, 2), "no password: %r" % bad[:10])

    def serves():
        return wait_for(lambda: all(n.state() == "serving" for n in nodes))

    # An agent that has missed its helper already says that it waits, and nothing begins.
    for _ in range(5):
        serves()
        pi3.stop_helper()
        code, text = passwd("one and more\n")
        if "is waiting" not in text:
            break
        pi3.start_helper()
    ok(code == 1 and "say it again" in text, "a change that stops half-way: " + text.strip())
    ok(has("one and more") == [True, True, False], "two nodes have it")
    pi3.start_helper()
    serves()
    code, text = passwd("one and more\n")
    ok(code == 0 and all(has("one and more")), "said again all have it: " + text.strip())
    ok(all(os.stat(os.path.join(n.root, "etc/bramble/neo4j.password")).st_mode & 0o777 == 0o600
           for n in nodes), "which nobody else may read")
    pi1.mock.tx = pi1.mock.tx + 1
    ok(wait_for(lambda: pi2.sees(pi1).get("last_tx") == pi1.mock.tx), "the agents ask by it")
    with open(os.path.join(os.path.dirname(pc.conf), "garden.state/neo4j.password")) as f:
        ok(f.read() == "one and more\n", "and the next images have it")
    pi2.mock.password = "by hand"
    code, text = passwd("two")
    ok(code == 1 and "neither" in text, "one that was changed by hand is told: " + text.strip())
    ok(wait_for(lambda: "bramble passwd" in (pi1.sees(pi2).get("why") or "")), "as its line tells, too")
    pi2.mock.password = "two"
    ok(passwd("two")[0] == 0 and all(has("two")), "and is taken when it is the same")
    ok(wait_for(lambda: "passwd" not in pi1.sees(pi2).get("why", "passwd")), "then its line has nothing to tell")
    ok(not any("one and more" in n.read("log") for n in nodes), "no password is in a log")


def test_users(nodes):
    """Neo4j is only its files here; that it reads them is in tests/cluster/arbiter_test.sh."""
    pi1, pi2, pi3 = nodes
    own = "neo4j:SHA-256,0%d,AA:\n"

    def path(n, name):
        return os.path.join(n.root, "srv/bramble/neo4j/data/dbms", name)

    def put(n, name, text):  # as Neo4j does, readable to all
        n.write(path(n, name) + ".new", text)
        os.rename(path(n, name) + ".new", path(n, name))

    def users(n):
        return n.read(path(n, "auth")).splitlines()

    for n in nodes:
        put(n, "roles", "admin:neo4j\nreader:\n")
        put(n, "auth", own % n.id)
    ok(wait_for(lambda: all("SHA-256,0%d" % n.id in n.read("srv/bramble/bramble.users") for n in nodes)),
       "each agent sees its Neo4j's users")
    at.rounds(pi1, 3)
    ok(all(users(n) == [own.strip() % n.id] for n in nodes), "and leaves the first password as it is")
    put(pi1, "roles", "admin:neo4j,zoe\nreader:zoe\n")
    put(pi1, "auth", own % 1 + "zoe:SHA-256,77,88:is_suspended\n")
    ok(wait_for(lambda: all("zoe:SHA-256,77,88:is_suspended" in users(n) for n in nodes)),
       "a user of one is everybody's")
    ok(wait_for(lambda: all("reader:zoe" in n.read(path(n, "roles")) for n in nodes)), "with its roles")
    ok(all(own.strip() % n.id in users(n) for n in nodes), "and the others stay")
    ok(all(os.stat(path(n, name)).st_mode & 0o777 == 0o600 for n in (pi2, pi3)
           for name in ("auth", "roles")) and
       all(os.stat(path(n, ".")).st_mode & 0o777 == 0o700 for n in nodes) and
       all(os.stat(os.path.join(n.store, "bramble.users")).st_mode & 0o777 == 0o600 for n in nodes),
       "which nobody else may read")
    put(pi1, "roles", "reader:zoe\n")
    put(pi1, "auth", "zoe:SHA-256,77,88:\n")
    ok(wait_for(lambda: own.strip() % 1 in users(pi1) and "admin:neo4j" in pi1.read(path(pi1, "roles"))),
       "the agents' own user is put back")
    pi2.stop()
    put(pi2, "auth", "half a li")
    pi2.start()
    ok(wait_for(lambda: "no sense" in pi2.read("log")), "half a file is told")
    put(pi2, "auth", own % 2 + "zoe:SHA-256,77,88:is_suspended\nbob:SHA-256,1,2:\n")
    ok(wait_for(lambda: any(u.startswith("bob") for u in users(pi1)), 60), "and changes nothing: then comes a whole one")
    wait_for(lambda: pi2.state() == "serving")
    ok(not any("SHA-256" in n.read("log") for n in nodes), "no credential is in a log")


def test_no_election(pc, pi1, pi3):
    """Nobody is elected: who made way comes back by itself."""
    pi1.mock.tx = pi3.mock.tx
    p = pc.start("switchover", "pi1")
    ok(wait_for(lambda: pi3.read("stops")), "a master stops for another one")
    starts = len(pi3.starts())
    pi3.neo4j_ends()
    pi3.write("unit.state", "inactive\n")
    p.kill()
    p.communicate()
    pi1.stop()
    ok(wait_for(lambda: len(pi3.starts()) > starts, 90),
       "and starts again when that one goes, though nobody tells it")
    pi3.neo4j_up("master")
    pi1.start()
    wait_for(lambda: pi1.state() == "serving" and pi3.request("/writable")[0] == 200)


def test_poweroff(pc, nodes):
    pi1, pi2, pi3 = nodes
    slaves = [n for n in nodes if n is not pi3]
    for n in nodes:
        n.mock.password = pi1.mock.password
    pi3.mock.tx = 1 + max(n.mock.tx for n in nodes)
    wait_for(lambda: pi3.sees(pi3)["last_tx"] == pi3.mock.tx)
    p = pc.start("poweroff")
    ok(wait_for(lambda: pi3.request("/writable")[0] != 200), "the master takes no more writes: " + pi3.why())
    ok(not wait_for(lambda: any("poweroff" in n.read("starts") for n in nodes), 12),
       "nobody is powered off while one write is on its card alone")
    pi3.mock.role = "UNKNOWN"
    at.rounds(pi3, 2)
    pi3.mock.role = "master"
    ok(not wait_for(lambda: any("poweroff" in n.read("starts") for n in nodes), 3),
       "nor when its Neo4j gives no answer for a moment")
    pi1.mock.tx = pi3.mock.tx
    ok(wait_for(lambda: all("poweroff.target" in n.read("starts") for n in slaves)),
       "slaves are powered off")
    ok("poweroff" not in pi3.read("starts"), "the master not yet")
    for n in slaves:
        n.stop()
    ok(wait_for(lambda: "poweroff.target" in pi3.read("starts")), "but when they are off")
    pi3.stop()
    ok(p.wait(120) == 0, "and it returns: " + repr(p.communicate()[0]))


TASK = 'task = "%s"\nkind = "%s"\nstep = "%s"\nkeeper = 1\nneo4j = "9.9"\nwhy = ""\n'


def at_step(node, step):
    return 'step = "%s"' % step in node.read("srv/bramble/bramble.task")


def put_file(node, name, text):
    """As the agent would have written it."""
    node.write("srv/bramble/" + name, text)
    os.chown(os.path.join(node.store, name), os.geteuid(), os.getegid())


def begin_task(nodes, number, kind, steps):
    """All are off, and were at these steps when their power went."""
    for n in nodes:
        n.stop()
        if n.mock:
            n.mock.close()
            n.mock = None
        n.write("unit.state", "inactive\n")
    for n, step in steps:
        put_file(n, "bramble.task", TASK % (number, kind, step))


def test_task_replaced(nodes):
    """The keeper was ready, and has another card by now; the last one comes back only then."""
    pi1, pi2, pi3 = nodes
    begin_task(nodes, "00000000000000cc", "restore", ((pi2, "done"), (pi3, "rested")))
    os.unlink(os.path.join(pi1.store, "bramble.task"))
    for n in nodes:
        n.start()
    ok(wait_for(lambda: at_step(pi3, "ready") or at_step(pi3, "done")),
       "who has rested believes one that is done: " + pi3.why())
    ok('state = "served"' not in pi3.read("srv/bramble/bramble.marker"), "and its store gives way")


def test_task_left(nodes):
    """Another PC's store came to one of them before the keeper was called."""
    pi1, pi2, pi3 = nodes
    begin_task(nodes, "00000000000000ee", "restore", ((pi1, "called"), (pi2, "staged"), (pi3, "back")))
    for n in nodes:
        n.start()
    ok(wait_for(lambda: at_step(pi1, "back") and at_step(pi2, "back")),
       "a keeper does not wait for one that has gone back: " + pi1.read("srv/bramble/bramble.task"))


def test_task_ordered(pc, nodes):
    """The keeper's power went when the order on its store was written, and it was not ready yet."""
    pi1, pi2, _ = nodes
    begin_task(nodes, "00000000000000dd", "restore", ((pi1, "rested"), (pi2, "rested")))
    put_file(pi1, "bramble.task", pi1.read("srv/bramble/bramble.task") + 'marker = "used"\n')
    marker = "".join(line + "\n" for line in pi1.read("srv/bramble/bramble.marker").splitlines()
                     if not line.startswith(("state", "aside")))
    put_file(pi1, "bramble.marker", marker + 'state = "restore"\naside = 5\n')
    pi1.start()
    pi2.start()
    ok(wait_for(lambda: "rests for" in pi1.why() and "rests for" in pi2.why()), "all rest, but one that is away")
    code, said = pc.run("task", "--back")
    ok(code == 0 and at_step(pi1, "back") and wait_for(lambda: at_step(pi2, "back")),
       "called off they go back: " + repr(said))
    marker = pi1.read("srv/bramble/bramble.marker")
    ok('state = "used"' in marker and "aside = 4" in marker, "and the keeper's store is not given up: " + repr(marker))


def test_task(pc, nodes):
    """One that waits for a node that is away, and one whose keeper never comes back."""
    pi1, pi2, pi3 = nodes

    begin_task(nodes, "00000000000000aa", "upgrade", ((pi1, "called"), (pi2, "staged"), (pi3, "staged")))
    pi1.start()
    pi2.start()
    ok(wait_for(lambda: at_step(pi2, "rested")), "a node rests, and the keeper waits for another one")
    code, said = pc.run("task")
    lines = [line.split()[:4] for line in said.splitlines()]
    ok(code == 0 and ["pi1", "upgrade", "called", "pi1"] in lines and
       ["pi2", "upgrade", "rested", "pi1"] in lines, "which is shown: " + repr(said))
    ok(["pi3", "-", "?", "-"] in lines, "and who is away")
    code, said = pc.run("task", "--back")
    ok(code == 0 and "pi1: goes back" in said and at_step(pi1, "back") and at_step(pi2, "back"),
       "called off all go back: " + repr(said))
    pi3.start()
    ok(wait_for(lambda: at_step(pi3, "back")), "who was away, too")
    code, said = pc.run("task", "--back")
    ok(code == 0 and "nothing to call off" in said, "and then there is none")

    test_task_left(nodes)
    test_task_replaced(nodes)
    test_task_ordered(pc, nodes)

    begin_task(nodes, "00000000000000bb", "upgrade", ((pi1, "rested"), (pi2, "rested"), (pi3, "rested")))
    starts = len(pi2.starts())
    pi2.start()
    pi3.start()
    wait_for(lambda: pi2.sees(pi3).get("present"))
    code, said = pc.run("task", "--back")
    ok(code == 1 and "--accept-loss" in said, "the others alone do not go back: " + said.strip())
    code, said = pc.run("start", "--accept-loss", "pi1")
    ok(code == 0, "its card is lost: " + said.strip())
    ok(at_step(pi2, "rested") and len(pi2.starts()) == starts, "which by itself starts nothing")
    code, said = pc.run("task", "--back")
    ok(code == 0 and at_step(pi2, "back") and at_step(pi3, "back"), "then they do: " + repr(said))
    ok(wait_for(lambda: "rests for" not in pi2.why()), "and nothing keeps their Neo4js at rest: " + pi2.why())


def test_survivor(pc, nodes):
    """One card is left, in another board, and nobody can tell whether its own one is alive."""
    pi2 = nodes[1]
    for n in nodes:
        n.stop()
    put_file(pi2, "bramble.serial", 'serial = "10000000aaaaaaaa"\n')
    pi2.write("proc/device-tree/serial-number", "10000000bbbbbbbb\0")
    pi2.start()
    ok(wait_for(lambda: "no other member has answered" in pi2.why()), "it says what it waits for: " + pi2.why())
    code, said = pc.run("start", "--accept-loss", "pi1", "pi3")
    ok(code == 0 and "pi3: given up" in said, "a person says that the others are lost: " + said.strip())
    ok("bbbbbbbb" in pi2.read("srv/bramble/bramble.serial") and wait_for(lambda: pi2.state() != "held"),
       "and it is at home: " + pi2.why())


def restore_life(nodes):
    """Cards of `bramble build --restore`: the first power-on, with a start that fails again and again."""
    pi1 = nodes[0]
    nodes = [n for n in nodes if n.role == "data"]
    store = "srv/bramble/neo4j/data/databases/graph.db/neostore"
    for n in nodes:
        n.write("systemctl", at.SYSTEMCTL.format(dir=n.root).replace(
            'start) echo "$*" >>starts;', 'start) echo "$*" >>starts; "%s" --root "%s" prepare || exit 1\n'
            '  if [ -e fails ]; then echo failed >unit.state; exit 0; fi;' % (
                os.path.abspath(at.AGENT), n.root)), 0o755)
        n.mount()
        n.write("srv/bramble/bramble.marker", n.read("srv/bramble/bramble.marker").replace("virgin", "restore"))
        n.write("srv/bramble/neo4j/data/incoming/neostore", "the backup's")
    pi1.write("fails", "")
    for n in nodes:
        n.start()
    ok(wait_for(lambda: len(pi1.starts()) >= 4, 120), "a Neo4j that does not start is started again")
    ok('state = "restore"' in pi1.read("srv/bramble/bramble.marker") and pi1.read(store) == "the backup's",
       "and its store is not given up for that")
    os.unlink(os.path.join(pi1.root, "fails"))
    ok(wait_for(lambda: all('state = "served"' in n.read("srv/bramble/bramble.marker") for n in nodes), 60),
       "all begin with it")
    ok(all(n.read(store) == "the backup's" for n in nodes), "in its place")
    ok(not any(n.read("srv/bramble/neo4j/data/incoming/neostore") for n in nodes), "and once")


def life(nodes, top):
    pi1, pi2, pi3 = nodes
    pc = Pc(os.path.join(top, "pc"), nodes)
    for n in nodes:
        n.write("systemctl", at.SYSTEMCTL.format(dir=n.root).replace(
            "kill)", 'stop) echo "$*" >>stops ;;\nkill)'), 0o755)
        n.mount()
    pi1.start()
    pi2.start()
    wait_for(lambda: pi1.sees(pi2).get("present") and pi2.sees(pi1).get("present"))
    test_strangers(pi1)
    test_broken(pi1)
    test_errors(top, nodes, pc)
    test_form(pc, pi1, pi2)
    pi1.neo4j_up("master")
    pi2.neo4j_up("slave")
    wait_for(lambda: pi1.request("/writable")[0] == 200)
    test_switchover(pc, pi1, pi2, pi3)
    wait_for(lambda: all(n.state() == "serving" for n in nodes))
    test_rotate(top, pc, nodes)
    test_rotate_lost(top, pc, nodes)
    test_watch(top, pc, nodes)
    wait_for(lambda: all(n.state() == "serving" for n in nodes))
    test_passwd(top, pc, nodes)
    test_users(nodes)
    test_no_election(pc, pi1, pi3)
    test_poweroff(pc, nodes)
    test_task(pc, nodes)
    test_survivor(pc, nodes)


class Arbiter(at.Node):
    """Of the mocks' cluster: a vote, and a p3 like a data node's."""

    def __init__(self, top, name, number):
        super().__init__(top, name, number, "arbiter")
        self.id = number

    def prepare(self, nodes):
        self.role = "data"
        super().prepare(nodes)
        self.role = "arbiter"
        conf = self.read("etc/bramble/node.conf").split("member")[0]
        self.write("etc/bramble/node.conf", conf + "".join(n.member() for n in nodes))


def test_arbiter_off(top):
    """With a slave away the master lives by the arbiter's vote until it is told."""
    top = os.path.join(top, "votes")
    nodes = [at.Node(top, "pi1", 1), at.Node(top, "pi2", 2), Arbiter(top, "pi3", 3)]
    for n in nodes:
        n.prepare(nodes)
    pi1, pi2, pi3 = nodes
    try:
        for n in nodes:
            n.mount()
            n.start()
        wait_for(lambda: all(n.starts() for n in nodes), 60)
        pi1.neo4j_up("master")
        pi2.neo4j_up("slave")
        ok(wait_for(lambda: pi1.request("/writable")[0] == 200, 60), "two nodes and an arbiter")
        pi2.stop(signal.SIGKILL)
        ok(wait_for(lambda: not pi1.sees(pi2)["present"]), "one is lost")
        p = Pc(os.path.join(top, "pc"), nodes).start("poweroff")
        ok(wait_for(lambda: pi1.request("/writable")[0] != 200), "the master takes no more writes")
        ok(wait_for(lambda: "poweroff" in pi3.read("starts"), 60), "then the arbiter is powered off")
        ok("powered off" in pi1.why() and not pi1.read("kills"), "not before, and no Neo4j was killed: " + pi1.why())
        pi3.stop()
        ok(wait_for(lambda: "poweroff" in pi1.read("starts")), "the master last")
        pi1.stop()
        ok(p.wait(60) == 0, "and it returns: " + repr(p.communicate()[0]))
    finally:
        if at.failed:
            at.show_logs(nodes)
        for n in nodes:
            n.clean()


def main():
    at.enter_namespace()
    top = tempfile.mkdtemp(prefix="bramble-control-")
    try:
        at.short_life(top, "control", lambda nodes: life(nodes, top))
        at.short_life(top, "restored", restore_life)
        test_arbiter_off(top)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print("1..%d" % at.count)
    return at.failed != 0


sys.exit(main())
