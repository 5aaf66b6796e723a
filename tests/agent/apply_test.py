#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real bramble takes real agents over to a changed cluster.conf.  Prints TAP.

Cards are built from the small stand-ins of tests/golden/fixture.sh and what is on them is laid out
as each node's root; agents, helper and installer are the real ones.  Neo4j and systemctl are the
stand-ins of agent_test.py; a real Neo4j has tests/cluster/apply_test.sh.
"""
import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import agent_test as at
from agent_test import AGENT, Node, ok, wait_for

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BRAMBLE = os.path.abspath(os.path.join(os.environ.get("BRAMBLE_BUILD", "build"), "bramble"))
at.AGENT = AGENT = os.path.abspath(AGENT)
SYSTEMCTL = at.SYSTEMCTL.replace('case "$1" in', '''case "$*" in
*bramble-enact.service) {agent} --root "{dir}" --service-manager "{dir}/systemctl" enact 2>>log; exit 0 ;;
daemon-reload|"reload-or-try-restart --no-block bramble-proxy.service") echo "$*" >>told; exit 0 ;;
esac
case "$1" in''')


class Card(Node):
    """A node whose root is what a built card has."""

    def lay(self, image):
        """As flashed with --keep-data: p3 stays."""
        out = os.path.join(self.root, "card")
        shutil.rmtree(out, ignore_errors=True)
        os.makedirs(out)
        start = subprocess.check_output(["sfdisk", "-d", image], text=True).splitlines()
        offset = int([p for p in start if "start=" in p][1].split("start=")[1].split(",")[0]) * 512
        subprocess.check_call(["debugfs", "-R", "rdump / " + out, "%s?offset=%d" % (image, offset)],
                              stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for path in ("etc", "opt", "var/lib/bramble", "usr/share"):
            if os.path.isdir(os.path.join(out, path)):
                shutil.rmtree(os.path.join(self.root, path), ignore_errors=True)
                shutil.copytree(os.path.join(out, path), os.path.join(self.root, path), symlinks=True)
        shutil.rmtree(out)
        for path in ("etc/bramble/cluster.secret", "etc/bramble/neo4j.password"):
            if os.path.exists(os.path.join(self.root, path)):
                os.chmod(os.path.join(self.root, path), 0o600)
        self.write("systemctl", SYSTEMCTL.format(dir=self.root, agent=AGENT), 0o755)
        self.write("nft", "#!/bin/sh\ncat >/dev/null\n", 0o755)
        os.makedirs(os.path.join(self.root, "run/bramble"), exist_ok=True)
        os.makedirs(self.store, exist_ok=True)

    def clean(self):
        super().clean()
        subprocess.call(["umount", "-l", os.path.join(self.root, "run/bramble")],
                        stderr=subprocess.DEVNULL)

    def end_for_good(self):
        """So that Life does not begin it again."""
        process, self.process = self.process, None
        process.kill()
        process.wait(60)

    def conf(self):
        return self.read("opt/neo4j/conf/neo4j.conf")


class Life(threading.Thread):
    """Neo4j and systemd of all nodes: an agent that ends begins anew, so does a Neo4j that is told."""

    def __init__(self, nodes):
        super().__init__(daemon=True)
        self.nodes, self.over, self.ups, self.downs = nodes, False, {}, {}
        self.first = None

    def master(self):
        return [n for n in self.nodes if n.mock and n.mock.role == "master"]

    def is_broken(self, n):
        """Does its Neo4j end at once? By "second", where another one came up with that."""
        if "timeout=second" in n.conf() and self.first in (None, n):
            self.first = n
            return False
        return "timeout=broken" in n.conf() or "timeout=second" in n.conf()

    def look(self, n):
        ups, downs = len(n.starts()), len((n.read("stops") + n.read("kills")).splitlines())
        if n.role == "data" and (downs > self.downs.get(n, 0) or n.read("unit.state") in ("inactive\n", "failed\n")):
            self.downs[n] = downs
            if n.mock:
                n.mock.close()
                n.mock = None
        if n.role == "data" and ups > self.ups.get(n, 0):
            self.ups[n] = ups
            time.sleep(0.3)
            if self.is_broken(n):
                time.sleep(1)  # so that the agent has seen it run
                n.write("unit.state", "failed\n")
            else:
                n.neo4j_up("slave" if self.master() else "master")
                n.mock.tx = 42
        process = n.process
        if process and process.poll() is not None:
            if n.process is not process:
                return  # end_for_good came in between
            n.process = None
            n.start()

    def run(self):
        while not self.over:
            for n in self.nodes:
                self.look(n)
            if not self.master():
                up = [n for n in self.nodes if n.mock]
                if up:
                    up[0].mock.role = "master"
            time.sleep(0.1)


DROP_IN = "etc/systemd/system/neo4j.service.d/x.conf"  # cards have no such folder


class Pc:
    """The folder with cluster.conf, its inputs, its state and its images."""

    def __init__(self, top):
        self.dir = os.path.join(top, "pc")
        os.makedirs(os.path.join(self.dir, "overlay/etc/motd.d"))
        os.makedirs(os.path.join(self.dir, "large/etc"))
        self.large = os.path.join(self.dir, "large/etc/large.bin")
        with open(self.large, "w") as f:
            f.write("small at first\n")
        self.conf = os.path.join(self.dir, "c.conf")
        subprocess.check_call(["bash", "-c", '. "$0/tests/lib.sh"; . "$0/tests/golden/fixture.sh"; '
                               'trap - EXIT; rm -rf "$scratch"; scratch=$1; fixture; fixture_neo4j "$1/newer.tar.gz" 3.5.12', TOP, self.dir],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.environ["BRAMBLE_CACHE"] = os.path.join(top, "cache")

    def copy(self):
        """On another PC, with what the state folder has now."""
        other = copy.copy(self)
        other.dir = self.dir + "2"
        other.conf = os.path.join(other.dir, "c.conf")
        shutil.rmtree(other.dir, ignore_errors=True)
        shutil.copytree(self.dir, other.dir, symlinks=True, ignore=shutil.ignore_patterns("c.images"))
        return other

    def write(self, nodes, lines="", text="one", more="", neo4j="neo4j.tar.gz"):
        with open(os.path.join(self.dir, "overlay/etc/motd.d/garden"), "w") as f:
            f.write(text + " on ${node.name}\n")
        with open(self.conf, "w") as f:
            f.write('cluster "garden" {\n  base = "base.img"\n  neo4j = "%s"\n'
                    '  java = "java"\n  root_size = "128MiB"\n  overlay "overlay" { }\n'
                    '  overlay "large" { roles = {"data"} }\n'
                    '  network { subnet = "%s.0/24"  gateway = "%s.1" }\n%s\n'
                    % (neo4j, at.NET, at.NET, lines))
            for n in nodes:
                f.write('  node "%s" { roles = {"%s"}  address = "%s"%s %s }\n' % (
                    n.name, n.role, n.address, "  id = %d" % n.id if n.id else "", more))
            f.write("}\n")

    def run(self, *words):
        p = subprocess.Popen([BRAMBLE, *words], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             cwd=self.dir)
        try:
            out = p.communicate(timeout=360)[0]
            return p.returncode, out
        except subprocess.TimeoutExpired:  # the test goes on, and tells what the agents have said
            p.kill()
            return -1, p.communicate()[0] + "(without an end after 360 s)\n"

    def image(self, node):
        return os.path.join(self.dir, "c.images", node.name + ".img")


def settled(nodes):
    return wait_for(lambda: all(n.state() in ("serving", "idle") and "turn" not in n.why()
                            for n in nodes), 60)


def same_as_card(pc, node, top):
    """Files that differ between the node's root and a card built now."""
    fresh = Card(top, node.name, node.id or 9, node.role)
    fresh.root = os.path.join(top, "fresh-" + node.name)
    fresh.store = os.path.join(fresh.root, "srv/bramble")
    fresh.lay(pc.image(node))
    differ = []
    for f in json.loads(fresh.read("var/lib/bramble/installed.json"))["files"]:
        path = f["path"][1:]
        mine, card = os.path.join(node.root, path), os.path.join(fresh.root, path)
        with open(card, "rb") as a:
            if not os.path.exists(mine) or open(mine, "rb").read() != a.read() or \
                    os.stat(mine).st_mode != os.stat(card).st_mode:
                differ.append(f["path"])
    return differ


def test_nothing(pc, nodes):
    code, text = pc.run("apply", "--check", "c.conf")
    ok(code == 0 and "nothing changes" in text, "of the cards just built nothing would change")
    if code:
        print("# " + text.replace("\n", "\n# "))
    pc.write(nodes, 'tls { mode = "own" }')
    code, text = pc.run("apply", "--check", "--diff", "c.conf")
    ok(code == 1 and "pi4: /etc/bramble/tls.crt is missing" in text and "PRIVATE" not in text and
       not os.path.exists(os.path.join(pc.dir, "c.state/tls.crt")), "TLS for the first time: told, and nothing is made")
    pc.write(nodes)
    nodes[3].end_for_good()
    code, text = pc.run("apply", "--check", "c.conf")
    ok(code == 1 and "pi4: cannot be reached; whether anything changes there is not known" in text,
       "of a node that is off nothing is known before the first apply: that is no 0")
    ok(pc.run("apply", "--check", "c.conf", "pi1")[0] == 0, "nobody asked for it there")
    nodes[3].start()
    ok(settled(nodes), "it is back")


def move_member(pc, proxy):
    """Where the network gives addresses: what the proxy on that node was configured with before."""
    before = proxy.read("etc/bramble/proxy.conf")
    proxy.write("run/bramble/addresses", 'node "pi1" { address = "127.9.9.9" }\n')
    subprocess.check_call([AGENT, "--root", proxy.root, "--service-manager", "/bin/true", "proxy"])
    ok('http = "127.9.9.9:7474"' in proxy.read("etc/bramble/proxy.conf"), "a member has another address")
    code, text = pc.run("apply", "--check", "c.conf")
    ok(code == 0 and "nothing changes" in text, "which is no change: " + text.strip())
    return before


def move_back(proxy, before):
    ok('http = "127.9.9.9:7474"' in proxy.read("etc/bramble/proxy.conf"),
       "the proxy still knows where that member is")
    os.unlink(os.path.join(proxy.root, "run/bramble/addresses"))
    proxy.write("etc/bramble/proxy.conf", before)


def test_replace(pc):
    """Of nodes that are there."""
    for name, state in (("pi1", "serving"), ("pi4", "idle")):
        code, text = pc.run("node", "replace", "c.conf", name)
        ok(code == 1 and "%s is there and %s; nothing has to be replaced" % (name, state) in text,
           "nothing to replace: " + text.strip())


def taken_late(pc, proxy):
    """To a node that has no room for it at first."""
    full = os.path.join(proxy.root, "run/bramble/full")
    room = os.statvfs(os.path.dirname(full))
    with open(full, "wb") as f:
        f.write(bytes((room.f_bavail - 16) * room.f_bsize))
    p = subprocess.Popen([BRAMBLE, "apply", "c.conf"], cwd=pc.dir, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = []
    for line in p.stdout:
        lines.append(line)
        if "no room" in line and os.path.exists(full):
            os.unlink(full)
    ok(any("pi4: " in line and "no room: 64 KiB are free" in line for line in lines),
       "a node without room for it says so")
    ok(p.wait() == 0, "a file of an overlay is taken over: " + lines[-1].strip())


def test_quiet(pc, nodes, top):
    before = [len(n.starts()) for n in nodes]
    conf = move_member(pc, nodes[3])
    pc.write(nodes, text="two")
    with open(pc.large, "wb") as f:
        f.write(os.urandom(9 << 20))
    code, text = pc.run("apply", "--check", "--diff", "c.conf", "pi1")
    ok(code == 1 and "-one on pi1" in text and "+two on pi1" in text and "pi2" not in text,
       "--check tells what would change on the node that is named")
    ok(not os.path.exists(os.path.join(nodes[0].store, "apply/3.list")), "and nothing was sent")
    taken_late(pc, nodes[3])
    move_back(nodes[3], conf)
    ok(all(n.read("etc/motd.d/garden") == "two on %s\n" % n.name for n in nodes), "on every node")
    with open(pc.large, "rb") as f:
        want = f.read()
    ok(all(open(os.path.join(n.root, "etc/large.bin"), "rb").read() == want for n in nodes[:3]),
       "and a large one on those that are to have it")
    ok(before == [len(n.starts()) for n in nodes] and not any(n.read("stops") for n in nodes),
       "and no Neo4j was restarted for it")
    ok(pc.run("build", "c.conf")[0] == 0, "cards are built")
    ok([same_as_card(pc, n, top) for n in nodes] == [[]] * 4, "which have the same bytes")


def test_setting(pc, nodes, top):
    data = nodes[:3]
    pc.write(nodes, 'neo4j_settings = { "dbms.transaction.timeout=77s" }', "two",)
    master = [n for n in data if n.mock.role == "master"][0]
    code, text = pc.run("apply", "c.conf")
    ok(code == 0, "a setting of Neo4j's is taken over: " + text.splitlines()[-1])
    ok(all("timeout=77s" in n.conf() for n in data), "on every data node")
    ok(all(len(n.read("stops").splitlines()) == 1 for n in data), "each was restarted once")
    times = sorted((os.stat(os.path.join(n.root, "stops")).st_mtime, n.name) for n in data)
    ok(times[-1][1] == master.name, "the master, " + master.name + ", last: " + ", ".join(n for _, n in times))
    pc.run("build", "c.conf")
    ok([same_as_card(pc, n, top) for n in nodes] == [[]] * 4, "a card built now has the same bytes")


def test_absent(pc, nodes):
    """What would change on a node that is off is known by what all run."""
    lines, pi4 = 'neo4j_settings = { "dbms.transaction.timeout=77s" }', nodes[3]
    pi4.end_for_good()
    code, text = pc.run("apply", "--check", "c.conf")
    ok(code == 0 and "pi4: cannot be reached; nothing changes" in text, "a node that is off: nothing would change there")
    pc.write(nodes, lines + "\nproxy { maxconn = 777 }", "two")
    code, text = pc.run("apply", "--check", "c.conf")
    ok(code == 1 and "pi4: cannot be reached; takes it over" in text and "pi1: nothing changes" in text,
       "what changes nothing but there is seen")
    pc.write(nodes, lines, "two")
    pi4.start()


def test_broken(pc, nodes):
    data = nodes[:3]
    good = [n.conf() for n in data]
    stops = [len(n.read("stops").splitlines()) for n in data]
    pc.write(nodes, 'neo4j_settings = { "dbms.transaction.timeout=broken" }', "three")
    new = os.path.join(pc.dir, "overlay", DROP_IN)
    os.makedirs(os.path.dirname(new))
    with open(new, "w") as f:
        f.write("[Service]\nEnvironment=HOME=/\n")
    code, text = pc.run("apply", "c.conf")
    shutil.rmtree(os.path.dirname(new))
    ok(code == 1 and "was withdrawn" in text and "Neo4j ended 2 times" in text,
       "one on which Neo4j does not start is withdrawn: " + text.splitlines()[-1])
    ok(not os.path.exists(os.path.join(pc.dir, "c.state", "conf.hash")), "the next build will not have its number")
    ok(settled(data), "all serve")
    ok([n.conf() for n in data] == good, "with the bytes they had")
    ok(sum(len(n.read("stops").splitlines()) - s for n, s in zip(data, stops)) >= 1 and
       sum(n.read("starts").count("start") for n in data) == 3 + 3 + 2 + 1,
       "one node has tried it, twice; nobody else was touched")
    ok(all(n.read("etc/motd.d/garden").startswith("two") and not os.path.exists(os.path.join(n.root, DROP_IN))
           for n in nodes), "no file of it is left, nor in a folder that was not there")


def in_the_way(path):
    """A folder where a file is to come back."""
    os.unlink(path)
    os.mkdir(path)


def get_stuck(pc, nodes, neo4j, *barred):
    """One comes up on one node, not on the next, and there the way back is barred by `barred`."""
    neo4j.first = None
    pc.write(nodes, 'neo4j_settings = { "dbms.transaction.timeout=second" }', "late")
    p = subprocess.Popen([BRAMBLE, "apply", "c.conf"], cwd=pc.dir, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_for(lambda: neo4j.first and "late" in neo4j.first.read("etc/motd.d/garden"), 60)
    first = neo4j.first
    paths = [os.path.join(first.root, "etc/motd.d", name) for name in barred]
    for path in paths:
        in_the_way(path)
    text = p.communicate(timeout=240)[0]
    ok(p.returncode == 1 and "was withdrawn" in text, "one that came up only on %s is withdrawn: " % first.name +
       text.splitlines()[-1])
    ok(wait_for(lambda: "back is tried again: " in first.why() and "etc/motd.d/" + barred[0] in first.why(), 60),
       "%s cannot take it back, and says so: " % first.name + first.why())
    return first, paths


def test_stuck(pc, nodes, neo4j):
    """The way back is barred for a while."""
    data = nodes[:3]
    good = [n.conf() for n in data]
    first, [barred] = get_stuck(pc, nodes, neo4j, "garden")
    ups, began = len(first.starts()), time.monotonic()
    pc.write(nodes, neo4j="newer.tar.gz")
    code, text = pc.run("build", "c.conf")
    said = []

    def refused():
        said[:] = pc.run("upgrade", "--no-backup", "c.conf")
        return said[0] == 1 and "%s runs generation" % first.name in said[1]
    ok(code == 0 and wait_for(refused, 60), "no upgrade begins meanwhile: " + said[1].splitlines()[-1])
    time.sleep(max(0, began + 10 - time.monotonic()))
    ok(len(first.starts()) <= ups + 1, "which it does not try all the time")
    os.rmdir(barred)
    ok(wait_for(lambda: [n.conf() for n in data] == good and os.path.exists(barred), 120),
       "when nothing is in the way any more it takes it back")
    ok(settled(nodes) and "tried again" not in first.why(), "all serve")
    ok(all(n.read("etc/motd.d/garden").startswith("two") for n in nodes), "no file of it is left")


def out_of_the_way(path):
    """What was left there is there again."""
    os.rmdir(path)
    with open(path, "w") as f:
        f.write("late\n")


def test_stuck_newer(pc, nodes, neo4j):
    """A newer one comes while one is to be taken back: it fails of the same, and then one does not."""
    data = nodes[:3]
    good = [n.conf() for n in data]
    only = os.path.join(pc.dir, "overlay/etc/motd.d/only")
    with open(only, "w") as f:
        f.write("late\n")
    first, paths = get_stuck(pc, nodes, neo4j, "garden", "only")
    first.write("etc/bramble/settings.conf", 'hostname = "kitchen"\n', 0o600)
    os.unlink(only)
    pc.write(nodes, 'neo4j_settings = { "dbms.transaction.timeout=80s" }', "newer")
    code, text = pc.run("apply", "c.conf")
    ok(code == 1 and "was withdrawn" in text, "a newer one that fails of it, too: " + text.splitlines()[-1])
    ok("kitchen" in first.read("etc/hosts"), "in /etc/hosts there is the name of bramble.txt all the same")
    os.unlink(os.path.join(first.root, "etc/bramble/settings.conf"))
    first.end_for_good()
    for path in paths:
        out_of_the_way(path)
    first.start()
    ok(wait_for(lambda: [n.conf() for n in data] == good and not os.path.exists(paths[1]), 90),
       "an agent that begins anew takes back both, to what there was before")
    ok(settled(nodes) and all(n.read("etc/motd.d/garden").startswith("two") for n in nodes), "on all, which serve")

    with open(only, "w") as f:
        f.write("late\n")
    first, paths = get_stuck(pc, nodes, neo4j, "only")
    os.unlink(only)
    out_of_the_way(paths[0])
    pc.write(nodes, 'neo4j_settings = { "dbms.transaction.timeout=80s" }', "newer")
    code, text = pc.run("apply", "c.conf")
    ok(code == 0 and all("timeout=80s" in n.conf() for n in data), "one that does not: " + text.splitlines()[-1])
    ok(not os.path.exists(paths[0]), "has what only the failed one had removed")


def test_away(pc, nodes, neo4j):
    """One comes up on a node that is away when it is withdrawn, and is there again for the next one, which it cannot
    take and which is withdrawn, too."""
    data = nodes[:3]
    good = [n.conf() for n in data]
    neo4j.first = None
    pc.write(nodes, 'neo4j_settings = { "dbms.transaction.timeout=second" }', "late")
    p = subprocess.Popen([BRAMBLE, "apply", "c.conf"], cwd=pc.dir, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_for(lambda: sum("timeout=second" in n.conf() for n in data) == 2, 90)
    first = neo4j.first
    first.end_for_good()
    text = p.communicate(timeout=240)[0]
    ok(p.returncode == 1 and "was withdrawn" in text, "one is withdrawn while %s is away: " % first.name +
       text.splitlines()[-1])
    pc.write(nodes, 'neo4j_settings = { "dbms.transaction.timeout=broken" }', "later")
    p = subprocess.Popen([BRAMBLE, "apply", "c.conf"], cwd=pc.dir, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    number = ""
    for line in p.stdout:
        if "renders generation" in line:
            number = line.split()[-1]
        if "is to run it" in line:
            break
    barred = os.path.join(first.store, "apply", number + ".list")
    os.mkdir(barred)
    first.start()
    text = p.communicate(timeout=240)[0]
    ok(p.returncode == 1 and "was withdrawn" in text and "timeout=second" in first.conf(),
       "so is the next one, which it cannot take: " + text.splitlines()[-1])
    os.rmdir(barred)
    ok(wait_for(lambda: first.conf() in good, 60), "it goes back to what the others run")
    ok(settled(nodes) and [n.conf() for n in data] == good, "and all serve")


def test_old_card(pc, nodes, old):
    pi3 = nodes[2]
    pc.write(nodes, 'neo4j_settings = { "dbms.transaction.timeout=78s" }', "four")
    code, text = pc.run("apply", "c.conf")
    ok(code == 0, "the next one is good: " + text.splitlines()[-1])
    pi3.end_for_good()
    pi3.stop_helper()
    pi3.write("unit.state", "inactive\n")
    pi3.lay(old)
    ok("timeout=78s" not in pi3.conf(), "a card of the first generation, flashed with --keep-data,")
    pi3.start()
    ok(wait_for(lambda: "timeout=78s" in pi3.conf(), 60), "takes the newest one from the others")
    ok(settled(nodes), "and serves with it")
    if at.failed:
        at.show_logs(nodes)
        print([n.why() for n in nodes])
        raise SystemExit(1)
    ok(pi3.read("etc/motd.d/garden") == "four on pi3\n" and
       all("timeout=78s" in n.conf() for n in nodes[:3]), "and undoes nothing")


def test_newer_card(pc, nodes):
    """Its power went while it took one over, and the card that comes was built with a newer one."""
    pi3, lines = nodes[2], 'neo4j_settings = { "dbms.transaction.timeout=78s" }'
    pc.write(nodes, lines + "\nproxy { maxconn = 777 }", "newer card")
    code, text = pc.run("build", "c.conf")
    pi3.end_for_good()
    pi3.stop_helper()
    pi3.write("unit.state", "inactive\n")
    path = os.path.join(pi3.store, "apply/state.json")
    with open(path) as f:
        state = json.load(f)
    state.update(phase=2, serial=123456, neo4j=True, back=False, failed=0,
                 generation=json.loads(nodes[0].read("var/lib/bramble/installed.json"))["generation"])
    with open(path, "w") as f:
        json.dump(state, f)
    pi3.lay(pc.image(pi3))
    pi3.start()
    ok(code == 0 and settled(nodes), "a newer card in the midst of a rollout: all serve")
    with open(path) as f:
        state = json.load(f)
    ok(state["phase"] == 0 and state["failed"] == 0, "what it overtook has not failed: " + repr(state))
    ok([n.read("etc/motd.d/garden").split(" on")[0] for n in nodes] == ["four", "four", "newer card", "four"],
       "the others keep theirs")


def apply_until(pc, words):
    """An apply that has said them."""
    # A cache of its own: who is stopped while it renders has it locked.
    own = {**os.environ, "BRAMBLE_CACHE": os.path.join(pc.dir, "cache")}
    p = subprocess.Popen([BRAMBLE, "apply", "c.conf"], cwd=pc.dir, env=own, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for line in p.stdout:
        if words in line:
            break
    return p


def stopped_before_it_gives(pc):
    """An apply that has chosen its number and waits."""
    p = apply_until(pc, "renders generation")
    p.send_signal(signal.SIGSTOP)
    return p


def give_to_one(pc):
    """And is gone."""
    p = apply_until(pc, "go on by themselves")
    p.kill()
    p.wait()


def is_refused(p, words):
    p.send_signal(signal.SIGCONT)
    text = p.communicate(timeout=240)[0]
    ok(p.returncode == 5 and words in text and "runs it" not in text,
       "the second is refused: " + "".join(line for line in text.splitlines() if "already" in line))


def test_two_pcs(pc, nodes):
    """Both have asked which number is the next one; one gives its list, then the other one."""
    lines = 'neo4j_settings = { "dbms.transaction.timeout=78s" }'
    other = pc.copy()
    pc.write(nodes, lines, "first")
    other.write(nodes, lines, "second")
    p = stopped_before_it_gives(other)
    code, text = pc.run("apply", "c.conf")
    ok(code == 0, "of two PCs that chose one number the first takes all over: " + text.splitlines()[-1])
    is_refused(p, "is here already")
    ok(all(n.read("etc/motd.d/garden").startswith("first") for n in nodes), "and nothing of it is anywhere")


def test_two_nodes(pc, nodes):
    """The same, to two nodes, the second of which has only heard of the first's list."""
    lines = 'neo4j_settings = { "dbms.transaction.timeout=80s" }'
    other = pc.copy()
    pc.write(nodes, lines, "left")
    other.write(nodes[::-1], lines, "right")
    p = stopped_before_it_gives(other)
    secrets = [os.path.join(n.root, "etc/bramble/cluster.secret") for n in nodes[1:]]
    for secret in secrets:  # which those who fetch it need
        os.rename(secret, secret + ".away")
    give_to_one(pc)
    ok(wait_for(lambda: all("cluster.secret: No such file" in n.read("log") for n in nodes[1:3])),
       "the others hear of a list that they cannot get")
    is_refused(p, "pi1 has a generation")
    for secret in secrets:
        os.rename(secret + ".away", secret)
    ok(wait_for(lambda: all("timeout=80s" in n.conf() for n in nodes[:3]), 90) and settled(nodes),
       "they get it when they can")
    ok(wait_for(lambda: all(n.read("etc/motd.d/garden").startswith("left") for n in nodes)),
       "and nothing of the second")


def test_half_way(pc, nodes):
    """The PC gives it to one node and is gone."""
    pc.write(nodes, 'neo4j_settings = { "dbms.transaction.timeout=79s" }', "five")
    give_to_one(pc)
    ok(wait_for(lambda: all("timeout=79s" in n.conf() for n in nodes[:3]), 90),
       "a PC that leaves when one node has it stops nothing")
    ok(settled(nodes), "all serve")


def test_refused(pc, nodes):
    lines = 'neo4j_settings = { "dbms.transaction.timeout=79s" }'
    for more, why in (('size = "32GB"', "size cannot change"), ('reserved_end = "1GiB"', "reserved_end"),
                      ('neo4j_auth = "password"', "neo4j_auth cannot")):
        pc.write(nodes, lines + "\n" + more, "five")
        code, text = pc.run("apply", "c.conf")
        ok(code == 3 and why in text and "bramble" in text, "refused: " + text.splitlines()[-1])
    pc.write(nodes[:1] + nodes[3:], lines, "five")
    code, text = pc.run("apply", "c.conf")
    ok(code == 3 and "one at a time" in text, "two at once do not leave: " + text.splitlines()[-1][:90])
    for n in (nodes[1], nodes[3]):
        was, n.address = n.address, n.address.rsplit(".", 1)[0] + ".99"
        pc.write(nodes, lines, "five")
        code, text = pc.run("apply", "c.conf")
        n.address = was
        ok(code == 3 and n.name + ": cannot be reached, and has another address" in text,
           "nor does one get another address: " + text.splitlines()[-1][:90])
    pc.write(nodes, lines, "six")
    key = os.path.join(pc.dir, "c.state/apply.key")
    with open(key) as f:
        mine = f.read()
    os.unlink(key)
    code, text = pc.run("apply", "c.conf")
    ok(code == 3 and "no apply.key" in text and "rebuilt from cards" in text and "flash all cards once" in text,
       "who has none, as after recover-state: " + text.splitlines()[-1])
    with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
        f.write("12" * 32 + "\n")
    code, text = pc.run("apply", "c.conf")
    ok(code == 1 and "not signed with the key" in text, "who has another key: " + text.splitlines()[-1])
    with open(key, "w") as f:
        f.write(mine)


def test_members(pc, nodes):
    """pi2 leaves: its Neo4j stops, nobody waits for it any more."""
    lines = 'neo4j_settings = { "dbms.transaction.timeout=79s" }'
    rest = [n for n in nodes if n.name != "pi2"]
    if nodes[1].mock.role == "master":
        ok(True, "pi2 is master")  # then the other one leaves
        rest = [n for n in nodes if n.name != "pi3"]
    gone = [n for n in nodes if n not in rest][0]
    rest[0].write("etc/bramble/settings.conf", 'hostname = "kitchen"\n', 0o600)
    pc.write(rest, lines, "five")
    code, text = pc.run("node", "remove", "c.conf", "pi9")
    ok(code == 3 and '"%s", which is a member; it is not "pi9"' % gone.name in text, "not the one that a slip names: " + text)
    code, text = pc.run("node", "remove", "c.conf", gone.name)
    ok(code == 0, "one leaves: " + text.splitlines()[-1])
    ok(wait_for(lambda: "removed from the cluster" in gone.why()), "and knows it: " + gone.why())
    ok(wait_for(lambda: gone.read("unit.state") != "active\n"), "its Neo4j was stopped")
    ok(all('"%s"' % gone.name not in n.read("etc/bramble/node.conf") for n in rest),
       "the others' node.conf has it no more")
    hosts = rest[0].read("etc/hosts")
    ok(gone.name not in hosts and hosts.endswith("\n127.0.1.1\tkitchen\t# bramble.txt\n"),
       "nor /etc/hosts, where one keeps the name it has by bramble.txt")
    ok(settled(rest), "and they serve")
    code, text = pc.run("apply", "--check", "c.conf", rest[0].name)
    ok(code == 0 and "nothing changes" in text, "nothing is to change where one has such a name: " + text)
    pc.write(rest, lines, "six")
    code, text = pc.run("node", "remove", "c.conf", "pi9")
    ok(code == 1 and "the live cluster has no such node" in text, "nobody leaves by a name there is not: " + text)
    code, text = pc.run("node", "add", "c.conf", "pi4")
    ok(code == 1 and "pi4 is there already" in text, "nor comes a proxy that is there: " + text)
    ok(all(n.read("etc/motd.d/garden").startswith("five") for n in rest), "and no other change is sent along with either")


def life(top):
    pc = Pc(top)
    nodes = [Card(top, "pi%d" % i, i) for i in (1, 2, 3)] + [Card(top, "pi4", 4, "proxy")]
    pc.write(nodes)
    code, text = pc.run("build", "c.conf")
    if not ok(code == 0, "cards are built"):
        print("# " + text.replace("\n", "\n# "))
        return
    old = os.path.join(top, "old.img")
    shutil.copy(pc.image(nodes[2]), old)
    for n in nodes:
        os.makedirs(n.root)
        n.write("unit.state", "inactive\n")
        n.lay(pc.image(n))
        if n.role != "data":
            subprocess.check_call(["mount", "-t", "tmpfs", "-o", "size=1m", "run",
                                   os.path.join(n.root, "run/bramble")])
        else:
            n.mount(open(os.path.join(pc.dir, "c.state/id")).read().strip(), size="64m")
    neo4j = Life(nodes)
    try:
        for n in nodes:
            n.start()
        neo4j.start()
        if not ok(settled(nodes), "a cluster forms"):
            return
        test_nothing(pc, nodes)
        test_replace(pc)
        test_quiet(pc, nodes, top)
        test_setting(pc, nodes, top)
        test_absent(pc, nodes)
        test_broken(pc, nodes)
        test_stuck(pc, nodes, neo4j)
        test_stuck_newer(pc, nodes, neo4j)
        test_away(pc, nodes, neo4j)
        test_old_card(pc, nodes, old)
        test_newer_card(pc, nodes)
        test_two_pcs(pc, nodes)
        test_two_nodes(pc, nodes)
        test_half_way(pc, nodes)
        test_refused(pc, nodes)
        test_members(pc, nodes)
    finally:
        neo4j.over = True
        neo4j.join()
        if at.failed:
            at.show_logs(nodes)
        for n in nodes:
            n.clean()


def main():
    if os.geteuid() != 0 or not shutil.which("debugfs") or not shutil.which("mcopy"):
        print("1..0 # SKIP owners of files need root, cards e2fsprogs and mtools")
        return False
    at.enter_namespace()
    at.PASSWORD = ""
    top = tempfile.mkdtemp(prefix="bramble-apply-")
    try:
        life(top)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print("1..%d" % at.count)
    return at.failed != 0


sys.exit(main())
