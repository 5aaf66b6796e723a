#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The floating address of three proxies, in namespaces on one bridge with a client.  Prints TAP.

Real agents, helpers, interfaces and ARP. The proxies are MOCKS: something that answers on the
stats port. Neo4j does not run here. Without the right to make namespaces all is skipped.

usage: vip_test.py [path of bramble-agent]
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import agent_test as t  # noqa: E402
import discover_test as d  # noqa: E402
from agent_test import ok, wait_for  # noqa: E402
from discover_test import sh  # noqa: E402

LONG = "enx001122334455"  # as a USB adapter's: a label has no room for more than the name
VIP, OTHER_VIP, NET = "192.168.86.50", "192.168.86.51", "192.168.86"
LIFETIME_S = 15  # of the address, unless it is renewed
SILENT_S = 10  # as a power cut: 3 s until the others miss it, and what a busy machine adds

PROXY = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
"""
# Prints each moment at which an agent answered at the floating address.
CLIENT = """
import socket, sys, time
while True:
    try:
        socket.create_connection((sys.argv[1], 7470), timeout=0.2).close()
        print("%.3f" % time.monotonic(), flush=True)
    except OSError:
        pass
    time.sleep(0.02)
"""


class Node(d.Node):
    def __init__(self, top, name, number, role, space=None, serial=None, interface="eth0"):
        self.interface = interface
        super().__init__(top, name, number, role, space, serial)
        self.proxy = None
        self.move("%s.%d/24" % (NET, 10 + number))

    def member(self):
        return 'member "%s" { id = %d  roles = {"%s"}  address = "%s" }\n' % (
            self.name, self.id, self.role, self.address)

    def prepare(self, nodes):
        super().prepare(nodes)
        conf = self.read("etc/bramble/node.conf")
        self.write("etc/bramble/node.conf",
                   conf.replace("generation = 1", 'generation = 1  vip = "%s"' % VIP))

    def start_helper(self):
        if not self.helper:
            self.helper = subprocess.Popen(
                ["ip", "netns", "exec", self.space, t.AGENT, "--root", self.root,
                 "--service-manager", os.path.join(self.root, "systemctl"), "--nft",
                 os.path.join(self.root, "nft"), "--vip-interface", self.interface, "helper"])
            wait_for(lambda: os.path.exists(os.path.join(self.root, "run/bramble-helper")))

    def start_proxy(self):
        """Comes back when its agent and the others know that it stands for the address."""
        self.proxy = subprocess.Popen(
            ["ip", "netns", "exec", self.space, sys.executable, "-c", PROXY])
        known = self.read("log").count("proxy: answers")
        wait_for(lambda: self.read("log").count("proxy: answers") > known)
        t.rounds(self)

    def stop_proxy(self):
        if self.proxy:
            self.proxy.kill()
            self.proxy.wait(10)
            self.proxy = None

    def has(self, vip=VIP):
        return vip in subprocess.check_output(
            ["ip", "-n", self.space, "addr", "show", self.interface], text=True)

    def change(self, before, after):
        """In its node.conf, as another generation does."""
        conf = self.read("etc/bramble/node.conf")
        self.write("etc/bramble/node.conf.new", conf.replace(before, after))
        os.rename(os.path.join(self.root, "etc/bramble/node.conf.new"),
                  os.path.join(self.root, "etc/bramble/node.conf"))

    def vip(self):
        return self.cluster().get("vip")

    def close(self):
        self.stop_proxy()
        self.clean()


def holders(nodes, vip=VIP):
    return [n.name for n in nodes if n.has(vip)]


def mac(space, *words):
    out = subprocess.check_output(["ip", "-n", space, *words], text=True).split()
    key = "lladdr" if "neigh" in words else "link/ether"
    return out[out.index(key) + 1] if key in out else ""


def client_knows(node):
    return mac("client", "neigh", "show", VIP) == mac(node.space, "link", "show", node.interface)


class Client:
    """Connects to the floating address all the while."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", "client", sys.executable, "-c", CLIENT, VIP],
            stdout=subprocess.PIPE, text=True)
        self.first = float(self.process.stdout.readline())

    def gap(self):
        """Seconds of the longest time without an answer, until now; ends the client."""
        begin = time.monotonic()
        times = [self.first, float(self.process.stdout.readline())]
        while times[-1] < begin:
            times.append(float(self.process.stdout.readline()))
        self.process.kill()
        self.process.wait(10)
        return max(b - a for a, b in zip(times, times[1:]))


def moves(nodes, to, how, text):
    """how() takes the address from its holder; it is at `to`, alone, and clients find it there."""
    client = Client()
    how()
    moved = wait_for(lambda: holders(nodes) == [to.name] and client_knows(to))
    gap = client.gap()
    ok(moved, "%s: %s has it, %.1f s without an answer" % (text, to.name, gap))
    return gap


def test_begin(data, nodes):
    px1, px2, px3 = nodes
    for n in [data, *nodes]:
        n.start()
    for n in nodes[1:]:
        n.start_proxy()
    ok(wait_for(lambda: holders(nodes) == ["px2"]), "the first by name that has a proxy takes it")
    ok("scope link" in next(line for line in subprocess.check_output(
        ["ip", "-n", px2.space, "addr"], text=True).splitlines() if VIP + "/" in line), "no address to be published")
    ok("eth0:bvip" in subprocess.check_output(["ip", "-n", px2.space, "addr"], text=True),
       "marked, for whatever agent comes next")
    ok(wait_for(lambda: data.vip() == {"address": VIP, "at": "px2"}), "all say who has it")
    ok(not data.has(), "a node without a proxy never does")
    px1.start_proxy()
    ok(holders(nodes) == ["px2"], "one that comes back does not take it away")
    _, text = px2.request("/metrics")
    ok("bramble_vip_held 1\n" in text and "bramble_vip_held 0\n" in px3.request("/metrics")[1],
       "metrics")


def test_moves(data, nodes):
    px1, px2, px3 = nodes
    gap = moves(nodes, px1, px2.stop_proxy, "without its proxy")
    ok(gap < SILENT_S, "soon")
    out = subprocess.check_output(["ip", "-n", px1.space, "addr", "show", LONG], text=True)
    ok("/%s:bvip" % out.split(":")[0] in out, "marked with its interface's number, for the name is too long")
    px2.start_proxy()
    moves(nodes, px2, px1.stop, "an agent that ends in order gives it away")
    px1.start()
    wait_for(lambda: data.sees(px1).get("present"))
    t.rounds(px1, 5)
    ok(holders(nodes) == ["px2"], "and leaves it there when it is back")
    gap = moves(nodes, px1, lambda: sh("ip", "link", "set", "v" + px2.space, "down"),
                "a node whose cable is pulled loses it")
    ok(gap < SILENT_S, "within %d s" % SILENT_S)
    ok(not px2.has(), "and gives it up itself, for it hears no majority")
    sh("ip", "link", "set", "v" + px2.space, "up")
    wait_for(lambda: data.sees(px2).get("present"))
    t.rounds(px1)
    ok(holders(nodes) == ["px1"], "healed, it stays where it is")


def test_agent_dies(data, nodes):
    px1 = nodes[0]
    client = Client()
    px1.stop(signal.SIGKILL)
    px1.start()
    wait_for(lambda: px1.sees(px1).get("present"))
    t.rounds(px1, 5)
    ok(holders(nodes) == ["px1"], "an agent that is killed and started again keeps it")
    gap = client.gap()
    ok(gap < 3, "all the while: %.1f s without an answer" % gap)
    sh("ip", "-n", px1.space, "addr", "del", VIP + "/32", "dev", px1.interface)
    ok(wait_for(px1.has), "somebody else took it off the interface: it is put back")
    ok(not wait_for(lambda: not px1.has(), LIFETIME_S + 2), "there it stays")
    px1.stop(signal.SIGKILL)
    ok(wait_for(lambda: not px1.has(), LIFETIME_S + 2) and len(holders(nodes)) == 1,
       "a node whose agent is gone for good does not keep it beside another one")
    px1.start()
    wait_for(lambda: data.sees(px1).get("present"))
    data.stop()
    ok(wait_for(lambda: holders(nodes) == []), "without a majority of the voters nobody has it")
    data.start()
    ok(wait_for(lambda: len(holders(nodes)) == 1), "with one somebody has")


def take_over(nodes, before, after):
    """All have another node.conf, and agents that begin with it: those before them end as at once."""
    for n in nodes:
        n.change(before, after)
    for n in nodes:
        n.stop(signal.SIGKILL)
        n.start()


def with_vip(address):
    return ' vip = "%s"' % address


def test_changes(data, nodes):
    everybody = [data, *nodes]
    holder = next(n for n in nodes if n.has())
    ok(holder.interface == LONG, "one whose interface has a long name has it")
    holder.stop_helper()
    take_over(everybody, with_vip(VIP), with_vip(OTHER_VIP))
    ok(wait_for(lambda: len(holders(nodes, OTHER_VIP)) == 1 and not holders(nodes)),
       "another vip: one has it, and nobody the one before")
    ok(wait_for(lambda: "%s: taken off" % VIP in holder.read("log")), "which is told")
    for n in everybody:
        n.change(with_vip(OTHER_VIP), with_vip(VIP))
    holder = next(n for n in nodes if n.has(OTHER_VIP))
    holder.stop()
    ok(not holder.has(OTHER_VIP), "an agent that ends in order under the next one leaves none")
    take_over(everybody, "", "")
    ok(wait_for(lambda: len(holders(nodes)) == 1 and not holders(nodes, OTHER_VIP)),
       "nor do the others")
    take_over(everybody, with_vip(VIP), "")
    ok(wait_for(lambda: not holders(nodes)), "none any more: nobody has it")
    ok(all(n.has(n.address) for n in everybody), "all have their own")


def test_no_proxy(data, nodes):
    everybody = [data, *nodes]
    take_over(everybody, "generation = 1 ", "generation = 1 " + with_vip(VIP))
    wait_for(lambda: len(holders(nodes)) == 1)
    holder = next(n for n in nodes if n.has())
    proxy = 'member "%s" { id = 0  roles = {"proxy"}' % holder.name
    holder.write("etc/bramble/neo4j.password", t.PASSWORD + "\n", 0o600)
    holder.change("node {", 'neo4j { version = "3.5.0-beta03"  profile = "3.x-ha" }\nnode {')
    take_over(everybody, proxy, proxy.replace("id = 0", "id = 9").replace("proxy", "arbiter"))
    ok(wait_for(lambda: len(holders(nodes)) == 1 and not holder.has()),
       "a node that is no proxy any more leaves it to another")
    holder.change(with_vip(VIP), "")
    holder.ip("addr", "add", VIP + "/32", "dev", holder.interface)
    holder.stop()
    holder.start()
    t.rounds(holder)
    ok(holder.has(), "an address of somebody else's is left alone")


def test_copy(top, data, nodes):
    """Another Pi with a copy of px1's card, which has an address of its own."""
    everybody = [data, *nodes]
    copy = Node(os.path.join(top, "copy"), "px1", 8, "proxy", space="copy", serial="deadbeef")
    try:
        copy.prepare(everybody)
        copy.write("etc/bramble/node.conf", nodes[0].read("etc/bramble/node.conf"))
        copy.start()
        copy.start_proxy()
        ok(wait_for(lambda: data.sees(nodes[0]).get("copy") == copy.address),
           "a copy of a proxy's card is refused")
        for n in nodes:
            n.stop_proxy()
        ok(wait_for(lambda: not holders(nodes)), "the others have no proxy any more")
        t.rounds(copy, 10)
        ok(not copy.has(), "the copy does not take the floating address")
        nodes[0].start_proxy()
        ok(wait_for(lambda: holders([*nodes, copy]) == ["px1"] and not copy.has()),
           "the node itself does")
        for n in nodes[1:]:
            n.start_proxy()
    finally:
        copy.close()


def play(top):
    sh("ip", "netns", "add", "client")
    sh("ip", "link", "add", "vclient", "type", "veth", "peer", "name", "eth0", "netns", "client")
    sh("ip", "link", "set", "vclient", "master", "br0", "up")
    sh("ip", "-n", "client", "addr", "add", NET + ".99/24", "dev", "eth0")
    sh("ip", "-n", "client", "link", "set", "eth0", "up")
    data = Node(top, "pi1", 1, "data")
    nodes = [Node(top, "px%d" % i, 1 + i, "proxy", serial="1000000%d" % i, interface=name)
             for i, name in ((1, LONG), (2, "eth0"), (3, "eth0"))]
    for n in [data, *nodes]:
        n.prepare([data, *nodes])
    data.mount()
    try:
        test_begin(data, nodes)
        test_moves(data, nodes)
        test_agent_dies(data, nodes)
        test_copy(top, data, nodes)
        test_changes(data, nodes)
        test_no_proxy(data, nodes)
    finally:
        if t.failed:
            for n in [data, *nodes]:
                print("# %s:\n%s" % (n.name, "".join("#   " + l for l in n.read("log")
                                                      .splitlines(True)[-30:])))
        for n in [data, *nodes]:
            n.close()


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
    sh("ip", "link", "add", "br0", "type", "bridge")
    sh("ip", "link", "set", "br0", "up")
    sh("ip", "addr", "add", NET + ".1/24", "dev", "br0")
    top = tempfile.mkdtemp(prefix="bramble-vip-")
    try:
        play(top)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print("1..%d" % t.count)
    return t.failed != 0


if __name__ == "__main__":
    sys.exit(main())
