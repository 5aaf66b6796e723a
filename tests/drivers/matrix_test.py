#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drivers of Neo4j, real ones, through bramble-proxy to a real three-node HA cluster. Prints TAP.

    matrix_test.py [--short] [--table FILE] [--only PATTERN]

--table writes what came of it as docs/DRIVERS.md. Then all drivers write at once while the master is
killed, and every acknowledged write is looked for.
"""

import argparse
import glob
import os
import re
import subprocess
import sys
import threading
import time

import cluster

HERE = os.path.dirname(os.path.abspath(__file__))
DRIVERS = os.path.join(cluster.CACHE, "drivers")
count = bad = 0


def ok(held, text, why=""):
    global count, bad
    count += 1
    bad += not held
    print(f"{'' if held else 'not '}ok {count} - {text}", flush=True)
    if not held and why:
        print(f"# {why}", flush=True)


def command(driver):
    kind = driver.split("-")[0]
    folder = os.path.join(DRIVERS, driver)
    if kind == "js":
        return ["node", "--no-deprecation", os.path.join(HERE, "suite.js"), folder]
    return [os.path.join(folder, "bin", "python"), "-W", "ignore", os.path.join(HERE, "suite.py"), folder]


def schemes(driver):
    return ["bolt", "bolt+routing" if "-1." in driver else "neo4j"]


def suite(driver, scheme, port, size):
    uri = f"{scheme}://127.0.0.1:{port}"
    r = subprocess.run(command(driver) + [uri, cluster.PASSWORD, str(size)], text=True, timeout=900,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    results = dict(re.findall(r"^(?:not )?(?:ok|skip) (\w+)(.*)$", r.stdout, re.M))
    verdicts = {m[1]: m[0] for m in re.findall(r"^(not ok|ok|skip) (\w+)", r.stdout, re.M)}
    if r.returncode or not verdicts:
        verdicts["main"], results["main"] = "not ok", r.stderr[-500:]
    return verdicts, results


class Loop:
    """A driver that writes until it is stopped."""

    def __init__(self, driver, scheme, port):
        uri = f"{scheme}://127.0.0.1:{port}"
        self.name = f"{driver} {scheme}"
        self.process = subprocess.Popen(command(driver) + [uri, cluster.PASSWORD, "0", "loop"], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.wrote, self.errors, self.who, self.times = set(), [], None, []
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self):
        for line in self.process.stdout:
            word, rest = line.split(" ", 1)
            if word == "wrote":
                self.who, i = rest.split()
                self.wrote.add(int(i))
                self.times.append(time.monotonic())
            elif word == "error":
                self.errors.append(rest.strip())

    def stop(self):
        self.process.stdin.write("stop\n")
        self.process.stdin.flush()
        self.thread.join(90)
        self.process.kill()
        self.process.wait()

    def gap(self):
        return max((b - a for a, b in zip(self.times, self.times[1:])), default=0)


def failover(c, port, drivers):
    loops = [Loop(d, s, port) for d in drivers for s in schemes(d)[1:]]
    end = time.monotonic() + 60
    while time.monotonic() < end and not all(len(x.wrote) >= 3 for x in loops):
        time.sleep(0.1)
    before = {x.name: len(x.wrote) for x in loops}
    c.master().kill()
    end = time.monotonic() + 90
    while time.monotonic() < end and not all(len(x.wrote) >= before[x.name] + 3 for x in loops):
        time.sleep(0.1)
    for x in loops:
        x.stop()
    stored = read_all(drivers, port)
    rows = {}
    for x in loops:
        there = stored.get(x.who, [])
        lost, doubled = x.wrote - set(there), len(there) - len(set(there))
        unsaid = len(set(there) - x.wrote)
        rows[x.name] = (len(x.wrote), len(x.errors), len(lost), doubled, unsaid, x.gap())
        ok(len(x.wrote) >= before[x.name] + 3, f"{x.name}: writes went on after the master's death")
        ok(not lost, f"{x.name}: none of {len(x.wrote)} acknowledged writes is lost", f"lost {sorted(lost)[:9]}")
        # A commit whose answer was lost: nobody knows what became of it, and Python says so.
        errors = [e for e in x.errors if "IncompleteCommit" not in e]
        ok(not errors, f"{x.name}: no error reached the user's code", f"{errors[:2]}")
        print(f"# {x.name}: longest pause {x.gap():.1f} s, {doubled} doubled, {unsaid} stored without a word")
    return rows


def read_all(drivers, port):
    """What the cluster holds of the loops' writes, by who wrote it."""
    newest = [d for d in drivers if d.startswith("js")][-1]
    script = ("const n=require(process.argv[1]+'/node_modules/neo4j-driver');"
              "const d=n.driver(process.argv[2],n.auth.basic('neo4j',process.argv[3]));const s=d.session();"
              "s.run('MATCH (n:F) RETURN n.who AS w, n.i AS i').then(r=>{r.records.forEach(x=>"
              "console.log(x.get('w'),x.get('i').toString()));return s.close()}).then(()=>d.close())")
    r = subprocess.run(["node", "-e", script, os.path.join(DRIVERS, newest), f"bolt://127.0.0.1:{port}",
                        cluster.PASSWORD], text=True, stdout=subprocess.PIPE, check=True, timeout=120)
    stored = {}
    for line in r.stdout.splitlines():
        who, i = line.split()
        stored.setdefault(who, []).append(int(i))
    return stored


def table(path, results, failovers, size):
    cases = list(dict.fromkeys(c for v in results.values() for c in v if c != "main"))
    marks = {"ok": "yes", "not ok": "**no**", "skip": "-"}
    with open(path, "w") as f:
        f.write(HEAD.format(version=cluster.VERSION, size=size))
        f.write("| driver | " + " | ".join(cases) + " |\n|---|" + "---|" * len(cases) + "\n")
        for name, v in results.items():
            f.write(f"| {name} | " + " | ".join(marks[v.get(c, "skip")] for c in cases) + " |\n")
        if failovers:
            f.write(FAILOVER_HEAD)
            for name, (wrote, errors, lost, doubled, unsaid, gap) in failovers.items():
                f.write(f"| {name} | {wrote} | {errors} | {lost} | {doubled} | {unsaid} | {gap:.1f} s |\n")


HEAD = """# Drivers of Neo4j through bramble-proxy

Made by `python3 tests/drivers/matrix_test.py --table docs/DRIVERS.md`: real drivers (npm neo4j-driver, PyPI neo4j)
through the proxy to three real Neo4j {version} HA servers on one machine. `neo4j://` (before 4.0 `bolt+routing://`) is
what HA itself refuses. The large result has {size} records; `parameter` is 5 MB, `huge` 50 MB and must be refused and
leave everything else working. A dash: the driver has no such thing.

"""
FAILOVER_HEAD = """
## The master is killed while all of them write

Transaction functions, one after the other. `unsaid`: stored, but not acknowledged (a commit whose answer was lost, or
cut off by the end of the test); a driver that runs such a function again doubles its write, which no proxy can prevent.

| driver | acknowledged | errors | lost | doubled | unsaid | longest pause |
|---|---|---|---|---|---|---|
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--table")
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    drivers = sorted((os.path.basename(d) for d in glob.glob(os.path.join(DRIVERS, "[jp][sy]-*[0-9]"))
                      if args.only in d), key=lambda d: (d[:2], [int(x) for x in d[3:].split(".")]))
    if not drivers or not os.path.exists(cluster.BUNDLE):
        print("1..0 # SKIP no drivers (tests/drivers/get.sh) or no Neo4j (images/neo4j/bundle.sh)")
        return 0
    size = 20000 if args.short else 1000000
    results = {}
    with cluster.Cluster() as c, cluster.Proxy(c.nodes) as p:
        for driver in drivers:
            for scheme in schemes(driver):
                verdicts, why = suite(driver, scheme, p.bolt, size)
                results[f"{driver} `{scheme}://`"] = verdicts
                for case, verdict in verdicts.items():
                    if verdict != "skip":
                        ok(verdict == "ok", f"{driver} {scheme}: {case}", why.get(case, ""))
        rows = failover(c, p.bolt, drivers)
    if args.table:
        table(args.table, results, rows, size)
    print(f"1..{count}")
    return bad > 0


sys.exit(main())
