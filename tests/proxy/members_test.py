#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Members come, go and move by the word of the agents while bramble-proxy serves. Prints TAP.

Members and agents are mocks (fake_member.py), each node on a loopback address of its own.

    members_test.py [NAME...]    only the tests whose name contains one of these
"""

import re
import sys
import threading
import time

import harness
from fake_member import FakeMember
from harness import Conn, Proxy, eventually, free_port, ok, same

WRITE = "X-Write: 1\r\n"
TX = "/db/data/transaction"


class Node:
    """A member and its agent on one address, both on the cluster's ports."""

    def __init__(self, cluster, i, host, role="slave", name=None):
        self.id, self.name, self.host = i, name or f"pi{i}", host
        self.member = FakeMember(self.name, role, host, cluster.http)
        self.member.agent_port = cluster.agent
        self.agent = FakeMember(self.name + "-agent", "slave", host, cluster.agent)
        self.agent.agent = self.name

    def row(self):
        return self.id, self.name, self.host

    def down(self):
        self.member.down()
        self.agent.down()


class Cluster:
    def __init__(self, n=3):
        self.http, self.agent = free_port(), free_port()
        self.nodes = [self.node(i + 1, f"127.0.1.{i + 1}", "master" if i == 0 else "slave") for i in range(n)]
        self.tell(self.nodes)

    def node(self, *args, **kwargs):
        return Node(self, *args, **kwargs)

    def members(self):
        return [n.member for n in self.nodes]

    def tell(self, told, by=None):
        for n in by or self.nodes:
            n.agent.nodes = [m.row() for m in told]


class Load:
    """Clients that read and write for as long as it lasts; what was not answered 200 is a failure."""

    def __init__(self, proxy, clients=4):
        self.proxy, self.stop, self.lock = proxy, threading.Event(), threading.Lock()
        self.failures, self.by = [], {}
        self.threads = [threading.Thread(target=self.client, args=(i,), daemon=True) for i in range(clients)]
        for t in self.threads:
            t.start()

    def client(self, i):
        conn, n = Conn(self.proxy.port), i
        while not self.stop.is_set():
            n += 1
            try:
                conn.request("POST" if n % 3 == 0 else "GET", "/slow", WRITE if n % 3 == 0 else "",
                             b"x" if n % 3 == 0 else b"")
                a = conn.answer()
                if a.status != 200:
                    raise ValueError(f"{a.status} {a.body[:300]}")
                with self.lock:
                    self.by[a.member()] = self.by.get(a.member(), 0) + 1
            except Exception as e:
                self.failures.append(f"{type(e).__name__}: {e}")
                conn = Conn(self.proxy.port)

    def count(self, name):
        return self.by.get(name, 0)

    def goes_to(self, name, text):
        before = self.count(name)
        eventually(lambda: self.count(name) > before + 3, text)

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join(harness.PATIENCE_S)


def names(proxy):
    return [m["name"] for m in proxy.json()["members"]]


def said(proxy, text):
    return any(text in e["text"] for e in proxy.json()["events"])


def begin(proxy, n, write=""):
    """An open transaction on that node: (connection, path)."""
    c = proxy.connect()
    while True:
        c.request("POST", TX, write, b'{"statements": ["0"]}')
        a = c.answer()
        path = re.sub("^http://[^/]+", "", a.field("Location"))
        if int(path.rsplit("/", 1)[1]) % 128 == n.id:
            return c, path
        c.request("DELETE", path)
        c.answer()


def test_come_and_go():
    cluster = Cluster(3)
    with Proxy(cluster.members()) as proxy:
        proxy.ready()
        load = Load(proxy)
        four = cluster.node(4, "127.0.1.4")
        cluster.nodes.append(four)
        cluster.tell(cluster.nodes, by=cluster.nodes[:1])
        time.sleep(0.5)
        same(names(proxy), ["pi1", "pi2", "pi3"], "one agent's word alone brings nobody in")
        cluster.tell(cluster.nodes)
        load.goes_to("pi4", "a member that most agents tell of gets requests")
        ok(said(proxy, f"pi4: is a member now, at 127.0.1.4:{cluster.http}"), "and is told of")
        three = cluster.nodes[2]
        c, path = begin(proxy, three)
        left = [n for n in cluster.nodes if n is not three]
        cluster.tell(left, by=left[:2])
        time.sleep(0.5)
        same(proxy.member("pi3")["up"], True, "two of four take nobody away")
        cluster.tell(left)
        eventually(lambda: not proxy.member("pi3")["up"], "a member that most tell of no more")
        before = load.count("pi3")
        load.goes_to("pi4", "others go on")
        ok(load.count("pi3") - before <= 4, "gets nothing new")
        same(proxy.member("pi3")["word"], "leaving", "and shows as leaving")
        c.request("POST", path + "/commit", "", b'{"statements": ["1"]}')
        same((c.answer().status, three.member.committed), (200, [[["0"], ["1"]]]), "its open transactions go on")
        c.close()
        three.down()
        eventually(lambda: names(proxy) == ["pi1", "pi2", "pi4"], "it is gone once it is down")
        c = proxy.connect()
        c.request("POST", path, "", b'{"statements": []}')
        same(c.answer().status, 404, "and its ids name nobody")
        c.close()
        other = cluster.node(3, "127.0.1.5", name="pi5")
        cluster.nodes = left + [other]
        cluster.tell(cluster.nodes)
        time.sleep(0.5)
        same(names(proxy), ["pi1", "pi2", "pi4"], "nobody else gets its id at once")
        again = cluster.node(3, "127.0.1.6", name="pi3")
        cluster.nodes = left + [again]
        cluster.tell(cluster.nodes)
        load.goes_to("pi3", "but itself, where it is now")
        load.end()
        same(load.failures[:5], [], f"{sum(load.by.values())} requests meanwhile: none failed")


def test_master_leaves():
    cluster = Cluster(3)
    with Proxy(cluster.members()) as proxy:
        proxy.ready()
        load = Load(proxy)
        one, two = cluster.nodes[:2]
        cluster.tell(cluster.nodes[1:])
        eventually(lambda: proxy.member("pi1")["word"] == "leaving")
        load.goes_to("pi1", "a master that leaves takes writes")
        one.member.role, two.member.role = "slave", "master"
        eventually(lambda: proxy.json()["master"] == "pi2", "until there is another")
        one.down()
        eventually(lambda: names(proxy) == ["pi2", "pi3"])
        load.goes_to("pi2", "which takes them then")
        load.end()
        # What was under way when the mastership went is cut, as always.
        others = [f for f in load.failures if "another member became master" not in f]
        same(others[:5], [], f"{sum(load.by.values())} requests meanwhile: none failed for its leaving")


def test_move():
    cluster = Cluster(3)
    two = cluster.nodes[1]
    with Proxy(cluster.members()) as proxy:
        proxy.ready()
        proxy.stats(f"/admin?member=pi2&do=more&token={token(proxy)}", method="POST")
        load = Load(proxy)
        new = cluster.node(2, "127.0.1.7")
        cluster.nodes[1] = new
        cluster.tell(cluster.nodes)
        load.goes_to("pi2", "a member that moved gets requests")
        eventually(lambda: len(new.member.seen) > 3, "where it is now")
        before = len(two.member.seen)
        load.goes_to("pi2", None)
        ok(len(two.member.seen) - before <= 4, "and no longer where it was")
        same((proxy.member("pi2")["address"], proxy.member("pi2")["weight"]), (f"127.0.1.7:{cluster.http}", 2),
             "its new address shows, what was ordered of it stays")
        load.end()
        same(load.failures[:5], [], f"{sum(load.by.values())} requests meanwhile: none failed")


def token(proxy):
    return re.search("token=([0-9a-f]{32})", proxy.stats("/"))[1]


def test_one_seed():
    cluster = Cluster(3)
    with Proxy(cluster.members()[:1]) as proxy:
        eventually(lambda: {m["name"] for m in proxy.json()["members"] if m["up"]} == {"pi1", "pi2", "pi3"},
                   "one member in proxy.conf is enough to know all")
        same({proxy.once().member() for _ in range(6)}, {"pi1", "pi2", "pi3"}, "all get reads")


def test_held_fast():
    cluster = Cluster(2)
    members = cluster.members()
    cluster.tell(cluster.nodes[:1])
    with Proxy(members, pool="follow_agents = false") as proxy:
        proxy.ready()
        time.sleep(0.5)
        same(names(proxy), ["pi1", "pi2"], "follow_agents = false: as proxy.conf says")
    cluster.tell(cluster.nodes)
    nat = [(1, "pi1", "10.0.0.1"), (2, "pi2", "10.0.0.2")]
    for told, why in ((nat, "agents that know other addresses than theirs here (NAT)"),
                      ([(2, "pi1", "127.0.1.1"), (1, "pi2", "127.0.1.2")], "ids that are not those of proxy.conf"),
                      ([(1, "pi1", "127.0.1.1"), (1, "pi9", "127.0.1.2")], "an id told twice"),
                      ([(1, "pi1", "127.0.1.1"), (200, "pi2", "127.0.1.2")], "an id out of range"),
                      ([(1, "pi1", "127.0.1.1"), (2, "<script>", "127.0.1.2")], "a name that is none"),
                      ([(1, "pi1", "127.0.1.1"), (2, "pi2", "127.0.1.999")], "an address that is none")):
        for n in cluster.nodes:
            n.agent.nodes = told
        with Proxy(members) as proxy:
            eventually(lambda: all(m["status"] != "no check" for m in proxy.json()["members"]))
            time.sleep(0.3)
            same(names(proxy), ["pi1", "pi2"], f"{why}: nothing changes")
    for n in cluster.nodes:
        n.agent.nodes = [(1, "one", "127.0.1.1"), (2, "two", "127.0.1.2")]
        n.agent.agent = "one" if n.id == 1 else "two"
    with Proxy(members) as proxy:
        proxy.ready()
        time.sleep(0.3)
        same(names(proxy), ["pi1", "pi2"], "members that proxy.conf names otherwise are the same")


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
