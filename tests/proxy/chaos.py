#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile clients, moody members and changing masters all at once, against the real program.

    chaos.py [SECONDS [SEED]]

What must hold: the proxy lives, no write arrives twice, each acknowledged one arrived, and in the
end nothing is in flight and memory is bounded.
Best run with BRAMBLE_PROXY=build/sanitize/bramble-proxy. Prints TAP.
"""

import random
import socket
import sys
import threading
import time

import harness
from harness import Conn, Proxy, cluster, eventually, ok, same

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 10
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1

PIECES = [b"GET / HTTP/1.1\r\n", b"POST /echo HTTP/1.1\r\n", b"Host: a\r\n", b"\r\n", b"\n", b"\r",
          b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n",
          b"0\r\n\r\n", b"X-Write: 1\r\n", b"Expect: 100-continue\r\n", b"\0", b"\xff" * 50,
          b"Connection: close\r\n", b"A" * 5000, b"HEAD /big/10 HTTP/1.0\r\n", b"ffffffff\r\n"]
TARGETS = ["/echo", "/slow", "/close", "/big/200000", "/chunked/200000", "/until-close/9999", "/cut",
           "/raw/garbage", "/raw/early", "/raw/bad-chunk", "/raw/switch"]


def hostile(proxy, rng, stop):
    while not stop.is_set():
        try:
            c = Conn(proxy.port, timeout=0.5)
            for _ in range(rng.randrange(1, 12)):
                c.send(rng.choice(PIECES))
            if rng.random() < 0.5:
                c.sock.recv(rng.randrange(1, 5000))
            if rng.random() < 0.3:
                c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            c.close()
        except OSError:
            pass


def ordinary(proxy, rng, stop):
    while not stop.is_set():
        c = None
        try:
            c = Conn(proxy.port, timeout=2)
            for _ in range(rng.randrange(1, 5)):
                body = b"x" * rng.choice([0, 10, 30000])
                c.request(rng.choice(["GET", "POST", "HEAD", "PUT"]), rng.choice(TARGETS), "", body)
                if rng.random() < 0.8:
                    c.sock.recv(rng.randrange(1, 300000))
        except OSError:
            pass
        if c:
            c.close()


def writer(proxy, name, acknowledged, stop):
    n = 0
    while not stop.is_set():
        n += 1
        target = f"/echo/{name}/{n}"
        try:
            a = proxy.once("POST", target, "X-Write: 1\r\n", b"{}")
            if a.status == 200:
                acknowledged.append((target, a.member()))
        except OSError:
            pass


def moods(members, rng, stop):
    """Masters come and go; members die, freeze and return. One master at a time, as Neo4j has it."""
    while not stop.is_set():
        m = rng.choice(members)
        mood = rng.random()
        if mood < 0.6:
            for other in members:
                if other.role == "master":
                    other.role = rng.choice(["slave", "UNKNOWN"])
            time.sleep(rng.random() * 0.2)
            m.role = "master"
        elif mood < 0.8 and m.listener:
            m.down()
            time.sleep(rng.random() * 0.3)
            m.role = "slave"
            m.up()
        else:
            m.frozen = True
            time.sleep(rng.random() * 0.5)
            m.frozen = False
        time.sleep(rng.random() * 0.3)


def main():
    print(f"# seed {SEED}, {SECONDS} s", flush=True)
    members, stop, acknowledged = cluster(3), threading.Event(), []
    with Proxy(members, pool="hold_ms = 2000", limits="maxconn = 60") as proxy:
        proxy.ready()
        jobs = [(hostile, (proxy, random.Random(SEED * 100 + i), stop)) for i in range(6)]
        jobs += [(ordinary, (proxy, random.Random(SEED * 200 + i), stop)) for i in range(6)]
        jobs += [(writer, (proxy, f"w{i}", acknowledged, stop)) for i in range(4)]
        jobs += [(moods, (members, random.Random(SEED * 300), stop))]
        threads = [threading.Thread(target=f, args=a, daemon=True) for f, a in jobs]
        for t in threads:
            t.start()
        time.sleep(SECONDS)
        stop.set()
        for t in threads:
            t.join(harness.PATIENCE_S)
        ok(proxy.process.poll() is None, "the proxy lives")
        ok(len(acknowledged) > 20, f"{len(acknowledged)} writes were acknowledged")
        done = [t for m in members for t in m.writes()]
        ours = [t for t in done if t.startswith("/echo/w")]
        same(len(ours), len(set(ours)), "no write arrived twice")
        same([a for a in acknowledged if a[0] not in ours], [], "each acknowledged one arrived")
        members[0].role = "master"
        members[1].role = members[2].role = "slave"
        eventually(lambda: proxy.json()["master"] == "pi1", "the cluster is whole again")
        eventually(lambda: sum(m["in_flight"] for m in proxy.json()["members"]) == 0, "nothing is in flight")
        same(proxy.once("POST", "/echo/end", "X-Write: 1\r\n").status, 200, "writes go on")
        rss = proxy.rss_kb()
        ok(rss < 12000 or "sanitize" in harness.PROXY, f"memory: {rss} kB")
    print(f"1..{harness.count}")
    return harness.failed != 0


sys.exit(main())
