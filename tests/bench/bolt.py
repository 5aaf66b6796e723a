#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Bolt front costs, beside a direct connection and HAProxy in tcp mode, in one run.

    bolt.py [--rounds N]    three real Neo4j 3.5 HA servers on loopback; about two minutes
    bolt.py --mock          streaming only, from a MOCK that has its records ready: what it costs the
                            proxy, where Neo4j itself would be what is waited for; ten seconds
"""

import argparse
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "drivers"), os.path.join(HERE, "..", "proxy")]
import cluster  # noqa: E402
from fake_bolt import HELLO, MAGIC, PULL, RECORD, RUN, SUCCESS, BoltMember, BoltProxy, message  # noqa: E402

ONE = message(RUN, "RETURN 1 AS x", {}, {"mode": "r"}) + message(PULL)
MANY = message(RUN, "UNWIND range(1, 1000000) AS x RETURN x, 'abcdefghij'", {}, {"mode": "r"}) + message(PULL)
IDLE, SPARE = 10000, 1000  # idle connections to hold; descriptors for all else
END = b"t_last"  # in the last message of each answer, and not before


class Connection:
    def __init__(self, port, password=cluster.PASSWORD):
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(MAGIC + b"\0\0\0\3" + bytes(12))
        assert self.sock.recv(4) == b"\0\0\0\3"
        self.sock.sendall(message(HELLO, {"user_agent": "bench", "scheme": "basic", "principal": "neo4j",
                                          "credentials": password}))
        assert b"server" in self.sock.recv(4096)

    def ask(self, request):
        """How many bytes the whole answer has."""
        self.sock.sendall(request)
        total, tail = 0, b""
        while True:
            data = self.sock.recv(1 << 18)
            assert data, "closed"
            total += len(data)
            tail = (tail + data)[-200:]
            if END in tail and tail.endswith(b"\0\0"):
                return total


class Haproxy:
    def __init__(self, target):
        self.port = cluster.free_port()
        self.dir = tempfile.mkdtemp()
        conf = os.path.join(self.dir, "haproxy.cfg")
        with open(conf, "w") as f:
            f.write("global\n nbthread 1\n maxconn 4000\ndefaults\n mode tcp\n timeout connect 5s\n"
                    " timeout client 1h\n timeout server 1h\n"
                    f"listen l\n bind 127.0.0.1:{self.port}\n server s 127.0.0.1:{target}\n")
        self.process = subprocess.Popen(["haproxy", "-db", "-f", conf], stderr=subprocess.DEVNULL)
        time.sleep(1)

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir)


def cpu(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_kb(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def latency(ports, n):
    """Medians in microseconds, by turns, so that all see the same noise."""
    conns = {k: Connection(p) for k, p in ports.items()}
    times = {k: [] for k in ports}
    for i in range(n):
        for k, c in conns.items():
            start = time.perf_counter()
            c.ask(ONE)
            if i > n // 4:
                times[k].append((time.perf_counter() - start) * 1e6)
    return {k: statistics.median(t) for k, t in times.items()}


def streaming(ports, rounds):
    speed = {k: [] for k in ports}
    for i in range(rounds + 1):
        for k, p in ports.items():
            c = Connection(p)
            start = time.perf_counter()
            n = c.ask(MANY)
            if i:
                speed[k].append(n / (time.perf_counter() - start) / 1e6)
    return {k: statistics.median(v) for k, v in speed.items()}


def cpu_per_transaction(port, pid, n, workers=8):
    conns = [Connection(port) for _ in range(workers)]
    before = cpu(pid)
    threads = [threading.Thread(target=lambda c=c: [c.ask(ONE) for _ in range(n // workers)]) for c in conns]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return (cpu(pid) - before) / n * 1e6


def idle(port, pid, n):
    """kB per idle, logged-in connection."""
    first = [Connection(port) for _ in range(50)]
    before = rss_kb(pid)
    held = [Connection(port) for _ in range(n)]
    kb = (rss_kb(pid) - before) / n
    assert held[-1].ask(ONE) and held[0].ask(ONE) and first[0].ask(ONE)
    return kb, len(held) + len(first)


def descriptors(want):
    """How many this process and its children may have: `want`, or what the hard limit leaves of it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    n = want if hard == resource.RLIM_INFINITY else min(want, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))
    return n


def measure(c, rounds, say=print):
    held = min(IDLE, descriptors(IDLE * 3) - SPARE)
    if held < IDLE:
        say(f"the limit of open files leaves {held} idle connections instead of {IDLE}")
    say(f"load average before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    reader = next(n for n in c.nodes if n.role() == "slave")
    h = Haproxy(reader.bolt) if shutil.which("haproxy") else None
    # One member only: all three ways lead to the same server. It counts as the master would.
    with cluster.Proxy([reader], limits=f"maxconn = {held + 200}", ready=False) as p:
        time.sleep(1)
        ports = {"direct": reader.bolt, "bramble-proxy": p.bolt}
        if h:
            ports["HAProxy tcp"] = h.port
        for _ in range(rounds):
            micro = latency(ports, 2000)
            say("latency of a one-record read, median: " + ", ".join(f"{k} {v:.0f} us" for k, v in micro.items()))
        rates = streaming(ports, 3)
        say("1 M records: " + ", ".join(f"{k} {v:.1f} MB/s ({v / rates['direct']:.2f})" for k, v in rates.items()))
        own = cpu_per_transaction(p.bolt, p.process.pid, 8000)
        other = cpu_per_transaction(h.port, h.process.pid, 8000) if h else float("nan")
        say(f"CPU per read transaction: bramble-proxy {own:.0f} us, HAProxy tcp {other:.0f} us ({own / other:.2f})")
        kb, n = idle(p.bolt, p.process.pid, held)
        say(f"{n} idle connections held, {kb:.2f} kB each")
    if h:
        h.stop()


class Ready(BoltMember):
    """3 M records of 26 bytes, as fast as a socket takes them."""

    RECORDS = 3000000

    def stream(self, sock, text, rows):
        some = message(RECORD, [123456, "abcdefghij"]) * 2000
        for _ in range(self.RECORDS // 2000):
            sock.sendall(some)
        sock.sendall(message(SUCCESS, {"t_last": 0}))


def measure_mock(rounds, say=print):
    member = Ready("pi1", "master", password=cluster.PASSWORD)
    with BoltProxy([member]) as p:
        for _ in range(rounds):
            direct = streaming({"direct": member.bolt}, 1)["direct"]
            before = cpu(p.process.pid)
            ours = streaming({"ours": p.bolt}, 1)["ours"]
            cost = (cpu(p.process.pid) - before) / 2 / Ready.RECORDS
            say(f"direct {direct:.0f} MB/s, bramble-proxy {ours:.0f} MB/s ({ours / direct:.2f}), {cost * 1e9:.0f} ns of CPU a record")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mock", action="store_true")
    args = parser.parse_args()
    if args.mock:
        measure_mock(args.rounds)
        return
    with cluster.Cluster() as c:
        measure(c, args.rounds)


if __name__ == "__main__":
    main()
