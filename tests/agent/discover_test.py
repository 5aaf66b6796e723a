#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real agents in network namespaces on one bridge find each other.  Prints TAP.

No DHCP, no DNS, no way out: node.conf names no address, each node has what its interface got.
Neo4j does not run here; systemctl is a shell script (agent_test.py). Without the right to make
namespaces all is skipped.

usage: [MEASURE=1] [ONLY="small two given many board"] discover_test.py [path of bramble-agent]
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import agent_test as t  # noqa: E402
from agent_test import ok, wait_for  # noqa: E402

MANY = 64
NEIGHBOUR_ID = "ff112233445566778899aabbccddeeff"


def sh(*args):
    subprocess.check_call(args, stdout=subprocess.DEVNULL)


class Node(t.Node):
    """A machine: a namespace with one interface on the bridge."""
    interface = "eth0"

    def __init__(self, top, name, number, role="data", space=None, serial=None):
        super().__init__(top, name, number, role)
        self.space = space or name
        self.serial = serial
        self.address = None
        sh("ip", "netns", "add", self.space)
        sh("ip", "link", "add", "v" + self.space, "type", "veth", "peer", "name", self.interface,
           "netns", self.space)
        sh("ip", "link", "set", "v" + self.space, "master", "br0", "up")
        self.ip("link", "set", "lo", "up")
        self.ip("link", "set", self.interface, "up")

    def ip(self, *args):
        sh("ip", "-n", self.space, *args)

    def move(self, address):
        """As a DHCP server or RFC 3927 would have it."""
        self.ip("addr", "flush", "dev", self.interface)
        self.ip("addr", "add", address, "dev", self.interface)
        self.address = address.split("/")[0]

    def member(self):
        return 'member "%s" { id = %d  roles = {"%s"} }\n' % (self.name, self.id, self.role)

    def prepare(self, nodes, secret=t.SECRET, cluster=t.CLUSTER_ID):
        super().prepare(nodes, secret)
        conf = self.read("etc/bramble/node.conf").replace(t.CLUSTER_ID, cluster)
        self.write("etc/bramble/node.conf", conf)
        if self.serial:
            self.write("proc/device-tree/serial-number", self.serial + "\0")

    def start(self, before=""):
        log = open(os.path.join(self.root, "log"), "a")
        command = before + 'exec "$0" --root "$1" run'
        self.start_helper()
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", self.space, "sh", "-c", command, t.AGENT, self.root],
            stderr=log, stdout=log)
        log.close()

    def present(self):
        return sum(n["present"] for n in self.cluster()["nodes"])

    def at(self, other):
        return self.sees(other).get("address")

    def clean(self):
        super().clean()
        pids = subprocess.check_output(["ip", "netns", "pids", self.space], text=True)
        for pid in pids.split():  # avahi-daemon's
            subprocess.call(["kill", "-9", pid], stderr=subprocess.DEVNULL)
        sh("ip", "link", "del", "v" + self.space)  # the namespace goes later than it says
        sh("ip", "netns", "del", self.space)


def all_heard(nodes):
    return wait_for(lambda: all(n.present() == len(nodes) for n in nodes), 60)


def sent(node):
    """UDP datagrams its machine has sent."""
    text = subprocess.check_output(["ip", "netns", "exec", node.space, "cat", "/proc/net/snmp"],
                                   text=True)
    names, values = [line.split()[1:] for line in text.splitlines() if line.startswith("Udp:")]
    return int(dict(zip(names, values))["OutDatagrams"])


def cpu_ticks(node):
    """What its agent has used, in user mode and in the kernel."""
    with open("/proc/%d/stat" % node.process.pid) as f:
        return sum(int(x) for x in f.read().rsplit(")", 1)[1].split()[11:13])


def rss_kib(node):
    with open("/proc/%d/status" % node.process.pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


def spread(values, form):
    return "%s to %s" % (form % min(values), form % max(values))


def count_costs(nodes, seconds=60):
    """MEASURE=1: what docs/BENCHMARKS.md tells."""
    if not os.environ.get("MEASURE"):
        return
    time.sleep(5)
    before = [(sent(n), cpu_ticks(n)) for n in nodes]
    time.sleep(seconds)
    after = [(sent(n), cpu_ticks(n)) for n in nodes]
    messages = [(a[0] - b[0]) * 60 / seconds for a, b in zip(after, before)]
    percent = [(a[1] - b[1]) * 100 / os.sysconf("SC_CLK_TCK") / seconds
               for a, b in zip(after, before)]
    print("# each of %d sends %s messages a minute, takes %s %% of a core and %s MB"
          % (len(nodes), spread(messages, "%.0f"), spread(percent, "%.2f"),
             spread([rss_kib(n) / 1000 for n in nodes], "%.1f")))


def measure(nodes, what):
    begin = time.monotonic()
    for n in nodes:
        n.start()
    held = all_heard(nodes)
    ok(held, what)
    print("# %.1f s after the first of %d was started" % (time.monotonic() - begin, len(nodes)))


def close(nodes):
    if t.failed:
        t.show_logs(nodes[:4])
    for n in nodes:
        n.clean()


def machines(top, count, serials=False):
    nodes = [Node(top, "pi%d" % i, i, serial="1000000%d" % i if serials else None)
             for i in range(1, count + 1)]
    for n in nodes:
        n.prepare(nodes)
        n.mount()
    return nodes


def test_link_local(nodes, top):
    for n in nodes:
        n.move("169.254.%d.%d/16" % (17 * n.id, 3 * n.id))
    # A neighbour's cluster with the same names on the same switch.
    other = [Node(os.path.join(top, "other"), "pi%d" % i, i, space="other%d" % i) for i in (1, 2)]
    for n in other:
        n.prepare(other, "5b" * 32, NEIGHBOUR_ID)
        n.mount()
        n.move("169.254.200.%d/16" % n.id)
    try:
        measure(nodes, "on one switch with link-local addresses all find each other")
        measure(other, "and so does a neighbour's cluster with the same names")
        count_costs(nodes)
        pi1, pi2 = nodes[:2]
        ok(pi1.at(pi2) == pi2.address and pi1.at(pi1) == pi1.address,
           "/cluster tells where they are: %s" % pi1.at(pi2))
        ok(other[0].at(other[1]) == other[1].address, "the neighbours are with the neighbours")
        ok(all_heard(nodes), "the two stay apart")
    finally:
        close(other)


def hosts_of(node):
    node.write("opt/neo4j/conf/neo4j.conf",
               "ha.host.data=127.0.0.1:6001\nha.initial_hosts=127.0.0.1:5001\n")
    subprocess.call([t.AGENT, "--root", node.root, "hosts"])
    return node.read("opt/neo4j/conf/neo4j.conf").splitlines()


def test_moving(nodes):
    pi1, pi2 = nodes[:2]
    pi2.move("169.254.99.99/16")
    ok(wait_for(lambda: pi1.at(pi2) == "169.254.99.99" and pi2.at(pi2) == "169.254.99.99"),
       "a node with a new address is known there")
    for n in nodes:
        n.move("192.168.84.%d/24" % (100 + n.id))
    ok(wait_for(lambda: all(n.present() == len(nodes) and
                            all(n.at(m) == m.address for m in nodes) for n in nodes)),
       "all have new addresses at once, and find each other")
    ok(wait_for(lambda: pi1.starts()), "Neo4j is started")
    want = ["ha.host.data=192.168.84.101:6001",
            "ha.initial_hosts=" + ",".join("192.168.84.%d:5001" % (100 + n.id) for n in nodes)]
    ok(wait_for(lambda: hosts_of(pi1) == want), "with the addresses of now")
    ok(wait_for(lambda: all(n.address in pi1.read("nft.rules") for n in nodes)),
       "from which the firewall lets them in")


def remembers(node, other):
    return 'node "%s" { address = "%s" }' % (other.name, other.address) in node.read("srv/bramble/bramble.peers")


def test_remembered(nodes):
    ok(wait_for(lambda: all(remembers(n, m) for n in nodes for m in nodes if m is not n)), "p3 remembers the others")
    for n in nodes:
        n.stop()
        n.ip("link", "set", "eth0", "multicast", "off")
    measure(nodes, "without multicast they are found where they were")


def test_seeds(nodes):
    for n in nodes:
        n.stop()
        os.unlink(os.path.join(n.store, "bramble.peers"))
        n.write("etc/bramble/local.conf", 'seeds = {"%s"}\n' % nodes[0].address)
    measure(nodes[:2], "with a seed one finds that")
    for n in nodes[2:]:
        n.start()
    ok(wait_for(lambda: nodes[0].present() == len(nodes)), "which all find")


AVAHI = """[server]
host-name=%s
use-ipv6=no
allow-interfaces=eth0
enable-dbus=no
[rlimits]
"""
SERVICE = """<?xml version="1.0" standalone='no'?>
<!DOCTYPE service-group SYSTEM "avahi-service.dtd">
<service-group><name>%s</name><service><type>_bramble._udp</type><port>7471</port>
<txt-record>v=1</txt-record><txt-record>c=%s</txt-record><txt-record>n=%s</txt-record>
</service></service-group>
"""


def runs_avahi(node):
    try:
        with open("/proc/%d/root/run/avahi-daemon/pid" % node.process.pid) as f:
            return os.path.exists("/proc/" + f.read().strip())
    except OSError:
        return False


def test_avahi(nodes):
    """avahi-daemon in each namespace answers; the agents leave that to it."""
    for n in nodes:
        n.stop()
        os.unlink(os.path.join(n.root, "etc/bramble/local.conf"))
        os.unlink(os.path.join(n.store, "bramble.peers"))
        n.ip("link", "set", "eth0", "multicast", "on")
        n.write("avahi.conf", AVAHI % n.name)
        n.write("avahi/bramble.service", SERVICE % (n.name, t.CLUSTER_ID[:16], n.name))
        n.start('mkdir -p /run/avahi-daemon && mount -t tmpfs avahi /run/avahi-daemon && '
                'mount --bind "$1/avahi" /etc/avahi/services && '
                'avahi-daemon --no-drop-root --no-chroot -f "$1/avahi.conf" & sleep 1; ')
    ok(wait_for(lambda: all(runs_avahi(n) for n in nodes)), "avahi-daemon runs on each")
    ok(all_heard(nodes), "it tells them where the others are")
    ok(all(os.path.exists("/proc/%d" % n.process.pid) for n in nodes), "side by side")


def small(top):
    nodes = machines(os.path.join(top, "small"), 4)
    try:
        test_link_local(nodes, top)
        test_moving(nodes)
        test_remembered(nodes)
        test_seeds(nodes)
        if shutil.which("avahi-daemon"):
            test_avahi(nodes)
        else:
            t.count += 1
            print("ok %d - with avahi-daemon # SKIP it is not installed" % t.count)
    finally:
        close(nodes)


def add_wifi(node):
    """A second interface, on another network."""
    sh("ip", "link", "add", "w" + node.space, "type", "veth", "peer", "name", "wlan0", "netns", node.space)
    sh("ip", "link", "set", "w" + node.space, "master", "br1", "up")
    node.ip("link", "set", "wlan0", "up")
    node.ip("addr", "add", "192.168.85.%d/24" % node.id, "dev", "wlan0")


def agreed(nodes):
    """Where all are, if all say the same, and each has it itself."""
    views = {tuple(n.at(m) for m in nodes) for n in nodes}
    return len(views) == 1 and None not in list(views)[0] and list(views)[0]


def test_two_networks(top):
    """A Neo4j listens at one address: the others must know it by that, whatever way their hellos took."""
    sh("ip", "link", "add", "br1", "type", "bridge")
    sh("ip", "link", "set", "br1", "up")
    sh("ip", "addr", "add", "192.168.85.254/24", "dev", "br1")
    for name, wired, on_wifi in (("both", "10.84.0.%d/24", 3), ("one", "169.254.7.%d/16", 1)):
        nodes = machines(os.path.join(top, name), 3)
        for n in nodes:
            n.move(wired % n.id)
        for n in nodes[:on_wifi]:
            add_wifi(n)
        try:
            measure(nodes, "%d of three are on two networks" % on_wifi)
            ok(wait_for(lambda: all(n.starts() for n in nodes)), "Neo4j is started on each")
            places = agreed(nodes)
            ok(places, "all know each by one address: %s" % (places,))
            want = "ha.initial_hosts=" + ",".join("%s:5001" % p for p in places or ())
            ok(all(hosts_of(n) == ["ha.host.data=%s:6001" % p, want] for n, p in zip(nodes, places or ())),
               "which is the one that it listens at")
            if on_wifi == 1:
                # The others are not on it.
                ok(places and places[0] == nodes[0].address, "it is none that they could not reach")
                continue
            time.sleep(6)
            ok(agreed(nodes) == places, "and stays that, as long as Neo4j runs")
            pulled = "eth0" if places and places[1].startswith("10.") else "wlan0"
            nodes[1].ip("link", "set", pulled, "down")
            if pulled == "eth0":  # where this test asks it
                nodes[1].address = "192.168.85.2"
            ok(wait_for(lambda: agreed(nodes) and agreed(nodes)[1] != places[1]),
               "one that is left with the other network is there: %s" % (agreed(nodes),))
        finally:
            close(nodes)


def start_mixed(top):
    """Another cluster, the cards of which were all put into the wrong Pis."""
    nodes = [Node(os.path.join(top, "mixed"), "pi%d" % i, i, space="mixed%d" % i,
                  serial="2000000%d" % (i % 3 + 1)) for i in (1, 2, 3)]
    for n in nodes:
        n.prepare(nodes, "5b" * 32, NEIGHBOUR_ID)
        n.mount(cluster=NEIGHBOUR_ID)
        n.move("169.254.200.%d/16" % n.id)
        n.write("srv/bramble/bramble.serial", 'serial = "2000000%d"\n' % n.id)
        n.start()
    return nodes


def is_at_home(node):
    return 'serial = "%s"' % node.serial in node.read("srv/bramble/bramble.serial")


def test_board(top):
    """A card in another Pi; a copy of a living card; all cards mixed up."""
    mixed = []
    nodes = machines(os.path.join(top, "board"), 3, True)
    pi1, pi2, pi3 = nodes
    for n in nodes:
        n.move("169.254.1.%d/16" % n.id)
    copy = Node(os.path.join(top, "copy"), "pi3", 3, space="copy", serial="deadbeef")
    copy.prepare(nodes)
    copy.mount()
    copy.move("169.254.1.77/16")
    try:
        measure(nodes, "three Pis")
        ok('serial = "10000003"' in pi3.read("srv/bramble/bramble.serial"), "pi3 is pinned")
        shutil.copy(os.path.join(pi3.store, "bramble.serial"), copy.store)
        copy.start()
        ok(wait_for(lambda: "which is alive" in copy.why()), "a copy of its card: " + copy.why())
        ok(copy.state() == "held", "is held")
        t.rounds(pi1)
        ok(pi1.at(pi3) == pi3.address and pi1.sees(pi3)["present"], "the living one keeps its place")
        ok(wait_for(lambda: pi1.sees(pi3)["copy"] == copy.address), "the others tell of the copy")
        os.unlink(os.path.join(copy.store, "bramble.serial"))
        copy.stop()
        copy.start()
        ok(wait_for(lambda: "its card is a copy" in copy.why()),
           "an image written twice: the second one is held: " + copy.why())
        copy.stop()
        ok(wait_for(lambda: pi1.sees(pi3)["copy"] is None), "which is over when it is gone")
        shutil.copy(os.path.join(pi3.store, "bramble.serial"), copy.store)
        pi3.stop()
        copy.start()
        mixed = start_mixed(top)
        ok(wait_for(lambda: "has been silent" in copy.why()), "the card in another Pi: " + copy.why())
        ok(wait_for(lambda: all(n.state() == "held" for n in mixed)), "mixed up cards wait, too")
        begin = time.monotonic()
        ok(wait_for(lambda: copy.state() not in ("held", ""), 90), "takes its place in time")
        ok(time.monotonic() - begin > 30, "not at once")
        ok('serial = "deadbeef"' in copy.read("srv/bramble/bramble.serial"), "pinned anew")
        ok(wait_for(lambda: pi1.at(copy) == copy.address), "and the others know it there")
        ok(wait_for(lambda: all(is_at_home(n) and n.state() != "held" for n in mixed), 90),
           "those mixed up have all found a home: " + mixed[0].why())
        ok(" held: " not in copy.read("log").split("is in the Pi deadbeef now")[1],
           "none that did has to leave it again")
        pi3.start()
        ok(wait_for(lambda: "its card is a copy" in pi3.why() or "is alive" in pi3.why()),
           "the old one is refused: " + pi3.why())
    finally:
        close(nodes + [copy] + mixed)


class Given(Node):
    """A node whose address is in node.conf."""

    def member(self):
        return super().member().replace(" }", '  address = "%s" }' % self.address)


def comes_at(nodes, address, told, what):
    """pi2 boots there; told: its bramble.txt's word."""
    pi1, pi2, _ = nodes
    pi2.stop()
    pi2.move(address + "/24")
    pi2.write("etc/bramble/local.conf", 'address = "%s"\n' % told)
    pi2.start()
    ok(all_heard(nodes), what)
    ok(wait_for(lambda: pi1.at(pi2) == pi2.address), "and is known there")
    want = "ha.initial_hosts=" + ",".join(n.address + ":5001" for n in nodes)
    ok(wait_for(lambda: hosts_of(pi1)[1] == want and
                hosts_of(pi2) == ["ha.host.data=%s:6001" % pi2.address, want]),
       "which Neo4j is told, also of itself")


def inherits(nodes):
    """pi1 is dead, and pi2 gets its address, where the others still say hello to pi1."""
    pi1, pi2, pi3 = nodes
    pi1.stop()
    sh("ip", "-n", pi1.space, "link", "set", "eth0", "down")
    pi2.stop()
    wait_for(lambda: not pi3.sees(pi2).get("present"))
    pi2.move(pi1.address + "/24")
    pi2.write("etc/bramble/local.conf", 'address = "%s"\n' % pi1.address)
    pi2.start()
    ok(wait_for(lambda: pi3.sees(pi2).get("present") and pi2.sees(pi3).get("present")),
       "one that has a dead member's address now is heard, and hears")


def test_given(top):
    """All addresses are in node.conf, but bramble.txt gave pi2 another one."""
    nodes = [Given(os.path.join(top, "given"), "pi%d" % i, i) for i in (1, 2, 3)]
    for n in nodes:
        n.move("192.168.84.%d/24" % (20 + n.id))
    for n in nodes:
        n.prepare(nodes)
        n.mount()
    try:
        measure(nodes, "three with addresses in node.conf")
        ok(not any(os.path.exists(os.path.join(n.root, "run/bramble/addresses")) for n in nodes),
           "nothing is written about them")
        comes_at(nodes, "192.168.84.77", "192.168.84.77", "one at another address comes by itself")
        comes_at(nodes, "192.168.84.78", "dhcp",
                 "so does one that the network gave another one, as bramble.txt wants")
        inherits(nodes)
    finally:
        close(nodes)


def know_neighbours(nodes):
    """
    All namespaces share one kernel's table of 1024 neighbours, where 64 Pis have one each: entries
    that are permanent do not count.
    """
    for n in nodes:
        lines = ["link set dev eth0 address 02:00:00:00:00:%02x" % n_number(n)]
        lines += ["neigh replace 10.84.0.%d lladdr 02:00:00:00:00:%02x nud permanent dev eth0"
                  % (n_number(m), n_number(m)) for m in nodes if m != n]
        subprocess.run(["ip", "-n", n.space, "-batch", "-"], input="\n".join(lines), text=True,
                       check=True)


def test_many(top):
    roles = {1: "data", 2: "data", 3: "data"}
    nodes = [Node(os.path.join(top, "many"), "n%d" % i, i, roles.get(i, "proxy"))
             for i in range(1, MANY + 1)]
    for n in nodes:
        n.prepare(nodes)
        n.move("10.84.0.%d/24" % n_number(n))
    know_neighbours(nodes)
    try:
        measure(nodes, "%d agents find each other" % MANY)
        count_costs(nodes)
    finally:
        close(nodes)


def n_number(node):
    return int(node.name[1:])


def main():
    if os.environ.get("BRAMBLE_UNSHARED") != "net":
        unshare = ["unshare", "-mn"] if os.geteuid() == 0 else ["unshare", "-rmn"]
        probe = "mount -t tmpfs run /run && ip netns add x && ip link add br0 type bridge"
        if subprocess.call(unshare + ["sh", "-c", probe], stderr=subprocess.DEVNULL) != 0:
            print("1..0 # SKIP no network namespaces and bridges of one's own here")
            return 0
        os.environ["BRAMBLE_UNSHARED"] = "net"
        os.execvp(unshare[0], unshare + [sys.executable] + sys.argv)
    sh("mount", "-t", "tmpfs", "run", "/run")
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "link", "add", "br0", "type", "bridge")
    sh("ip", "link", "set", "br0", "up")
    for address in ("169.254.0.1/16", "192.168.84.1/24", "10.84.0.254/24"):
        sh("ip", "addr", "add", address, "dev", "br0")
    # What is measured is an agent's /run: in memory, as on a card.
    top = tempfile.mkdtemp(prefix="bramble-discover-", dir="/dev/shm" if os.environ.get("MEASURE") else None)
    only = os.environ.get("ONLY", "small given many board").split()
    try:
        for name, part in (("small", small), ("two", test_two_networks), ("given", test_given), ("many", test_many),
                           ("board", test_board)):
            if name in only:
                part(top)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print("1..%d" % t.count)
    return t.failed != 0


if __name__ == "__main__":
    sys.exit(main())
