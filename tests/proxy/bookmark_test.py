#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who writes through bramble-proxy reads what he wrote, if he asks for it. Prints TAP.

Members are mocks whose stores are a number; a thread replicates it late. The cluster test has real
ones.

    bookmark_test.py [NAME...]    only the tests whose name contains one of these
"""

import sys
import threading
import time

import harness
from fake_member import FakeMember
from harness import Proxy, cluster, eventually, ok, same

WRITE = "X-Write: 1\r\n"
LAG_S = 0.6
FIELD = "X-Bramble-Bookmark"


class Replication:
    """Slaves get what the master has, LAG_S late."""

    def __init__(self, members):
        self.members, self.stop, self.held = members, threading.Event(), False
        for m in members:
            m.last_tx = 100
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        due = []
        while not self.stop.is_set():
            now = time.monotonic()
            master = next((m for m in self.members if m.role == "master"), None)
            if master:
                due.append((now + LAG_S, master.last_tx))
            while due and due[0][0] <= now and not self.held:
                tx = due.pop(0)[1]
                for m in self.members:
                    m.last_tx = max(m.last_tx, tx)
            time.sleep(0.01)

    def end(self):
        self.stop.set()
        self.thread.join()


class Client:
    def __init__(self, proxy, bookmark="new", cookie=False):
        self.conn, self.bookmark, self.cookie, self.wrote = proxy.connect(), bookmark, cookie, 0

    def ask(self, method, target, fields="", body=b""):
        if self.bookmark:
            fields += f"Cookie: a=b; bramble-bookmark={self.bookmark}\r\n" if self.cookie else \
                f"{FIELD}: {self.bookmark}\r\n"
        self.conn.request(method, target, fields, body)
        a = self.conn.answer()
        if self.bookmark:
            self.bookmark = a.field(FIELD)
        return a

    def write(self, target="/echo"):
        a = self.ask("POST", target, WRITE, b"x")
        self.wrote = a.json()["tx"]
        return a

    def reads_old(self):
        a = self.ask("GET", "/echo").json()
        return a["tx"] < self.wrote, a["member"]


def with_agents(n):
    members = cluster(n)
    for i, m in enumerate(members):
        agent = FakeMember(m.name + "-agent")
        agent.agent, agent.of, m.agent_port = m.name, m, agent.port
    return members


def test_own_writes():
    for what, make in (("members that tell themselves", cluster), ("agents that tell", with_agents)):
        members = make(3)
        replication = Replication(members)
        with Proxy(members) as proxy:
            proxy.ready()
            plain, marked, browser = Client(proxy, None), Client(proxy), Client(proxy, cookie=True)
            old = {plain: 0, marked: 0, browser: 0}
            for i in range(30):
                for c in old:
                    c.write("/streamed" if i % 3 == 0 else "/echo")
                    old[c] += sum(c.reads_old()[0] for _ in range(4))
            ok(old[plain] > 0, f"{what}: without a bookmark some of 120 reads are old ({old[plain]})")
            same((old[marked], old[browser]), (0, 0), "with one, field or cookie, none")
            by = set()
            marked.write()
            eventually(lambda: by.add(marked.reads_old()[1]) or by == {"pi1", "pi2", "pi3"},
                       "once the slaves have it, they get such reads too")
            same(marked.reads_old()[0], False, "and answer with it")
        replication.end()


def test_answers():
    members = cluster(2)
    replication = Replication(members)
    with Proxy(members) as proxy:
        proxy.ready()
        c = Client(proxy)
        a = c.write()
        ok(c.bookmark and c.bookmark != "new", "a write's answer has a bookmark")
        same(a.field("Set-Cookie"), None, "and no cookie, which was not asked for")
        before = c.bookmark
        c.reads_old()
        same(c.bookmark, before, "which a read's gives back")
        c.write("/streamed")
        same(c.bookmark, "new", "an answer that may go on after its head: whatever is there at the next request")
        c.reads_old()
        ok(c.bookmark != "new", "which then has a bookmark of its own")
        browser = Client(proxy, cookie=True)
        a = browser.write()
        same(a.field("Set-Cookie"), f"bramble-bookmark={browser.bookmark}; Path=/; HttpOnly; SameSite=Lax", "a cookie")
        same(proxy.once().field(FIELD), None, "who does not ask gets none")
        replication.held = True
        for odd in ("ffffffff-1", "x", "", "new", before.split("-")[0] + "-999999999999", "a" * 5000):
            c.write()
            c.bookmark = odd or " "
            same(c.reads_old()[0], False, f"a bookmark that is none of this proxy ({odd[:20]!r}) misses nothing either")
    replication.end()


def test_no_master():
    members = cluster(3)
    replication = Replication(members)
    with Proxy(members, pool="hold_ms = 20000") as proxy:
        proxy.ready()
        c = Client(proxy)
        replication.held = True
        c.write()
        members[0].role = "UNKNOWN"
        eventually(lambda: proxy.json()["master"] is None)
        same(proxy.once().status, 200, "without a master others read")
        c.conn.request("GET", "/echo", f"{FIELD}: {c.bookmark}\r\n")
        eventually(lambda: proxy.json()["waiting_reads"] == 1, "who wrote waits")
        same(proxy.once().status, 200, "and keeps nobody behind it waiting")
        members[2].last_tx = members[0].last_tx
        members[2].role = "master"
        same(c.conn.answer().json()["member"], "pi3", "for the new master, which has it")
    replication.end()
    members = cluster(2)
    replication = Replication(members)
    with Proxy(members, pool="hold_ms = 300") as proxy:
        proxy.ready()
        c = Client(proxy)
        replication.held = True
        c.write()
        members[0].role = "UNKNOWN"
        eventually(lambda: proxy.json()["master"] is None)
        a = c.ask("GET", "/echo")
        same((a.status, a.json()["errors"][0]["message"]), (503, "no member is known to have what the client wrote"),
             "not for ever")
    replication.end()


def test_silent():
    members = cluster(3)
    with Proxy(members) as proxy:
        proxy.ready()
        c = Client(proxy)
        by = set()
        for _ in range(4):
            c.ask("POST", "/echo", WRITE, b"x")
            by |= {c.ask("GET", "/echo").json()["member"] for _ in range(3)}
        same(by, {"pi1"}, "of members that do not tell how far their stores are the master is read")


sys.exit(harness.main(globals()))
