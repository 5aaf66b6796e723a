#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What writers see of a lost master or slave of real Neo4j, by bramble-proxy and by HAProxy, at the same moment.

A rehearsed cluster of three data nodes has bramble-proxy on a node of its own; HAProxy with the article's file runs
beside it, in the same network. As many writers send one write at a time to either. Then the master's cable is pulled
and, a second later, its power cut (`cut`), or that is done to a slave, each in turn, one of which is the first that
Neo4j pushes commits to (`slave`), or a person has another node be the master (`switchover`). Each acknowledged write is
looked for on every member. Prints Markdown. Needs root, haproxy and the inputs of `make inputs`;
about a minute and a half for a round.

usage: powercut.py [ROUNDS [cut|slave|switchover ...]]
"""
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests/cluster/faults"), os.path.join(TOP, "tests/cluster")]

from cable import unplug  # noqa: E402 (its folder comes first)
from client import cypher, enter, request, values  # noqa: E402
from machines import Machines, missing_input, wait_until  # noqa: E402

NAME, SUBNET, WRITERS = "powercut", "192.168.85", 4
AVAILABLE = "/db/manage/server/ha/available"
SETTLE_S, AFTER_S, LIMIT_S = 8, 5, 180
WITHOUT_S = 25  # a slave; longer than Neo4j waits for its answer
UNKNOWN = "whether the request was carried out is unknown"


class Writer(threading.Thread):
    """One write after the other, none of them twice; (begin, end, what became of it)."""

    def __init__(self, address, port, label):
        super().__init__(daemon=True)
        self.address, self.port, self.label = address, port, label
        self.stop, self.seen, self.acked = threading.Event(), [], []
        self.start()

    def run(self):
        enter("/run/netns/bramble-" + NAME)
        n = 0
        while not self.stop.is_set():
            n += 1
            begin = time.monotonic()
            status, answer, text = cypher(self.address, self.port, "CREATE (w:%s {id: {id}})" % self.label, {"id": n},
                                          {"X-Write": "1"})
            done = status in (200, 201) and answer.get("errors") == []
            if done:
                self.acked.append(n)
            self.seen.append((begin, time.monotonic(), "acked" if done else
                              "unknown" if status == 502 and UNKNOWN in text else
                              "%d %s" % (status, re.sub(r"\s+", " ", text)[:80])))
            time.sleep(0.02 if done else 0.2)  # who failed tries the next one, as a client would


class Roles(threading.Thread):
    """Asks one member what it is, twenty times a second."""

    def __init__(self, node, address):
        super().__init__(daemon=True)
        self.node, self.address, self.stop = node, address, threading.Event()
        self.now, self.master_since = None, None
        self.start()

    def run(self):
        enter("/run/netns/bramble-" + NAME)
        while not self.stop.is_set():
            status, text = request(self.address, 7474, "GET", AVAILABLE, timeout=1)
            now = text.strip() if status == 200 else None
            if now == "master" and self.now != "master":
                self.master_since = time.monotonic()
            self.now = now
            time.sleep(0.05)


def haproxy_file(folder, addresses):
    """The article's, with this cluster's addresses, on a port of its own."""
    with open(os.path.join(TOP, "tests/proxy/article.cfg")) as f:
        text = f.read()
    for i, address in enumerate(addresses):
        text = text.replace("192.168.2.%d:" % (7 + i), address + ":")
    text = text.replace("    daemon\n", "").replace("bind *:8090", "bind *:8091")
    path = os.path.join(folder, "haproxy.cfg")
    with open(path, "w") as f:
        f.write(text)
    return path


def whole(roles):
    now = [r.now for r in roles]
    return next((r for r in roles if r.now == "master"), None) if sorted(map(str, now)) == ["master", "slave", "slave"] else None


def wait_for(what, test):
    value = wait_until(LIMIT_S, test)
    if not value:
        raise SystemExit("powercut: waited %d s for %s" % (LIMIT_S, what))
    return value


def power_off(machines, node):
    unplug(machines, node)
    time.sleep(1)
    machines.cut(node)


def cut(machines, master, slaves, number):
    power_off(machines, master.node)


def slave(machines, master, slaves, number):
    power_off(machines, slaves[number % len(slaves)].node)


def switchover(machines, master, slaves, number):
    machines.command("switchover", slaves[0].node)


STORIES = {how.__name__: how for how in (cut, slave, switchover)}


def outcome(writers, begin, elected):
    """(acknowledged, unknown and told, failed otherwise, what those said, longest time without one, to the first one)"""
    seen = [s for w in writers for s in w.seen if s[1] >= begin]
    ends = sorted(e for _, e, what in seen if what == "acked")
    gaps = [b - a for a, b in zip([begin] + ends, ends)]
    failed = [what for _, _, what in seen if what not in ("acked", "unknown")]
    return {"acked": sum(len(w.acked) for w in writers), "unknown": sum(s[2] == "unknown" for s in seen),
            "failed": len(failed), "why": sorted(set(failed)), "gap": max(gaps, default=float("inf")),
            "first": next((e for e in ends if e > elected), float("inf")) - elected}


def lost_and_doubled(machines, writers):
    """Acknowledged writes some member has not, half a minute given, and writes that are there twice."""
    found = {}

    def look(node, writer):
        enter("/run/netns/" + machines.netns)
        _, answer, _ = cypher(machines.address[node], 7474, "MATCH (w:%s) RETURN w.id" % writer.label)
        found[node, writer.label] = values(answer) if answer.get("errors") == [] else []

    def missing():
        looks = [threading.Thread(target=look, args=(n, w)) for n in machines.nodes for w in writers]
        for t in looks:
            t.start()
        for t in looks:
            t.join()
        return {(w.label, i) for n in machines.nodes for w in writers for i in set(w.acked) - set(found[n, w.label])}

    end = time.monotonic() + 30
    while (gone := missing()) and time.monotonic() < end:
        time.sleep(1)
    return len(gone), sum(len(ids) - len(set(ids)) for ids in found.values())


def play(machines, roles, tools, how, number):
    """Seconds without a master, {tool: outcome}."""
    master = wait_for("a whole cluster", lambda: whole(roles))
    writers = {tool: [Writer(address, port, "W%d_%s_%d" % (number, tool, i)) for i in range(WRITERS)]
               for tool, (address, port) in tools.items()}
    time.sleep(SETTLE_S)
    slaves = [r for r in roles if r is not master]
    begin = elected = time.monotonic()
    how(machines, master, slaves, number)
    if how is slave:
        time.sleep(WITHOUT_S)
    else:
        elected = wait_for("a new master", lambda: next(
            (r.master_since for r in slaves if (r.master_since or 0) > begin), None))
    wait_for("writes by either", lambda: all(
        any(e > elected and what == "acked" for w in ws for _, e, what in w.seen) for ws in writers.values()))
    time.sleep(AFTER_S)
    machines.boot(*machines.off)
    wait_for("a whole cluster again", lambda: whole(roles))
    for ws in writers.values():
        for w in ws:
            w.stop.set()
    results = {}
    for tool, ws in writers.items():
        for w in ws:
            w.join(90)
        results[tool] = outcome(ws, begin, elected)
        results[tool]["lost"], results[tool]["doubled"] = lost_and_doubled(machines, ws)
    return elected - begin, results


def row(name, no_master, tool, rounds):
    def times(key):
        values_ = sorted(r[key] for r in rounds)
        return "%.2f (%.2f to %.2f)" % (statistics.median(values_), values_[0], values_[-1])

    return "| %s | %s | %s | %d | %s | %s | %d | %d | %s | %s |" % (
        name, no_master, tool, sum(r["acked"] for r in rounds), ", ".join(str(r["unknown"]) for r in rounds),
        ", ".join(str(r["failed"]) for r in rounds), sum(r["lost"] for r in rounds),
        sum(r["doubled"] for r in rounds), times("gap"), times("first"))


def compare(machines, roles, tools, rounds, stories):
    print("| what | no master, s | by | acknowledged | unknown, and told | failed | lost | twice | no write, s | first write after "
          "the new master's answer, s |\n|---|---|---|---|---|---|---|---|---|---|", flush=True)
    said = {tool: set() for tool in tools}
    number = 0
    for how in stories:
        played = []
        for _ in range(rounds):
            number += 1
            played.append(play(machines, roles, tools, how, number))
            print("round:", how.__name__, played[-1], file=sys.stderr, flush=True)
        times = sorted(p[0] for p in played)
        for tool in tools:
            results = [p[1][tool] for p in played]
            said[tool].update(why for r in results for why in r["why"])
            print(row(how.__name__, "%.1f (%.1f to %.1f)" % (statistics.median(times), times[0], times[-1]), tool, results),
                  flush=True)
    for tool, whys in said.items():
        for why in sorted(whys):
            print("\n%s: %s" % (tool, why))


def main():
    haproxy = shutil.which("haproxy") or shutil.which("/usr/sbin/haproxy")
    lack = "root" if os.geteuid() != 0 else missing_input() or (None if haproxy else "haproxy")
    if lack:
        raise SystemExit("powercut: needs " + lack)
    folder = tempfile.mkdtemp(prefix="bramble-powercut.", dir="/var/tmp")
    bramble = os.environ.get("BRAMBLE") or os.path.join(TOP, "build/bramble")
    machines = Machines(bramble, folder, NAME, SUBNET, apart=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("powercut: ended"))
    beside = None
    try:
        machines.build()
        machines.start()
        beside = subprocess.Popen(["ip", "netns", "exec", machines.netns, haproxy, "-db", "-f",
                                   haproxy_file(folder, machines.address.values())],
                                  stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        roles = [Roles(n, a) for n, a in machines.address.items()]
        compare(machines, roles, {"bramble": (machines.proxy, 8090), "haproxy": ("127.0.0.1", 8091)},
                int(sys.argv[1]) if len(sys.argv) > 1 else 3,
                [STORIES[name] for name in sys.argv[2:] or STORIES])
    finally:
        if beside:
            beside.kill()
            beside.wait()
        machines.stop()
        shutil.rmtree(folder, ignore_errors=True)
        sys.stdout.flush()
    os._exit(0)  # threads may sit in a request


main()
