# SPDX-License-Identifier: GPL-3.0-or-later
"""What writers see of a lost master through bramble-proxy and through HAProxy with the article's checks.

Members are mocks (tests/proxy/fake_member.py): what is measured is the proxies' part, how soon they follow and
what they do meanwhile. The real cluster's part is in docs/RESULTS.md. proxy.py calls this.
"""

import os
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "proxy"))

from fake_member import FakeMember  # noqa: E402
from harness import Conn  # noqa: E402

WRITERS, ELECTION_S, PATIENCE_S = 8, 3, 15


class Writer(threading.Thread):
    """One write after the other, as long as it lasts."""

    def __init__(self, port, seen):
        super().__init__(daemon=True)
        self.port, self.seen, self.stop = port, seen, threading.Event()

    def run(self):
        conn = None
        while not self.stop.is_set():
            begin = time.monotonic()
            try:
                conn = conn or Conn(self.port, timeout=PATIENCE_S)
                conn.request("POST", "/slow", "X-Write: 1\r\n", b"x")
                a = conn.answer()
                self.seen.append((begin, time.monotonic(), a.status))
                if a.field("Connection") == "close":
                    conn = None
            except OSError:
                self.seen.append((begin, time.monotonic(), 0))
                conn = None
            if self.seen[-1][2] != 200:
                time.sleep(0.05)  # as a client that tries again


def lose(master, how):
    if how == "silent":
        master.frozen = True  # a power cut: nothing answers any more, connections stay open
    else:
        master.down()  # a process that dies: refused and reset


def play(members, port, how):
    """(writes that failed before there was a new master, after that, seconds until the first one was written)"""
    seen = []
    for i, m in enumerate(members):
        m.role = "slave" if i else "master"
    writers = [Writer(port, seen) for _ in range(WRITERS)]
    for w in writers:
        w.start()
    time.sleep(4)
    lost = time.monotonic()
    lose(members[0], how)
    time.sleep(ELECTION_S)
    elected = time.monotonic()
    members[1].role = "master"
    end = elected + PATIENCE_S + 2
    while time.monotonic() < end and not any(b >= lost and e >= elected and s == 200 for b, e, s in seen):
        time.sleep(0.01)
    time.sleep(1)
    for w in writers:
        w.stop.set()
    for w in writers:
        w.join(PATIENCE_S + 1)
    first = min((e - elected for _, e, s in seen if e >= elected and s == 200), default=float("inf"))
    failed = [e for _, e, s in seen if s != 200]
    return sum(e < elected for e in failed), sum(e >= elected for e in failed), first


def compare(tools, start, configure, ports, rounds):
    """Prints the table. start(tool): its process; configure(member ports) writes their files."""
    print(f"\n{WRITERS} writers: as many writes are on their way when the master goes, whose outcome nobody can know.\n")
    print("| the master | tool | writes failed meanwhile | after the election | s from there to the first write "
          "| of HAProxy's |\n|---|---|---|---|---|---|", flush=True)
    for how in ("dies", "silent"):
        medians = {}
        for tool in tools:
            results = []
            for _ in range(rounds):
                members = [FakeMember(f"s{i}") for i in range(3)]
                members[0].role = "master"
                configure([m.port for m in members])
                process = start(tool)
                time.sleep(5)  # all checked, by HAProxy too
                try:
                    results.append(play(members, ports[tool], how))
                finally:
                    process.kill()
                    process.wait()
                    for m in members:
                        m.frozen = False
                        if m.listener:
                            m.down()
            medians[tool] = [statistics.median(r[i] for r in results) for i in range(3)]
        for tool, (meanwhile, after, first) in medians.items():
            print(f"| {how} | {tool} | {meanwhile:.0f} | {after:.0f} | {first:.2f} | "
                  f"{first / medians['haproxy'][2]:.2f} |", flush=True)
