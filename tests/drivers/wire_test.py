#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drivers of Neo4j, real ones, through bramble-proxy to MOCKS of members that know a dozen statements
and share one store. It needs no Java and shows that drivers and proxy understand each other;
matrix_test.py does it with real servers. Prints TAP.

    wire_test.py [DRIVER...]    some of js-1.7.7 ... py-6.0.2
"""

import glob
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "proxy"))
import harness  # noqa: E402
from fake_bolt import BoltMember, BoltProxy, certificate  # noqa: E402
from harness import ok  # noqa: E402

CACHE = os.environ.get("BRAMBLE_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "bramble")
DRIVERS = os.path.join(CACHE, "drivers")
CASES = ["write", "read", "auto", "bookmarks", "large", "parameter", "huge", "sessions", "password",
         "reactive", "async"]


class Store:
    def __init__(self):
        self.lock, self.names, self.loops, self.tx = threading.Lock(), [], [], 1

    def add(self, to, what):
        with self.lock:
            to.append(what)
            self.tx += 1


class CypherMember(BoltMember):
    """Writes are in the store at once, whatever becomes of the transaction."""

    def __init__(self, name, role, store):
        self.store = store
        super().__init__(name, role)

    @property
    def tx(self):
        return self.store.tx

    @tx.setter
    def tx(self, _):
        pass

    def answer_run(self, text, p, extra):
        store = self.store
        if text.startswith("CREATE (n:D"):
            store.add(store.names, p["name"])
            return [], []
        if text.startswith("CREATE (n:F"):
            store.add(store.loops, (p["tag"], p["i"]))
            return [], []
        if text.startswith("MATCH (n:D"):
            return ["c"], [[store.names.count(p["name"])]]
        if text.startswith("UNWIND"):
            return ["x"], [[i] for i in range(p.get("n", 1000))]
        if text.startswith("RETURN size"):
            return ["n", "p"], [[len(p["p"]), p["p"]]]
        if m := re.match(r"RETURN (\d)( AS x)?$", text):
            return ["x"], [[int(m[1])]]
        return (["i"], [[p["i"]]]) if text == "RETURN $i AS i" else None


def command(driver):
    folder = os.path.join(DRIVERS, driver)
    if driver.startswith("js"):
        return ["node", "--no-deprecation", os.path.join(HERE, "suite.js"), folder]
    return [os.path.join(folder, "bin", "python"), "-W", "ignore", os.path.join(HERE, "suite.py"), folder]


def run_suite(driver, uri, cases, ca=None):
    trust = {"NODE_EXTRA_CA_CERTS": ca, "SSL_CERT_FILE": ca} if ca else {}
    try:
        r = subprocess.run(command(driver) + [uri, "pw", "20000", *cases], text=True, timeout=200,
                           env={**os.environ, **trust},
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except subprocess.TimeoutExpired as e:
        ok(False, f"{driver} {uri}: ends; after {e.stdout!r} {e.stderr!r}")
        return
    found = re.findall(r"^(not ok|ok|skip) (\w+)(.*)$", r.stdout, re.M)
    for verdict, case, why in found:
        if verdict != "skip" and not ok(verdict == "ok", f"{driver} {uri.split(':')[0]}: {case}"):
            print(f"#{why}", flush=True)
    if not found:
        ok(False, f"{driver} {uri}: {r.stderr[-300:]!r}")


def test_cases(drivers):
    store = Store()
    members = [CypherMember(f"pi{i}", "master" if i == 2 else "slave", store) for i in (1, 2, 3)]
    with BoltProxy(members) as proxy:
        for driver in drivers:
            for scheme in ("bolt", "bolt+routing" if "-1." in driver else "neo4j"):
                run_suite(driver, f"{scheme}://127.0.0.1:{proxy.bolt}", CASES)
    for m in members:
        m.down()


def test_tls(drivers):
    """Each trusts the authority, and no other does."""
    store = Store()
    members = [CypherMember(f"pi{i}", "master" if i == 2 else "slave", store) for i in (1, 2)]
    with tempfile.TemporaryDirectory() as folder:
        crt, key = certificate(folder, "127.0.0.1", "IP")
        with BoltProxy(members, tls=f'tls {{ certificate = "{crt}" key = "{key}" }}') as proxy:
            for driver in drivers:
                for scheme in ("bolt+s", "bolt+routing+s" if "-1." in driver else "neo4j+s"):
                    run_suite(driver, f"{scheme}://127.0.0.1:{proxy.bolt}", ["write", "read", "bookmarks"], crt)
            r = subprocess.run(command(drivers[-1]) + [f"bolt+s://127.0.0.1:{proxy.bolt}", "pw", "1", "read"],
                               text=True, timeout=200, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            ok("not ok" in r.stdout or r.returncode != 0, "who does not trust it does not come in")
    for m in members:
        m.down()


def test_failover(drivers):
    """All of them write while the master changes twice and is away for a while."""
    store = Store()
    members = [CypherMember(f"pi{i}", "master" if i == 2 else "slave", store) for i in (1, 2, 3)]
    harness.PATIENCE_S = 240  # a dozen drivers start at once
    logs = [tempfile.TemporaryFile("w+") for _ in drivers]  # a pipe that nobody reads would stop them
    with BoltProxy(members, pool="hold_ms = 20000") as proxy:
        loops = [subprocess.Popen(
            command(d) + [f"{'bolt+routing' if '-1.' in d else 'neo4j'}://127.0.0.1:{proxy.bolt}", "pw", "0", "loop"],
            text=True, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.DEVNULL) for d, log in zip(drivers, logs)]

        def writes():
            who = [w for w, _ in store.loops]
            return {w: who.count(w) for w in set(who)}

        def all_went_on(before):
            now = writes()
            return len(now) == len(drivers) and all(n >= before.get(w, 0) + 3 for w, n in now.items())

        harness.eventually(lambda: all_went_on({}), "all write")
        members[1].role = "UNKNOWN"
        members[1].break_links()
        time.sleep(1)
        members[0].role = "master"
        harness.eventually(lambda b=writes(): all_went_on(b), "all write to the next master")
        members[0].role, members[2].role = "slave", "master"
        harness.eventually(lambda b=writes(): all_went_on(b), "and to the one after it")
        for d, p, log in zip(drivers, loops, logs):
            p.communicate("stop\n", timeout=120)
            log.seek(0)
            out = log.read()
            wrote = {(w, int(i)) for w, i in re.findall(r"^wrote (\S+) (\d+)$", out, re.M)}
            # A commit that was on its way when the connection broke: nobody knows, and Python says so.
            errors = [e for e in re.findall(r"^error \S+ (.*)$", out, re.M) if "IncompleteCommit" not in e]
            ok(not errors, f"{d}: no error reached the user's code{errors[:1]}")
            ok(wrote <= set(store.loops), f"{d}: its {len(wrote)} acknowledged writes are there")
    for m in members:
        m.down()


def main():
    drivers = sorted((os.path.basename(d) for d in glob.glob(os.path.join(DRIVERS, "[jp][sy]-*[0-9]"))),
                     key=lambda d: (d[:2], [int(x) for x in d[3:].split(".")]))
    drivers = [d for d in drivers if len(sys.argv) < 2 or d in sys.argv[1:]]
    if not drivers:
        print("1..0 # SKIP no drivers: tests/drivers/get.sh could not install them")
        return 0
    print("# members are mocks", flush=True)
    test_cases(drivers)
    test_tls(drivers)
    test_failover(drivers)
    print(f"1..{harness.count}")
    return harness.failed > 0


sys.exit(main())
