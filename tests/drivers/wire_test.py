#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drivers of Neo4j, real ones, through bramble-proxy to MOCKS of members that know a dozen statements
and share one store. It needs no Java and shows that drivers and proxy understand each other;
matrix_test.py does it with real servers. Prints TAP.

    wire_test.py [--table FILE] [DRIVER...]    some of js-1.7.7 ... py-6.0.2

--table writes what came of it, as docs/DRIVERS.md is.
"""

import glob
import os
import re
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "proxy"))
import harness  # noqa: E402
from fake_bolt import BoltMember, BoltProxy  # noqa: E402
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


verdicts = {}  # by driver and scheme, by case


def run_suite(driver, uri, cases):
    r = subprocess.run(command(driver) + [uri, "pw", "20000", *cases], text=True, timeout=200,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    found = re.findall(r"^(not ok|ok|skip) (\w+)(.*)$", r.stdout, re.M)
    verdicts[f"{driver} `{uri.split(':')[0]}://`"] = {case: verdict for verdict, case, _ in found}
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


def test_failover(drivers):
    """All of them write while the master changes twice and is away for a while."""
    store = Store()
    members = [CypherMember(f"pi{i}", "master" if i == 2 else "slave", store) for i in (1, 2, 3)]
    with BoltProxy(members, pool="hold_ms = 20000") as proxy:
        loops = [subprocess.Popen(
            command(d) + [f"{'bolt+routing' if '-1.' in d else 'neo4j'}://127.0.0.1:{proxy.bolt}", "pw", "0", "loop"],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for d in drivers]

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
        for d, p in zip(drivers, loops):
            out, _ = p.communicate("stop\n", timeout=60)
            wrote = {(w, int(i)) for w, i in re.findall(r"^wrote (\S+) (\d+)$", out, re.M)}
            # A commit that was on its way when the connection broke: nobody knows, and Python says so.
            errors = [e for e in re.findall(r"^error \S+ (.*)$", out, re.M) if "IncompleteCommit" not in e]
            ok(not errors, f"{d}: no error reached the user's code{errors[:1]}")
            ok(wrote <= set(store.loops), f"{d}: its {len(wrote)} acknowledged writes are there")
    for m in members:
        m.down()


HEAD = """# Drivers of Neo4j through bramble-proxy

Made by `python3 tests/drivers/wire_test.py --table docs/DRIVERS.md` from what tests/drivers/get.sh installed: real
drivers (js: npm neo4j-driver, py: PyPI neo4j) through the real proxy to *mocks* of three members that speak Bolt 3, know
a dozen statements and share one store. `python3 tests/drivers/matrix_test.py` does it with three *real* Neo4j
3.5.0-beta03 HA servers, with explicit transactions, temporal and point values, failures and cancelling besides; it takes
too long for `make check`. What came of it on those servers, by hand and once:

- JavaScript 1.7.7, 4.0.2, 4.4.11, 5.28.1 and 6.3.0 and Python 4.4.12 did all of it by both schemes, Python 5.28.1 and
  6.0.2 all but `password`: the driver raises an AttributeError when it is refused, on a direct connection too.
- The master was killed (SIGKILL) while all nine wrote by `neo4j://` (1.7: `bolt+routing://`): no acknowledged write was
  lost, and writes went on after 4.0 to 4.2 s at the longest. Python 4.4, 5 and 6 had one IncompleteCommit each: a commit
  that was on its way, and nobody knows what became of it. At least four drivers stored one write twice, because they run
  such a commit again by themselves; no proxy can prevent that.
- The Neo4j Browser that comes with 3.5 (3.2.10: Bolt 2 in a WebSocket) in headless Chromium, one such server behind the
  proxy: it connected, wrote and drew a graph. `:sysinfo` stayed empty but for its headings; whether it does on a direct
  connection was not looked at.

`neo4j://` (before 4.0 `bolt+routing://`) is what HA itself refuses. `bookmarks`: 20 times, a reader with the bookmark of
another session's write sees it. `large`: 20,000 records. `parameter`: 5 MB. `huge`: 50 MB is refused and the session goes
on. `sessions`: 200 at once (Python: 100). `password`: a wrong one is refused; 5.x and 6.x of Python raise an
AttributeError then, on a direct connection too. A dash: the driver has no such thing.

In the same test all of them write through `neo4j://` while the master goes away for a second and another takes over,
twice: every acknowledged write is there, and no error reaches the user's code but, in Python, IncompleteCommit for a
commit that was on its way when the connection broke. Nobody knows what became of such a one; JavaScript runs it again.

"""


def write_table(path):
    marks = {"ok": "yes", "not ok": "**no**"}
    with open(path, "w") as f:
        f.write(HEAD + "| driver | " + " | ".join(CASES) + " |\n|---|" + "---|" * len(CASES) + "\n")
        for name, v in verdicts.items():
            f.write(f"| {name} | " + " | ".join(marks.get(v.get(c), "-") for c in CASES) + " |\n")


def main():
    table = sys.argv[2] if sys.argv[1:2] == ["--table"] else None
    del sys.argv[1:3 if table else 1]
    drivers = sorted((os.path.basename(d) for d in glob.glob(os.path.join(DRIVERS, "[jp][sy]-*[0-9]"))),
                     key=lambda d: (d[:2], [int(x) for x in d[3:].split(".")]))
    drivers = [d for d in drivers if len(sys.argv) < 2 or d in sys.argv[1:]]
    if not drivers:
        print("1..0 # SKIP no drivers: tests/drivers/get.sh could not install them")
        return 0
    print("# members are mocks", flush=True)
    test_cases(drivers)
    test_failover(drivers)
    if table:
        write_table(table)
    print(f"1..{harness.count}")
    return harness.failed > 0


sys.exit(main())
