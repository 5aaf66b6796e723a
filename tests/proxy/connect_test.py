#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of requests while a member cannot be connected to, or is silent. Prints TAP.

    connect_test.py [NAME...]    only the tests whose name contains one of these
"""

import contextlib
import os
import resource
import socket
import sys
import tempfile
import time

import harness
from fake_bolt import HELLO, SUCCESS, BoltMember, BoltProxy
from fake_member import FakeMember
from harness import Proxy, cluster, eventually, ok, same

WRITE = "X-Write: 1\r\n"
# Of two members asked every 50 ms, and as often again for good measure. A loop without a pause asks thousands.
PROBES_PER_S = 80
LINES = 20


def lines(proxy, text):
    with open(proxy.log.name) as f:
        return [line for line in f if text in line]


def probes_per_s(members):
    before, started = sum(m.probes for m in members), time.monotonic()
    time.sleep(2)
    return (sum(m.probes for m in members) - before) / (time.monotonic() - started)


def is_calm(proxy, members):
    rate = probes_per_s(members)
    ok(rate < PROBES_PER_S, f"checks do not come in a loop: {rate:.0f} a second")
    said = len(lines(proxy, ""))
    ok(said < LINES, f"nor do lines in the log: {said} in all")


def waiting_write(proxy):
    c = proxy.connect()
    c.request("POST", "/echo", WRITE)
    return c


def test_refused():
    """By one that goes on answering on the connections there are, the check's for one."""
    members = cluster(2)
    with Proxy(members) as proxy:
        proxy.ready()
        members[0].refuse()
        c = waiting_write(proxy)
        eventually(lambda: proxy.member("pi1")["retries"])
        is_calm(proxy, members)
        same(len(lines(proxy, "cannot connect")), 1, "one of them says that it refused")
        same(proxy.member("pi1")["status"], "DOWN", "it is down: it refuses checks, too")
        members[0].up()
        same(c.answer().member(), "pi1", "the write that waited goes there once it takes connections")
        c.close()


class Refusing(Proxy):
    def env(self):
        self.file = os.path.join(self.dir.name, "refuse")
        build = os.environ.get("BRAMBLE_BUILD", "build")
        return {**super().env(), "LD_PRELOAD": os.path.abspath(f"{build}/preload/refuse.so"), "REFUSE": self.file}


def test_refused_in_turns():
    """By one that takes each check's connection, and of each request none."""
    members = cluster(2)
    with Refusing(members) as proxy:
        proxy.ready()
        with open(proxy.file, "w"):
            c = waiting_write(proxy)
            eventually(lambda: lines(proxy, "pi1: cannot connect"))
            is_calm(proxy, members)
        os.unlink(proxy.file)
        same(c.answer().member(), "pi1", "the write that waited goes there in the end")
        c.close()


def descriptors(proxy):
    return {int(f) for f in os.listdir(f"/proc/{proxy.process.pid}/fd")}


def settled(proxy):
    """Those in use when nothing has changed for a while: connections of the statistics end late."""
    used = descriptors(proxy)
    while True:
        time.sleep(0.3)
        if descriptors(proxy) == used:
            return used
        used = descriptors(proxy)


@contextlib.contextmanager
def without_descriptors(proxy, spare=True):
    """The proxy can open none while this lasts; not spare: nor one again that it has closed."""
    used = settled(proxy)
    before = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
    free = min(set(range(1000)) - used) if spare else 3
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (free, before[1]))
    yield
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, before)


def is_not_suspected(proxy):
    pi1 = proxy.member("pi1")
    same((pi1["failed_checks"], pi1["deaths"]), (0, 0), "the member was not suspected for it")


def test_out_of_descriptors():
    members = cluster(2)
    with Proxy(members) as proxy:
        proxy.ready()
        clients = [proxy.connect() for _ in range(3)]
        with without_descriptors(proxy):
            for c in clients:
                c.request("POST", "/echo", WRITE)
            eventually(lambda: lines(proxy, "pi1: cannot connect: Too many open files"))
            is_calm(proxy, members)
            same(len(lines(proxy, "cannot connect")), 1, "one of them says so")
        same([c.answer().member() for c in clients], ["pi1"] * 3, "what waited goes on when there are some again")
        is_not_suspected(proxy)
        for c in clients:
            c.close()


def test_out_of_descriptors_bolt():
    members = [BoltMember("pi1", "master")]
    with BoltProxy(members) as proxy:
        c = proxy.client(login=None)
        with without_descriptors(proxy):
            c.send((HELLO, {"user_agent": "test", "scheme": "basic", "principal": "neo4j", "credentials": "pw"}))
            eventually(lambda: lines(proxy, "pi1: cannot connect: Too many open files"))
            is_calm(proxy, members)
        same(c.answers(1)[0][0], SUCCESS, "who logged in by Bolt meanwhile is served after all")
        is_not_suspected(proxy)
        c.close()
    members[0].down()


def test_order_without_descriptor():
    """Who gives an order waits for one; the loop does not turn meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "ctl")
        with Proxy(cluster(1), more=f'admin {{ socket = "{path}" }}') as proxy, socket.socket(socket.AF_UNIX) as s:
            proxy.ready()
            s.settimeout(harness.PATIENCE_S)
            with without_descriptors(proxy):
                s.connect(path)
                s.sendall(b"show info\n")
                before = proxy.cpu_s()
                time.sleep(2)
                spent = proxy.cpu_s() - before
            ok(spent < 1, f"an order that cannot be taken costs little: {spent:.2f} s of 2")
            ok(s.recv(100).startswith(b"Name: "), "it is when there are descriptors again")


def test_kept_connection_serves():
    """Descriptors are only wanted for new ones."""
    members = cluster(1)
    with Proxy(members) as proxy:
        proxy.ready()
        first, second = proxy.connect(), proxy.connect()
        first.request("POST", "/echo", WRITE)
        same(first.answer().status, 200, "a connection to the member is kept")
        first.request("POST", "/hang", WRITE)
        eventually(lambda: members[0].now)
        with without_descriptors(proxy):
            second.request("POST", "/echo", WRITE)
            eventually(lambda: lines(proxy, "cannot connect"))
            members[0].release()
            same([first.answer().status, second.answer().status], [200, 200],
                 "when another request is done with it, it serves the one that waits")
        for c in first, second:
            c.close()


def test_check_without_descriptor():
    """A check that could not even begin says nothing of the member."""
    members = cluster(2)
    with Proxy(members) as proxy:
        proxy.ready()
        c = proxy.connect()
        with without_descriptors(proxy, spare=False):
            members[0].cut()
            time.sleep(2)
        c.request("POST", "/echo", WRITE)
        same(c.answer().member(), "pi1", "the master is the master still")
        pi1 = proxy.member("pi1")
        ok(pi1["failed_checks"] > 3, f"{pi1['failed_checks']} checks failed")
        same(pi1["deaths"], 0, "for want of descriptors here: it was not taken for dead")
        c.close()


INTERVAL_S = 30


class Leisurely(Proxy):
    """It asks for roles so seldom that whatever is asked sooner is asked for a reason."""

    def write_conf(self, members, **kwargs):
        text = super().write_conf(members, **kwargs)
        return text.replace("check_interval_ms = 50 ", f"check_interval_ms = {INTERVAL_S * 1000} ")


class Claimant(FakeMember):
    """Counts how often it says that it is the master before a request comes."""

    claims, served = 0, False

    def probe(self, target):
        said = super().probe(target)
        self.claims += said == (200, "master") and not self.served
        return said

    def answer(self, *args):
        self.served = True
        return super().answer(*args)


def fall_silent(proxy, member):
    """In the middle of a write, whose broken connection has the proxy ask what became of the member."""
    c = proxy.connect()
    member.seen.clear()
    c.request("POST", "/hang", WRITE)
    eventually(lambda: any(target == "/hang" for _, target, _ in member.seen))
    member.frozen = True
    member.cut()
    same(c.answer().status, 502, f"{member.name} falls silent")
    member.release()
    c.close()


def succeed(proxy, old, new, is_noticed):
    """(seconds, checks): from its word that it is the master to the answer to a write, and checks of it before."""
    time.sleep(0.1)  # what it did not answer while it was silent itself, it takes for asked now
    before = new.probes
    fall_silent(proxy, old)
    eventually(lambda: is_noticed(new.probes - before))
    asked = new.probes - before
    new.claims, new.served, started = 0, False, time.monotonic()
    new.role = "master"
    a = proxy.once("POST", "/echo", WRITE)
    if a.status == 502:  # sent to the old one before that was known to be silent
        a = proxy.once("POST", "/echo", WRITE)
    took = time.monotonic() - started
    same(a.member(), new.name, "a write goes to the next master")
    old.role, old.frozen = "slave", False
    old.go.clear()
    eventually(lambda: proxy.member(old.name)["up"])
    return took, asked


def test_next_master():
    """Nobody waits long for a master that is silent when another one claims to be it."""
    one, two = Claimant("pi1", "master"), Claimant("pi2")
    took, asked, claims = [], [], []
    with Leisurely([one, two]) as proxy:
        proxy.ready()
        for i in range(6):
            old, new = (one, two) if i % 2 == 0 else (two, one)
            failed = proxy.member(old.name)["failed_checks"]
            t, n = succeed(proxy, old, new, (lambda n: n >= 2) if i < 3 else
                           (lambda n: proxy.member(old.name)["failed_checks"] > failed))
            took.append(t)
            asked.append(n)
            claims.append(new.claims)
    print(f"# from the claim to the answer: {', '.join(f'{t * 1000:.0f}' for t in took)} ms", flush=True)
    ok(max(asked) > 4, f"while the master owes an answer, the others are asked often: {asked} times")
    same(min(claims), 1, f"it need not claim twice while a silent one is waited for: {claims}")
    ok(max(took) < INTERVAL_S / 3, f"long before the next check would be due: {max(took):.2f} s")


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
