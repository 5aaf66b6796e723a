#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the agents take to form a cluster, beside the same Neo4js started by hand.

Three machines of a rehearsal with real Neo4j get power at one moment, with empty cards. The time
they need to boot, until the last one's agent answers, is told apart; the rest, until Neo4j is
available on all of them, is the agents'. Then, on the same booted machines, agents and guards are
stopped, the stores emptied, and all three Neo4js are started at one moment by systemctl: that is
what it takes without agents. Both again on fresh machines, ROUNDS times. Needs root and the inputs
of `make inputs`; about two minutes for a round.

usage: formation.py [ROUNDS]
"""
import os
import shutil
import signal
import statistics
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(TOP, "tests/cluster/faults"), os.path.join(TOP, "tests/cluster")]

from client import request  # noqa: E402 (its folder comes first)
from machines import Inside, Machines, missing_input, wait_until  # noqa: E402

LIMIT_S = 240
AVAILABLE = "/db/manage/server/ha/available"
EMPTY = "rm -rf /srv/bramble/neo4j/data/databases /srv/bramble/neo4j/data/graph.db"


class Moments(threading.Thread):
    """When one machine had power, its agent answered, and its Neo4j was available."""

    def __init__(self, machines, node):
        super().__init__(daemon=True)
        self.machines, self.node, self.stop = machines, node, False
        self.power = self.agent = self.available = None
        self.start()

    def run(self):
        inside, address = Inside(self.machines, self.node), self.machines.address[self.node]
        while not self.stop and not self.available:
            if inside.go():
                self.power = self.power or time.monotonic()
                if not self.agent and request("127.0.0.1", 7470, "GET", "/liveness",
                                              timeout=1)[0] == 200:
                    self.agent = time.monotonic()
                if request(address, 7474, "GET", AVAILABLE, timeout=1)[0] == 200:
                    self.available = time.monotonic()
            time.sleep(0.1)


def all_available(moments):
    if not wait_until(LIMIT_S, lambda: all(m.available for m in moments)):
        raise SystemExit("formation: not all are available after %d s" % LIMIT_S)
    return max(m.available for m in moments)


def by_agents(machines):
    """(seconds to boot, seconds from then to the last available one)."""
    machines.leaders.clear()
    start = threading.Thread(target=machines.start)
    moments = [Moments(machines, n) for n in machines.nodes]
    machines.off.clear()
    start.start()
    end = all_available(moments)
    start.join()
    booted = max(m.agent for m in moments)
    return booted - max(m.power for m in moments), end - booted


def by_hand(machines):
    for n in machines.nodes:
        machines.run(n, "systemctl", "stop", "bramble-agent", "bramble-guard")
    for n in machines.nodes:
        machines.run(n, "systemctl", "stop", "neo4j", check=False)
        machines.shell(n, EMPTY)
    starts = [threading.Thread(target=machines.run,
                               args=(n, "systemctl", "start", "--no-block", "neo4j"))
              for n in machines.nodes]
    begin = time.monotonic()
    for t in starts:
        t.start()
    moments = [Moments(machines, n) for n in machines.nodes]
    end = all_available(moments)
    for t in starts:
        t.join()
    return end - begin


def main():
    lack = "root" if os.geteuid() != 0 else missing_input()
    if lack:
        raise SystemExit("formation: rehearsals need " + lack)
    folder = tempfile.mkdtemp(prefix="bramble-formation.", dir="/var/tmp")
    bramble = os.environ.get("BRAMBLE") or os.path.join(TOP, "build/bramble")
    machines = Machines(bramble, folder, "formation", "192.168.87")
    ratios = []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("formation: ended"))
    try:
        machines.build()
        print("| round | boot, s | agents, s | by hand, s | agents / by hand |\n|---|---|---|---|---|")
        for i in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
            boot, agents = by_agents(machines)
            hand = by_hand(machines)
            ratios.append(agents / hand)
            print("| %d | %.1f | %.1f | %.1f | %.2f |" % (i + 1, boot, agents, hand, ratios[-1]),
                  flush=True)
            machines.stop()
        print("\nMedian of agents / by hand: %.2f" % statistics.median(ratios))
    finally:
        machines.stop()
        shutil.rmtree(folder, ignore_errors=True)
        sys.stdout.flush()
    os._exit(0)  # threads may sit in a request


main()
