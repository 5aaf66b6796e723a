#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of requests while no connection to a member can be made. Prints TAP.

    connect_test.py [NAME...]    only the tests whose name contains one of these
"""

import contextlib
import os
import resource
import sys
import time

import harness
from fake_bolt import HELLO, SUCCESS, BoltMember, BoltProxy
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


if __name__ == "__main__":
    sys.exit(harness.main(globals()))
