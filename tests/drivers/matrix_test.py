#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drivers of Neo4j, real ones, through bramble-proxy to a real three-node HA cluster. Prints TAP.

    matrix_test.py [--only REGEX] [--short] [--cases NAME,...] [--results FILE] [--table FILE] [--rehearsed NAME ...]

Without --rehearsed: three servers on loopback, whose master is killed. With it: the machines of a
rehearsal, whose master's power is cut (tests/drivers/matrix.sh makes one). All drivers do each thing
of suite.js and suite.py, then all write at once while the master goes, and every acknowledged write
is looked for. --results keeps what came of it, and adds to what is there: the whole matrix takes
half an hour and may be made in parts. --table writes it as docs/DRIVERS.md, but for its later sections.
"""

import argparse
import contextlib
import glob
import json
import os
import re
import subprocess
import sys
import threading
import time

import cluster

HERE = os.path.dirname(os.path.abspath(__file__))
DRIVERS = os.path.join(cluster.CACHE, "drivers")
SHORT = ["write", "read", "auto", "explicit", "bookmarks", "large", "types", "failure"]
count = bad = 0


def ok(held, text, why=""):
    global count, bad
    count += 1
    bad += not held
    print(f"{'' if held else 'not '}ok {count} - {text}", flush=True)
    if not held and why:
        print(f"# {why}", flush=True)


class Loopback:
    """Three servers of this machine's own."""

    def __init__(self, args):
        self.args, self.prefix, self.env = args, [], {}
        self.password, self.said = cluster.PASSWORD, "on one machine"

    def __enter__(self):
        self.cluster = cluster.Cluster().__enter__()
        self.proxy = cluster.Proxy(self.cluster.nodes).__enter__()
        self.address = f"127.0.0.1:{self.proxy.bolt}"
        return self

    def __exit__(self, *exc):
        try:
            self.proxy.__exit__(*exc)
        finally:
            self.cluster.__exit__(*exc)

    def cut(self):
        self.cluster.master().kill()


class Rehearsed:
    """The machines of a rehearsal, in its network namespace."""

    def __init__(self, args):
        self.args, self.address = args, f"{args.proxy}:7687"
        self.prefix = ["ip", "netns", "exec", "bramble-" + args.rehearsed]
        self.env = {"NODE_EXTRA_CA_CERTS": args.ca, "SSL_CERT_FILE": args.ca} if args.ca else {}
        self.password, self.said = "no password is asked for", "each on a rehearsed card"
        if args.password_file:
            with open(args.password_file) as f:
                self.password = f.read().strip()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def master(self):
        for name, address in (x.split("=") for x in self.args.data.split(",")):
            r = subprocess.run([*self.prefix, "curl", "-s", "-m", "3", f"http://{address}:7470/master"],
                               text=True, stdout=subprocess.PIPE)
            if r.stdout.strip() == "master":
                return name
        raise RuntimeError("no agent says that its node is the master")

    def cut(self):
        subprocess.run([os.path.join(cluster.BUILD, "bramble"), "rehearse", "cut", "--cluster",
                        self.args.rehearsed, self.master()], check=True, stdout=subprocess.DEVNULL)


def command(target, driver, scheme, *rest):
    kind = driver.split("-")[0]
    folder = os.path.join(DRIVERS, driver)
    if kind == "js":
        run = ["node", "--no-deprecation", os.path.join(HERE, "suite.js"), folder]
    else:
        run = [os.path.join(folder, "bin", "python"), "-W", "ignore", os.path.join(HERE, "suite.py"), folder]
    return [*target.prefix, *run, f"{scheme}://{target.address}", target.password, *rest]


def schemes(driver, secure):
    """`bolt`, and what asks for routing; 1.7 has no scheme that asks for TLS (suite.js does, by +s)."""
    s = "+s" if secure else ""
    return ["bolt" + s, ("bolt+routing" if "-1." in driver else "neo4j") + s]


def suite(target, driver, scheme, size, cases):
    r = subprocess.run(command(target, driver, scheme, str(size), *cases), text=True, timeout=900,
                       env={**os.environ, **target.env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       stdin=subprocess.DEVNULL)
    found = re.findall(r"^(not ok|ok|skip) (\w+)(.*)$", r.stdout, re.M)
    verdicts = {case: verdict for verdict, case, _ in found}
    for verdict, case, why in found:
        if verdict != "skip":
            ok(verdict == "ok", f"{driver} {scheme}: {case}", why)
    if r.returncode or not found:
        ok(False, f"{driver} {scheme}: came to its end", r.stderr[-500:])
    return verdicts


class Loop:
    """A driver that writes until it is stopped."""

    def __init__(self, target, driver, scheme):
        self.name = f"{driver} `{scheme}://`"
        self.process = subprocess.Popen(command(target, driver, scheme, "0", "loop"), text=True,
                                        env={**os.environ, **target.env}, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
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

    def ask_to_stop(self):
        with contextlib.suppress(BrokenPipeError):  # one that ended by itself is judged by what it wrote
            self.process.stdin.write("stop\n")
            self.process.stdin.flush()

    def end(self, deadline):
        self.thread.join(max(0, deadline - time.monotonic()))
        self.process.kill()
        self.process.wait()

    def gap(self):
        return max((b - a for a, b in zip(self.times, self.times[1:])), default=0)


def all_wrote(loops, more, seconds=120):
    """Waits until each has acknowledged 3 writes beyond `more`; False if some had not in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if all(len(x.wrote) >= more.get(x.name, 0) + 3 for x in loops):
            return True
        time.sleep(0.1)
    return False


def judge(x, there, before):
    """A row of the table of failovers."""
    lost, doubled = x.wrote - set(there), len(there) - len(set(there))
    unsaid = len(set(there) - x.wrote)
    ok(len(x.wrote) >= before + 3, f"{x.name}: writes went on after the master's death")
    ok(not lost, f"{x.name}: none of {len(x.wrote)} acknowledged writes is lost", f"lost {sorted(lost)[:9]}")
    # A commit whose answer was lost: nobody knows what became of it, and Python says so.
    errors = [e for e in x.errors if "IncompleteCommit" not in e]
    ok(not errors, f"{x.name}: no error reached the user's code", f"{errors[:2]}")
    print(f"# {x.name}: longest pause {x.gap():.1f} s, {doubled} doubled, {unsaid} stored without a word")
    return [len(x.wrote), len(x.errors), len(lost), doubled, unsaid, round(x.gap(), 1)]


def failover(target, drivers, secure):
    loops = [Loop(target, d, schemes(d, secure)[1]) for d in drivers]
    ok(all_wrote(loops, {}), "all of them write while the master lives")
    target.cut()
    before = {x.name: len(x.wrote) for x in loops}  # not earlier: they go on until it is dead
    all_wrote(loops, before)
    for x in loops:
        x.ask_to_stop()
    deadline = time.monotonic() + 90
    for x in loops:
        x.end(deadline)
    stored = read_all(target, drivers)
    return {x.name: judge(x, stored.get(x.who, []), before[x.name]) for x in loops}


def read_all(target, drivers):
    """What the cluster holds of the loops' writes, by who wrote it; read from the master."""
    newest = [d for d in drivers if d.startswith("js")][-1]
    scheme = "bolt+s" if target.env else "bolt"
    script = ("const n=require(process.argv[1]+'/node_modules/neo4j-driver');"
              "const d=n.driver(process.argv[2],n.auth.basic('neo4j',process.argv[3]));const s=d.session();"
              "s.run('MATCH (n:F) RETURN n.who AS w, n.i AS i').then(r=>{r.records.forEach(x=>"
              "console.log(x.get('w'),x.get('i').toString()));return s.close()}).then(()=>d.close())")
    r = subprocess.run([*target.prefix, "node", "-e", script, os.path.join(DRIVERS, newest),
                        f"{scheme}://{target.address}", target.password], text=True, check=True, timeout=120,
                       env={**os.environ, **target.env}, stdout=subprocess.PIPE)
    stored = {}
    for line in r.stdout.splitlines():
        who, i = line.split()
        stored.setdefault(who, []).append(int(i))
    return stored


def by_version(name):
    return name[:2], [int(x) for x in name.split(" ")[0][3:].split(".")], name


def by_hand(path):
    """What follows the two tables in the page there is."""
    if not os.path.exists(path):
        return ""
    with open(path) as f:
        text = f.read()
    title = FAILOVER_HEAD.strip().split("\n")[0]
    at = text.find("\n## ", text.find(title) + 1) if title in text else -1
    return text[at:] if at >= 0 else ""


def table(path, results):
    rest = by_hand(path)
    cases = list(dict.fromkeys(c for name in sorted(results["suites"], key=by_version)
                               for c in results["suites"][name]))
    marks = {"ok": "yes", "not ok": "**no**", "skip": "-", None: ""}
    with open(path, "w") as f:
        f.write(HEAD.format(version=cluster.VERSION, size=results["size"], said=results["said"]))
        f.write("| driver | " + " | ".join(cases) + " |\n|---|" + "---|" * len(cases) + "\n")
        for name in sorted(results["suites"], key=by_version):
            v = results["suites"][name]
            f.write(f"| {name} | " + " | ".join(marks[v.get(c)] for c in cases) + " |\n")
        f.write(FAILOVER_HEAD)
        for name in sorted(results["failover"], key=by_version):
            f.write(f"| {name} | " + " | ".join(map(str, results["failover"][name])) + " s |\n")
        f.write(rest)


with open(os.path.join(HERE, "heads.md")) as heads:
    HEAD, FAILOVER_HEAD = heads.read().split("<!-- the table -->\n")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="routing only, and not what takes long")
    parser.add_argument("--cases", metavar="NAME,...", help="these of suite.js and suite.py instead")
    parser.add_argument("--no-failover", action="store_true")
    parser.add_argument("--only", default="", help="drivers by a regular expression; 'none': failover only")
    parser.add_argument("--results", help="JSON to add to")
    parser.add_argument("--table")
    parser.add_argument("--rehearsed", metavar="NAME")
    parser.add_argument("--proxy", metavar="ADDRESS")
    parser.add_argument("--data", metavar="pi1=ADDRESS,...")
    parser.add_argument("--password-file")
    parser.add_argument("--ca", help="PEM: by TLS, which a certificate of this authority must prove")
    parser.add_argument("--tap-from", type=int, default=1)
    return parser.parse_args()


def play(args, drivers, results):
    wanted = [d for d in drivers if re.search(args.only, d)]
    results["size"] = 20000 if args.short else 1000000
    cases = args.cases.split(",") if args.cases else SHORT if args.short else []
    with (Rehearsed if args.rehearsed else Loopback)(args) as target:
        results["said"] = target.said
        for driver in wanted:
            for scheme in schemes(driver, args.ca)[1 if args.short else 0:]:
                results["suites"][f"{driver} `{scheme}://`"] = suite(
                    target, driver, scheme, results["size"], cases)
        if not args.no_failover:
            results["failover"] = failover(target, drivers, args.ca)


def main():
    global count
    args = arguments()
    count = args.tap_from - 1
    drivers = sorted((os.path.basename(d) for d in glob.glob(os.path.join(DRIVERS, "[jp][sy]-*[0-9]"))),
                     key=by_version)
    if not drivers or (not args.rehearsed and not os.path.exists(cluster.BUNDLE)):
        ok(True, "the matrix # SKIP no drivers (tests/drivers/get.sh) or no Neo4j (images/neo4j/bundle.sh)")
        print(f"1..{count}")
        return 0
    results = {"suites": {}, "failover": {}}
    if args.results and os.path.exists(args.results):
        with open(args.results) as f:
            results = json.load(f)
    play(args, drivers, results)
    if args.results:
        with open(args.results, "w") as f:
            json.dump(results, f, indent=1)
    if args.table:
        table(args.table, results)
    if args.tap_from == 1:
        print(f"1..{count}")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
