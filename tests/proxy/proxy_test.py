#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""bramble-proxy, the real program, against mocks of Neo4j members (fake_member.py). Prints TAP.

    proxy_test.py [NAME...]    only the tests whose name contains one of these
"""

import concurrent.futures
import contextlib
import hashlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error

import harness
from fake_bolt import certificate
from fake_member import PATTERN
from harness import PROXY, Conn, LateRoom, Proxy, cluster, eventually, ok, same

WRITE = "X-Write: 1\r\n"
UNKNOWN = "X-Bramble-Outcome"


def test_routing():
    members = cluster(3, master=1)
    with Proxy(members) as proxy:
        proxy.ready()
        same({proxy.once("POST", fields=WRITE).member() for _ in range(12)}, {"pi2"},
             "writes go to the master")
        reads = [proxy.once().member() for _ in range(30)]
        same(set(reads), {"pi1", "pi2", "pi3"}, "reads go to everyone")
        ok(max(map(reads.count, set(reads))) <= 12, "evenly when nothing else is going on")
        same({proxy.once(fields="X-Write: 0\r\n").member() for _ in range(9)},
             {"pi1", "pi2", "pi3"}, "X-Write: 0 is a read")
        members[0].role = "UNKNOWN"
        eventually(lambda: not proxy.member("pi1")["up"])
        same({proxy.once().member() for _ in range(12)}, {"pi2", "pi3"},
             "a member that is neither master nor slave gets nothing")
    members = cluster(2)
    with Proxy(members, pool='balance = "roundrobin"') as proxy:
        proxy.ready()
        reads = [proxy.once().member() for _ in range(8)]
        ok(all(a != b for a, b in zip(reads, reads[1:])), "round robin takes turns")


def test_slow_start():
    """One that comes back begins with one read at a time; writes it gets as any other."""
    for slow, balance in ((3600000, "least"), (3600000, "roundrobin"), (0, "least")):
        members = cluster(2)
        with Proxy(members, pool=f'slowstart_ms = {slow} balance = "{balance}"') as proxy:
            proxy.ready()
            same(proxy.member("pi2")["throttle"], 100, "who is there from the start begins at full speed")
            members[1].down()
            eventually(lambda: not proxy.member("pi2")["up"])
            members[1].up()
            eventually(lambda: proxy.member("pi2")["up"])
            for m in members:
                m.most, m.slow_s = 0, 0.2
            hammer(proxy, 12, 3)
            if slow:
                same((members[1].most, members[0].most > 1), (1, True), f"{balance}: it gets one at a time")
                ok(",1,," in csv_row(proxy, "pi2"), "throttle is 1 in the CSV")
                members[0].role, members[1].role = "slave", "master"
                eventually(lambda: proxy.json()["master"] == "pi2")
                hammer(proxy, 8, 1, WRITE)
                ok(members[1].most > 1, "as the master it gets writes side by side")
            else:
                ok(members[1].most > 1, "slowstart_ms = 0: several")


def csv_row(proxy, name):
    return next(line for line in proxy.stats("/;csv").splitlines() if f",{name}," in line)


def hammer(proxy, clients, times, fields=""):
    def one(_):
        for _ in range(times):
            proxy.once("POST", "/slow", fields, b"x")
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        list(pool.map(one, range(clients)))


def test_weights():
    for balance in ("least", "roundrobin"):
        members = cluster(3)
        with Proxy(members, pool=f'balance = "{balance}" maxconn = 100', weights=(0, 1, 3)) as proxy:
            proxy.ready()
            if balance == "roundrobin":
                reads = [proxy.once().member() for _ in range(12)]
            else:  # in flight, each share carries as much
                conns = [proxy.connect() for _ in range(12)]
                for c in conns:
                    c.request(target="/hang")
                eventually(lambda: sum(len(m.seen) for m in members) == 12)
                for m in members:
                    m.release()
                reads = [c.answer().member() for c in conns]
            same([reads.count(m.name) for m in members], [0, 3, 9],
                 f"{balance}: reads follow the weights, none goes where it is 0")
            same(proxy.once("POST", fields=WRITE).member(), "pi1", "writes do not ask for it")


def test_fields():
    with Proxy(cluster(1)) as proxy:
        proxy.ready()
        c = proxy.connect()
        c.send("GET http://other:81/echo?a=%2f HTTP/1.1\r\nHost: proxy\r\n"
               "Connection: X-Private\r\nX-Private: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n"
               "Proxy-Connection: keep-alive\r\nUpgrade: websocket\r\nAuthorization: Basic x\r\n"
               "X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Host: evil\r\nVia: 1.0 a\r\n"
               "accept: a\r\naccept: b\r\n\r\n")
        got = c.answer().json()
        fields = [(k.lower(), v) for k, v in got["fields"]]
        names = [k for k, _ in fields]
        same(got["target"], "/echo?a=%2f", "an absolute target becomes its path, bytes unchanged")
        same([v for k, v in fields if k == "host"], ["other:81"], "and its authority the Host")
        same({"x-private", "keep-alive", "te", "proxy-connection", "upgrade", "connection"}
             & set(names), set(), "hop-by-hop fields stay here (RFC 9110 7.6.1)")
        ok(("authorization", "Basic x") in fields, "Authorization passes")
        same([v for k, v in fields if k == "accept"], ["a", "b"], "order is kept, nothing merged")
        same([v for k, v in fields if k == "x-forwarded-for"], ["10.0.0.1, 127.0.0.1"],
             "X-Forwarded-For grows")
        same([v for k, v in fields if k == "x-forwarded-host"], ["other:81"],
             "X-Forwarded-Host is ours to say")
        same([v for k, v in fields if k == "via"], ["1.0 a", "1.1 bramble"], "Via is appended")
        answer = proxy.once(target="/raw/hop")
        same([answer.field(f) for f in ("X-Hop", "Keep-Alive", "Upgrade", "X-End")],
             [None, None, None, "1"], "also on the way back")
        same(answer.field("Via"), "1.1 bramble (pi1)", "Via names the member")
        c = proxy.connect()
        c.send("GET /echo HTTP/1.0\r\n\r\n")
        a = c.answer()
        host = dict(a.json()["fields"])["Host"]
        same(host, f"127.0.0.1:{proxy.port}", "a request without Host gets ours")
        ok(c.closed(), "and HTTP/1.0 closes")
        c.close()


def test_keep_alive():
    members = cluster(1)
    with Proxy(members) as proxy:
        proxy.ready()
        c = proxy.connect()
        members[0].carriers.clear()
        for i in range(20):
            c.request("POST", f"/echo/{i}", WRITE, b"x" * i)
            a = c.answer()
            if a.status != 200 or a.json()["size"] != i:
                break
        same(i, 19, "twenty requests on one connection")
        same(len(members[0].carriers), 1, "over one connection to the member")
        c.request("HEAD", "/echo")
        a = c.answer(head_only=True)
        ok(a.status == 200 and int(a.field("Content-Length")) > 0, "HEAD has a length and no body")
        c.request(target="/echo/after")
        same(c.answer().json()["target"], "/echo/after", "and the next answer follows")
        c.send("".join(f"GET /{'slow' if i % 3 == 0 else 'echo'}/{i} HTTP/1.1\r\nHost: a\r\n\r\n"
                       for i in range(12)))
        order = [c.answer().json()["target"].rsplit("/", 1)[1] for _ in range(12)]
        same(order, [str(i) for i in range(12)], "pipelined requests are answered in order")
        c.request(fields="Connection: close\r\n")
        same(c.answer().field("Connection"), "close", "close is honoured")
        ok(c.closed(), "the connection ends")
        c.close()
        c = proxy.connect()
        c.send("GET /chunked/10 HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n")
        a = c.answer()
        ok(a.field("Transfer-Encoding") is None and len(a.body) == 10,
           "HTTP/1.0 gets no chunks, but the end of the connection")
        c.close()


def test_stale_connection():
    members = cluster(1)
    with Proxy(members) as proxy:
        proxy.ready()
        for method in ("GET", "POST"):
            same(proxy.once(method).status, 200, f"{method}: a connection is kept")
            with members[0].lock:
                for sock in members[0].socks:
                    with contextlib.suppress(OSError):  # a probe's may be gone already
                        sock.shutdown(2)
            same(proxy.once(method).status, 200, f"{method}: its close goes unnoticed outside")


def test_chunked():
    with Proxy(cluster(1)) as proxy:
        proxy.ready()
        c = proxy.connect()
        c.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
               "5;ext=1\r\nhello\r\n")
        time.sleep(0.05)
        c.send("6\r\n world\r\n0\r\nTrailer: x\r\n\r\n")
        got = c.answer().json()
        same((got["size"], got["digest"]), (11, hashlib.sha256(b"hello world").hexdigest()),
             "a chunked request arrives")
        c.request(target="/chunked/300000")
        same(len(c.answer().body), 300000, "a chunked answer arrives")
        c.request(target="/until-close/5000")
        a = c.answer()
        ok(a.field("Transfer-Encoding") == "chunked" and len(a.body) == 5000,
           "an answer until close arrives in chunks")
        c.request()
        same(c.answer().status, 200, "and the connection goes on")
        c.send("POST /continue HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
               "Content-Length: 3\r\n\r\n")
        same(c.answer().status, 100, "100 Continue passes")
        c.send("abc")
        same(c.answer().json()["size"], 3, "then the body, then the answer")
        c.close()


SIZE = 64 << 20


def digest_of_pattern(n):
    digest = hashlib.sha256()
    while n:
        part = PATTERN[: min(n, len(PATTERN))]
        digest.update(part)
        n -= len(part)
    return digest.hexdigest()


def upload(c, chunked, size=SIZE):
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    c.send(f"POST /echo HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n")
    for _ in range(size // len(PATTERN)):
        c.send(b"%x\r\n%s\r\n" % (len(PATTERN), PATTERN) if chunked else PATTERN)
    if chunked:
        c.send("0\r\n\r\n")
    return c.answer().json()


def download_slowly(c, kind, proxy):
    c.request(target=f"/{kind}/{SIZE}")
    time.sleep(0.5)  # nobody reads: the proxy must not collect it meanwhile
    rss = proxy.rss_kb()
    body = c.answer().body
    return (len(body), hashlib.sha256(body).hexdigest()), rss


def test_large_bodies():
    with Proxy(cluster(1)) as proxy:
        proxy.ready()
        before = proxy.rss_kb()
        want = (SIZE, digest_of_pattern(SIZE))
        c = proxy.connect()
        for chunked in (False, True):
            got = upload(c, chunked)
            same((got["size"], got["digest"]), want, f"64 MB up, {'chunked' if chunked else 'length'}")
        for kind in ("big", "chunked"):
            got, rss = download_slowly(c, kind, proxy)
            same(got, want, f"64 MB down, {kind}")
            ok(rss < before + 4096 or "sanitize" in PROXY,
               f"{kind}: memory stays bounded while nobody reads: {before} -> {rss} kB")
        for n in 1, 16383, 16384, 16385, 65537, 300001:  # around what is passed on at once
            c.send(f"GET /big/{n} HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
            body, after = c.answer().body, c.answer()
            same((len(body), hashlib.sha256(body).hexdigest(), after.status), (n, digest_of_pattern(n), 200),
                 f"{n} bytes down, and what follows")
        c.close()


class LateHttp(LateRoom, Proxy):
    pass


def test_late_room():
    for LateHttp.times in (1, 2, 3, 5, 8, 13, 21):
        with LateHttp(cluster(1)) as proxy:
            proxy.ready()
            c = proxy.connect()
            for chunked in (False, True):
                same(upload(c, chunked, SIZE // 16)["size"], SIZE // 16,
                     f"room after none {LateHttp.times} times: all goes up, {'chunked' if chunked else 'length'}")
            for kind in ("big", "chunked"):
                c.request(target=f"/{kind}/{SIZE // 16}")
                same(len(c.answer().body), SIZE // 16, f"and down, {kind}")
            c.close()


def test_surplus():
    with Proxy(cluster(1)) as proxy:
        proxy.ready()
        c = proxy.connect()
        for n in 2, 16384, 20000, 65536, 100000:
            for _ in range(20):
                c.send(f"GET /surplus/{n} HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
                first, second = c.answer().body, c.answer().body
                if len(first) != n or b"evil" in second:
                    break
            same((len(first), b"evil" in second), (n, False), f"what comes behind {n} bytes is nobody's answer")
        c.close()


def test_held_write():
    members = cluster(3)
    with Proxy(members) as proxy:
        proxy.ready()
        members[0].role = "UNKNOWN"
        eventually(lambda: proxy.json()["master"] is None)
        c, gone = proxy.connect(), proxy.connect()
        c.send(f"POST /echo/held HTTP/1.1\r\nHost: a\r\n{WRITE}Content-Length: {SIZE}\r\n\r\n")
        sender = threading.Thread(
            target=lambda: [c.send(PATTERN) for _ in range(SIZE // len(PATTERN))], daemon=True)
        sender.start()
        gone.request("POST", "/echo/gone", WRITE)
        eventually(lambda: proxy.json()["waiting_writes"] == 2, "writes without a master are held")
        ok(proxy.rss_kb() < 16384 or "sanitize" in PROXY, "their bodies stay in the socket")
        same(proxy.once().status, 200, "reads go on")
        gone.close()
        eventually(lambda: proxy.json()["waiting_writes"] == 1, "who leaves frees the place")
        members[1].role = "master"
        a = c.answer()
        same((a.status, a.member(), a.json()["size"]), (200, "pi2", SIZE),
             "released to the new master, body and all")
        same(members[0].writes() + members[2].writes(), [], "and to nobody else")
        c.close()


def test_hold_limits():
    members = cluster(2, master=None)
    with Proxy(members, pool="hold_max = 2") as proxy:
        proxy.ready(master=False)
        held = [proxy.connect() for _ in range(2)]
        for c in held:
            c.request("POST", "/echo", WRITE)
        eventually(lambda: proxy.json()["waiting_writes"] == 2)
        a = proxy.once("POST", fields=WRITE)
        ok(a.status == 503 and a.field("Retry-After"), "beyond hold_max: 503 with Retry-After")
        ok("no member is master" in a.body.decode(), "that names the cause")
        same(a.field(UNKNOWN), None, "and is no unknown outcome")
        for c in held:
            c.close()
    with Proxy(members, pool="hold_ms = 200") as proxy:
        proxy.ready(master=False)
        same(proxy.once("POST", fields=WRITE).status, 503, "after hold_ms: 503")
        same(proxy.once().status, 200, "reads are not concerned")


def test_hold_nothing():
    """A request whose time to wait is over goes to another member all the same, if there is one."""
    members = cluster(3)
    with Proxy(members, pool='hold_ms = 0 balance = "roundrobin"') as proxy:
        proxy.ready()
        members[2].down()
        same({proxy.once().status for _ in range(9)}, {200}, "hold_ms = 0: no read fails for one that refuses")


def in_flight_write(proxy, members, target="/hang"):
    def arrived():
        return sum(t == target for m in members for _, t, _ in m.seen)

    before = arrived()
    c = proxy.connect()
    c.request("POST", target, WRITE, b"{}")
    eventually(lambda: arrived() > before)
    return c


def is_unknown(a):
    return a.status == 502 and a.field(UNKNOWN) == "unknown" and "unknown" in a.body.decode()


def test_master_dies():
    members = cluster(3)
    with Proxy(members) as proxy:
        proxy.ready()
        c = in_flight_write(proxy, members)
        members[0].down()
        a = c.answer()
        ok(is_unknown(a), f"killed master: one 502 with the outcome unknown ({a.body.decode().strip()})")
        c.request("POST", "/echo/next", WRITE)
        members[1].role = "master"
        same(c.answer().member(), "pi2", "the same connection goes on with the new master")
        same([m.writes() for m in members], [["/hang"], ["/echo/next"], []], "nothing was sent twice")
        c.close()


def test_master_loses_power():
    members = cluster(3)
    with Proxy(members) as proxy:
        proxy.ready()
        c = in_flight_write(proxy, members)
        read = proxy.connect()
        members[0].frozen = True
        started = time.monotonic()
        ok(is_unknown(c.answer()), "silent master: 502, outcome unknown")
        took = time.monotonic() - started
        ok(took < 40, f"long before server_ms: {took:.1f} s")
        members[0].release()
        members[1].role = "master"
        same(proxy.once("POST", "/echo/next", WRITE).member(), "pi2", "the next write has its master")
        read.close()
        members[0].frozen = False


def test_get_survives_member():
    members = cluster(2)
    with Proxy(members) as proxy:
        proxy.ready()
        c = proxy.connect()
        c.request(target="/hang/read")
        eventually(lambda: members[0].now + members[1].now == 1)
        victim = members[0] if members[0].now else members[1]
        other = members[1] if victim is members[0] else members[0]
        other.release()
        victim.down()
        same(c.answer().member(), other.name, "a GET whose member dies is asked of another one")
        c.close()
        a = proxy.once("POST", "/close")
        ok(is_unknown(a), "a POST whose member closes is not")


def test_nothing_is_done_twice():
    """DELETE and PUT are idempotent, but what one master has done another may not have, or undo."""
    for method in ("DELETE", "PUT"):
        members = cluster(2)
        with Proxy(members) as proxy:
            proxy.ready()
            c = proxy.connect()
            c.request(method, "/hang", WRITE)
            eventually(lambda: members[0].now == 1)
            members[0].down()
            members[1].role = "master"
            ok(is_unknown(c.answer()), f"{method} under way when the master dies: 502, outcome unknown")
            same([[m for m, *_ in member.seen] for member in members], [[method], []], "no other master gets it")
            c.close()


def test_two_masters():
    members = cluster(3)
    with Proxy(members) as proxy:
        proxy.ready()
        members[1].role = "master"
        eventually(lambda: proxy.json()["master"] is None, "two claimants: there is no master")
        c = proxy.connect()
        c.request("POST", "/echo/held", WRITE)
        eventually(lambda: proxy.json()["waiting_writes"] == 1, "writes are held")
        members[0].role = "slave"
        same(c.answer().member(), "pi2", "until one claims alone")
        c.close()


def test_late_answer_is_fenced():
    members = cluster(2)
    with Proxy(members) as proxy:
        proxy.ready()
        c = in_flight_write(proxy, members)
        read = proxy.connect()
        members[0].role = "slave"
        eventually(lambda: proxy.json()["master"] is None)
        members[1].role = "master"
        ok(is_unknown(c.answer()), "a new master cuts what the old one may still write")
        members[0].release()
        c.request()
        same(c.answer().json()["target"], "/echo", "its late answer is never relayed")
        c.close()
        read.close()


BAD_REQUESTS = {
    "length and chunked": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "length list": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na", 400),
    "xchunked": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400),
    "gzip, chunked": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "space before the colon": (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 1\r\n\r\n", 400),
    "folded": (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400),
    "bare LF": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "bare CR": (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
    "NUL": (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    "CONNECT": (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    "TRACE": (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    "long target": (b"GET /" + b"a" * 30000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "long field": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 30000 + b"\r\n\r\n", 431),
    "expectation": (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", 417),
    "TLS": (bytes.fromhex("160301000a0100") + b"\n", 400),
}


def test_refused_requests():
    members = cluster(1)
    with Proxy(members) as proxy:
        proxy.ready()
        for name, (data, want) in BAD_REQUESTS.items():
            c = proxy.connect()
            c.send(data)
            a = c.answer()
            same((a.status, c.closed() if name != "TRACE" else True), (want, True),
                 f"refused and closed: {name}")
            c.close()
        same(members[0].seen, [], "no member saw any of it")
        c = proxy.connect()
        c.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n")
        same(c.answer().status, 400, "malformed chunks: 400")
        c.close()


def test_refused_after_head():
    with Proxy(cluster(1)) as proxy:
        proxy.ready()
        c = proxy.connect()
        c.request("HEAD")
        c.answer(head_only=True)
        c.send("GET /echo HTTP/1.1\r\nno field\r\n\r\n")
        a = c.answer()
        same((a.status, a.json()["errors"][0]["code"]), (400, "Bramble.ClientError.Request"),
             "what is refused after a HEAD gets its answer's body")
        ok(c.closed(), "and the end")
        c.close()


def test_options():
    """Max-Forwards: 0 (RFC 9110 7.6.2)."""
    members = cluster(1)
    with Proxy(members) as proxy:
        proxy.ready()
        c = proxy.connect()
        for _ in range(2):
            c.request("OPTIONS", "/echo", "Max-Forwards: 0\r\n", b"{}")
            a = c.answer()
            same((a.status, a.body, {"GET", "POST", "DELETE"} <= set((a.field("Allow") or "").split(", "))),
                 (200, b"", True), "an OPTIONS that may go no further is told what is allowed")
        same(members[0].seen, [], "and goes no further")
        c.close()


def test_bad_answers():
    members = cluster(1)
    with Proxy(members) as proxy:
        proxy.ready()
        for name in ("garbage", "bare-lf", "two-lengths", "length-and-chunked", "folded", "switch",
                     "huge-head", "bad-chunk"):
            c = proxy.connect()
            c.request(target="/raw/" + name)
            a = c.answer()
            ok(a.status == 502 and "pi1: its answer is malformed" in a.body.decode(),
               f"502 that names member and cause: {name}")
            c.request()
            same(c.answer().status, 200, "and the connection goes on")
            c.close()
        c = proxy.connect()
        c.request(target="/cut")
        ok(c.rest().endswith(b"\r\n\r\nonly this"), "an answer cut short ends in a cut")
        c.close()
        c = proxy.connect()
        c.send(f"POST /raw/early HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\n\r\n".encode()
               + b"x" * 1000)
        same(c.answer().status, 413, "an answer before the body was read gets through")
        c.close()
        before = proxy.member("pi1")["errors"]
        ok(before >= 9, "errors are counted")


def test_maxconn():
    members = cluster(2)
    with Proxy(members, pool="maxconn = 10") as proxy:
        proxy.ready()

        def client(i):
            c = proxy.connect()
            try:
                statuses = []
                for k in range(3):
                    write = WRITE if (i + k) % 2 else ""
                    c.request("POST", "/slow", write, b"{}")
                    statuses.append(c.answer().status)
                return statuses
            finally:
                c.close()

        with concurrent.futures.ThreadPoolExecutor(200) as pool:
            statuses = sum(pool.map(client, range(200)), [])
        same((len(statuses), set(statuses)), (600, {200}), "200 clients, 600 requests, all answered")
        ok(all(m.most <= 10 for m in members), f"never more than 10 in a member: {[m.most for m in members]}")
        ok(any(m.most == 10 for m in members), "the limit was reached")
        same(sum(m["in_flight"] for m in proxy.json()["members"]), 0, "none is left")


def test_stalled_bodies():
    with Proxy(cluster(1), pool="maxconn = 2 hold_ms = 30000") as proxy:
        proxy.ready()
        stalled = []
        for _ in range(2):
            c = proxy.connect()
            c.send("POST /echo HTTP/1.1\r\nHost: a\r\nX-Write: 1\r\nContent-Length: 100\r\n\r\nx")
            stalled.append(c)
        eventually(lambda: proxy.member("pi1")["in_flight"] == 2)
        same(proxy.once("POST", "/echo", "X-Write: 1\r\n", b"{}").status, 200,
             "clients that do not send what they announced give their places up")
        same(stalled[0].answer().status, 408, "and are told")
        for c in stalled:
            c.close()


def test_dripping_bodies():
    with Proxy(cluster(1), pool="maxconn = 2 hold_ms = 600000") as proxy:
        proxy.ready()
        clients = [proxy.connect() for _ in range(2)]
        for c in clients:
            c.send("POST /echo HTTP/1.1\r\nHost: a\r\nX-Write: 1\r\nContent-Length: 1000000\r\n\r\n")
        stop = threading.Event()

        def drip():
            while not stop.wait(0.2):
                for c in clients:
                    try:
                        c.send("x")
                    except OSError:
                        pass

        threading.Thread(target=drip, daemon=True).start()
        eventually(lambda: proxy.member("pi1")["in_flight"] == 2)
        same(proxy.once("POST", "/echo", "X-Write: 1\r\n", b"{}").status, 200,
             "clients that send a byte now and then give their places up, too")
        same(clients[0].answer().status, 408, "and are told")
        stop.set()
        for c in clients:
            c.close()


def reader_of_large(proxy, target, wrap=lambda sock: sock, fields="", receive=32768):
    """receive: its system's buffer, 0: as it is by default."""
    c = proxy.connect()
    if receive:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    c.sock = c.reader.sock = wrap(c.sock)
    c.request(target=target, fields=fields)
    return c


@contextlib.contextmanager
def drip(kind):
    """A silent and a dripping reader have all places, and somebody waits."""
    with Proxy(cluster(1), timeouts="client_ms = 600000", pool="maxconn = 2 hold_ms = 600000") as proxy:
        proxy.ready()
        conns = [reader_of_large(proxy, f"/{kind}/{SIZE}", fields="Connection: close\r\n") for _ in range(2)]
        stop = threading.Event()

        def run(c=conns[1]):
            while not stop.wait(0.2):
                with contextlib.suppress(OSError):
                    c.reader.data += c.sock.recv(1)

        dripper = threading.Thread(target=run, daemon=True)
        dripper.start()
        eventually(lambda: proxy.member("pi1")["in_flight"] == 2)
        waiting = Conn(proxy.port, timeout=4 * harness.PATIENCE_S)
        waiting.request("POST", "/echo", WRITE, b"{}")
        yield proxy, waiting
        stop.set()
        dripper.join()
        got = [len(c.rest()) for c in conns]  # one place was asked for: either's
        ok(min(got) < SIZE, f"{kind}: and are cut off, after {got} bytes")
        for c in (*conns, waiting):
            c.close()


def test_dripping_readers():
    with drip("big") as big, drip("chunked") as chunked:  # at once: it takes a while
        for kind, (proxy, waiting) in (("big", big), ("chunked", chunked)):
            same(waiting.answer().status, 200,
                 f"{kind}: clients that do not read their answers, or a byte now and then, give their places up")
            eventually(lambda proxy=proxy: proxy.member("pi1")["in_flight"] <= 1)


def read_steadily(c, rate, seconds):
    """How much of the body came, 0 when the connection ended."""
    c.reader.head()
    read = len(c.reader.data)
    for _ in range(seconds * 10):
        time.sleep(0.1)
        got = len(c.sock.recv(rate // 10))
        if not got:
            return 0
        read += got
    c.reader.data = b""
    return read


def test_honest_readers():
    """What is slow, but no less than it may be, is not cut, nor what waits for its member. Systems tell that
    there is room for more only when some of their buffers is free: in between such a client seems to take nothing."""
    members = cluster(1)
    size = SIZE // 4
    steady = [(96000, 32768), (12000, 32768), (5000, 32768), (20000, 0)]
    with tempfile.TemporaryDirectory() as folder:
        crt, key = certificate(folder, "proxy")
        with Proxy(members, timeouts="client_ms = 600000 server_ms = 600000",
                   pool=f"maxconn = {2 * len(steady) + 1} hold_ms = 600000",
                   more=f'tls {{ certificate = "{crt}" key = "{key}" }}') as proxy:
            proxy.ready()
            context = ssl.create_default_context(cafile=crt)
            ways = {"bare": lambda s: s, "TLS": lambda s: context.wrap_socket(s, server_hostname="proxy")}
            readers = [(way, rate, reader_of_large(proxy, f"/big/{size}", wrap, receive=receive))
                       for rate, receive in steady for way, wrap in ways.items()]
            query, waiting = proxy.connect(), proxy.connect()
            query.request("POST", "/hang", WRITE, b"{}")
            eventually(lambda: proxy.member("pi1")["in_flight"] == len(readers) + 1)
            waiting.request()
            with concurrent.futures.ThreadPoolExecutor(len(readers)) as pool:  # for longer than a step
                read = list(pool.map(lambda r: read_steadily(r[2], r[1], 20), readers))
            for (way, rate, c), n in zip(readers, read):
                same(n and n + sum(map(len, c.reader.pieces(size - n))), size,
                     f"who reads {rate} bytes per second gets all of the answer, {way}")
            same(waiting.answer().status, 200, "then it is the turn of who waited")
            members[0].release()
            same(query.answer().status, 200, "a query that says nothing for long is finished")
            for c in (*(c for _, _, c in readers), query, waiting):
                c.close()


def test_last_readers():
    """By TLS the answer's end waits behind what the HTTP side has done with, for as long as the client may take."""
    with tempfile.TemporaryDirectory() as folder:
        crt, key = certificate(folder, "proxy")
        with Proxy(cluster(1), pool="maxconn = 40", more=f'tls {{ certificate = "{crt}" key = "{key}" }}') as proxy:
            proxy.ready()
            context = ssl.create_default_context(cafile=crt)
            sizes = range(100000, 1500000, 40000)  # some are just what sockets hold, and a little more
            readers = [reader_of_large(proxy, f"/big/{n}", lambda s: context.wrap_socket(s, server_hostname="proxy"),
                                       "Connection: close\r\n") for n in sizes]
            time.sleep(8)  # longer than who is to be closed has otherwise
            same([len(c.answer().body) for c in readers], list(sizes), "who closes and pauses gets all of it, by TLS")
            for c in readers:
                c.close()


def taker(proxy, sizes):
    c = proxy.connect()
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    c.send("".join(f"GET /big/{n} HTTP/1.1\r\nHost: a\r\n\r\n" for n in sizes))
    return c


def take_steadily(conns, until):
    while not until():
        time.sleep(0.1)
        for c in conns:
            c.reader.data += c.sock.recv(20000)


def test_client_timeout():
    """client_ms is for a byte. That there is room in a socket is told when megabytes were taken."""
    asks = {"in an answer": [8 << 20], "behind the end of one": [3600000] + [16000] * 250}
    with Proxy(cluster(1), timeouts="client_ms = 4000") as proxy:
        proxy.ready()
        silent = [taker(proxy, sizes) for sizes in asks.values()]
        steady = [taker(proxy, sizes) for sizes in asks.values()]
        eventually(lambda: proxy.json()["clients"] == 4)
        end = time.monotonic() + harness.PATIENCE_S
        take_steadily(steady, lambda: time.monotonic() > end or len(steady[0].reader.data) > 2 << 20
                      and proxy.json()["clients"] == 2)
        for (where, sizes), c in zip(asks.items(), steady):
            ok([len(c.answer().body) for _ in sizes] == sizes, f"who takes some all the time gets all, {where}")
        for (where, sizes), c in zip(asks.items(), silent):
            ok(len(c.rest()) < sum(sizes), f"who takes nothing is closed, {where}")
        for c in (*silent, *steady):
            c.close()


def test_limits():
    with Proxy(cluster(1), limits="maxconn = 5", timeouts="client_ms = 400") as proxy:
        proxy.ready()
        idle = []
        for _ in range(5):
            idle.append(proxy.connect())
            idle[-1].request()
            idle[-1].answer()
        same(proxy.once().status, 200, "at limits.maxconn an idle connection gives way")
        ok(idle[0].closed(), "the longest idle one")
        ok(idle[4].closed(), "client_ms ends idle connections")
        for c in idle:
            c.close()


def test_crowd():
    """Connections that say nothing do not keep those of other addresses out."""
    members = cluster(1)
    with Proxy(members, limits="maxconn = 6") as proxy:
        proxy.ready()
        alone = Conn(proxy.port, source="127.0.0.2")
        crowd = [Conn(proxy.port, source="127.0.0.3") for _ in range(4)]
        others = [Conn(proxy.port, source=f"127.0.0.{n}") for n in (4, 5, 6)]
        for c in others:
            c.request(target="/hang")
        ok(crowd[0].closed() and crowd[1].closed(),
           "of the address that has most the oldest make room, before their time is over")
        members[0].release()
        same([c.answer().status for c in others], [200] * 3, "newcomers are served")
        for c in (alone, *crowd[2:]):
            c.request()
            ok(c.answer().status in (200, 408), "who has few, or came later, has all its time")
        for c in (alone, *others, *crowd):
            c.close()


def test_room_after_pause():
    """A proxy that had no time for a while does not take unread requests for silence."""
    with Proxy(cluster(1), limits="maxconn = 1") as proxy:
        proxy.ready()
        c = proxy.connect()
        eventually(lambda: proxy.json()["clients"] == 1)
        proxy.process.send_signal(signal.SIGSTOP)
        newcomer = proxy.connect()
        for conn in (newcomer, c):
            conn.request()
        time.sleep(1.2)
        proxy.process.send_signal(signal.SIGCONT)
        same([conn.answer().status for conn in (c, newcomer)], [200] * 2, "who said something in a pause is answered")
        c.close()
        newcomer.close()


def test_room_of_unread():
    """A newcomer does not wait for good because all that owe a head said a little in a pause."""
    with Proxy(cluster(1), limits="maxconn = 2") as proxy:
        proxy.ready()
        owing = [proxy.connect() for _ in range(2)]
        for c in owing:
            c.send("GET / HT")
        eventually(lambda: proxy.json()["clients"] == 2)
        time.sleep(1.2)
        proxy.process.send_signal(signal.SIGSTOP)
        newcomer = proxy.connect()  # its event comes first: then their bytes are unread
        newcomer.request()
        for c in owing:
            c.send("T")
        proxy.process.send_signal(signal.SIGCONT)
        same(newcomer.answer().status, 200, "one comes in whose time it is")
        ok(owing[0].closed(), "instead of one that owes a head, before that one's time is over")
        for c in (newcomer, *owing):
            c.close()


def test_room_by_idle():
    members = cluster(1)
    with Proxy(members, limits="maxconn = 2", timeouts="client_ms = 600000") as proxy:
        proxy.ready()
        busy = [proxy.connect() for _ in range(2)]
        for c in busy:
            c.request(target="/hang")
        eventually(lambda: proxy.member("pi1")["in_flight"] == 2)
        newcomer = proxy.connect()
        newcomer.request()
        for _ in range(3):
            proxy.json()  # it has been found that nobody gives way
        members[0].release()
        same(newcomer.answer().status, 200, "one that becomes idle gives way to who waits since before")
        for c in (newcomer, *busy):
            c.close()


def test_slow_head():
    with Proxy(cluster(1)) as proxy:
        proxy.ready()
        c = proxy.connect()
        c.send("GET /echo HTTP/1.1\r\nHost: a\r\n")
        stop = threading.Event()

        def drip():
            try:
                while not stop.wait(0.5):
                    c.send("X: y\r\n")
            except OSError:
                pass

        threading.Thread(target=drip, daemon=True).start()
        same(c.answer().status, 408, "a head that comes in drops is cut off")
        stop.set()
        c.close()


def test_server_timeout():
    members = cluster(1)
    with Proxy(members, timeouts="server_ms = 300") as proxy:
        proxy.ready()
        a = proxy.once("POST", "/hang", "", b"{}")
        same((a.status, a.field(UNKNOWN)), (504, "unknown"), "server_ms: 504, outcome unknown")
        members[0].release()


def is_closed(sock):
    try:
        return sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_client_leaves():
    members = cluster(1)
    with Proxy(members) as proxy:
        proxy.ready()
        c = in_flight_write(proxy, members)
        eventually(lambda: proxy.member("pi1")["in_flight"] == 1)
        (carrier,) = members[0].carriers
        same(is_closed(carrier.sock), False, "while the client is there its member's connection is open")
        c.close()
        eventually(lambda: proxy.member("pi1")["in_flight"] == 0, "its request is given up at once")
        eventually(lambda: is_closed(carrier.sock), "and the member sees its connection closed, which ends the query")
        members[0].release()


def test_stats():
    members = cluster(2)
    with Proxy(members) as proxy:
        proxy.ready()
        proxy.once("POST", fields=WRITE)
        for target in ("/", "/stats", "/page.js", "/;csv", "/json", "/metrics"):
            try:
                proxy.stats(target, auth=False)
                ok(False, f"{target} needs the password")
            except urllib.error.HTTPError as e:
                same(e.code, 401, f"{target} needs the password")
        same(proxy.stats("/health", auth=False), "ok\n", "/health does not")
        lines = proxy.stats("/;csv").splitlines()
        ok(lines[0].startswith("# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,"),
           "csv begins as HAProxy's does")
        names = lines[0][2:].split(",")
        rows = {r["svname"]: r for r in (dict(zip(names, line.split(","))) for line in lines[1:])}
        same({len(line.split(",")) for line in lines}, {len(names)}, "all lines are as long")
        same((rows["pi1"]["status"], rows["pi1"]["role"], rows["pi1"]["slim"], rows["pi1"]["type"]),
             ("UP", "master", "10", "2"), "a member's line")
        ok({"FRONTEND", "BACKEND", "pi2"} <= set(rows), "the other lines")
        page = proxy.stats("/")
        ok("pi1 is the master" in page and "Writes held" in page, "the page names the master")
        same(re.findall(r"""(?:src|href|action)="(?![/#])|https?://""", page), [],
             "the page needs nothing from elsewhere")
        members[0].role = "UNKNOWN<script>"
        eventually(lambda: proxy.json()["master"] is None)
        ok("<script>" not in proxy.stats("/") + proxy.stats("/stats"), "what members say is escaped")
        try:
            proxy.stats("/health", auth=False)
            ok(False, "/health is 503 without a master")
        except urllib.error.HTTPError as e:
            same((e.code, e.read()), (503, b"no member is master\n"), "/health is 503 without a master")


def test_stop():
    members = cluster(1)
    with Proxy(members) as proxy:
        proxy.ready()
        idle = proxy.connect()
        idle.request()
        idle.answer()
        busy = in_flight_write(proxy, members)
        proxy.process.send_signal(signal.SIGTERM)
        ok(idle.closed(), "SIGTERM closes what is idle")
        members[0].release()
        a = busy.answer()
        same((a.status, a.field("Connection")), (200, "close"), "what is under way is finished")
        same(proxy.process.wait(harness.PATIENCE_S), 0, "then the proxy ends")
        idle.close()
        busy.close()


def test_stop_while_held():
    """At the end nobody is left without a word: what was not sent was not, what was may have been done."""
    members = cluster(2)
    with Proxy(members, pool="hold_ms = 60000") as proxy:
        proxy.ready()
        sent, held = proxy.connect(), proxy.connect()
        members[0].role = "slave"
        eventually(lambda: not proxy.json()["master"])
        sent.request("POST", "/hang")
        held.request("POST", "/echo", WRITE)
        eventually(lambda: proxy.json()["held_now"] and sum(m.now for m in members))
        proxy.process.send_signal(signal.SIGTERM)
        a = held.answer()
        same((a.status, a.field(UNKNOWN)), (503, None), "a write that waits for a master when the proxy ends: 503")
        ok(is_unknown(sent.answer()), "what is on its way: 502, outcome unknown")
        same(proxy.process.wait(harness.PATIENCE_S), 0, "then the proxy ends")
        sent.close()
        held.close()


BAD_CONFS = {
    'http { listen = "*:1" }': "0 members",
    'member "a" { id = 1 http = "1.2.3.4:5" }': "http { listen",
    'http { listen = "*:1" } member "a" { id = 0 http = "1.2.3.4:5" }': "id 0",
    'http { listen = "*:1" } member "a" { id = 1 http = "pi1:5" }': "pi1:5",
    'http { listen = "*:1" } frob = 1': "frob",
    'http { listen = "*:1" } stats { listen = "*:2" } member "a" { id = 1 http = "1.2.3.4:5" }': "user",
}


def test_command_line():
    for text, want in BAD_CONFS.items():
        with tempfile.NamedTemporaryFile("w") as f:
            f.write(text)
            f.flush()
            r = subprocess.run([PROXY, "-c", f.name], capture_output=True, text=True)
            ok(r.returncode == 3 and want in r.stderr and r.stderr.count("\n") == 1
               and f.name in r.stderr, f"refused in one line: {r.stderr.strip()}")
    r = subprocess.run([PROXY, "-c", "/nonexistent/proxy.conf"], capture_output=True, text=True)
    ok(r.returncode == 3 and "/nonexistent/proxy.conf" in r.stderr, "no file")
    r = subprocess.run([PROXY], capture_output=True, text=True)
    ok(r.returncode == 2 and "Usage" in r.stderr, "no arguments")
    r = subprocess.run([PROXY, "--version"], capture_output=True, text=True)
    ok(r.returncode == 0 and r.stdout.startswith("bramble-proxy "), "--version")


sys.exit(harness.main(globals()))
