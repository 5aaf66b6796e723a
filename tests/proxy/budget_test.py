#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much bramble-proxy, the real program, keeps of what clients send that have no member yet, against
MOCKS of members. Prints TAP.

    budget_test.py [NAME...]    only the tests whose name contains one of these
"""

import re
import resource
import select
import socket
import ssl
import sys
import tempfile
import threading
import time

import harness
from fake_bolt import (FAILURE, IGNORED, PULL, RECORD, RESET, RUN, SUCCESS, BoltMember, BoltProxy, certificate,
                       message)
from harness import Proxy, cluster, eventually, ok, same

BUDGET_KB = 16 << 10  # proxy/budget.h
CLIENT_KB = 10        # of one with all that it may have beside the budget
TLS_KB = 22           # what OpenSSL has of one, too
SPENT = "Neo.TransientError.General.OutOfMemoryError"
LONG = "x" * 60000


def settle(proxy):
    """Until it has read all that it wants to read."""
    def read():
        return re.findall(r"^bramble_proxy\w*received_bytes_total (\d+)", proxy.stats("/metrics"), re.M)
    before = None
    while before != (before := read()):
        time.sleep(0.3)


def most_kb(proxy):
    with open(f"/proc/{proxy.process.pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))


def bounded(proxy, most, text):
    """What it had at its worst moment."""
    ok(most_kb(proxy) < most or "sanitize" in harness.PROXY, f"{text}: {most_kb(proxy)} of {most} kB")


def readable(clients):
    poll = select.poll()
    by_fd = {c.sock.fileno(): c for c in clients}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    ready = {fd for fd, _ in poll.poll(0)}
    return [c for fd, c in by_fd.items() if fd in ready], [c for fd, c in by_fd.items() if fd not in ready]


def test_unfinished_messages():
    members = [BoltMember("pi1", "master")]
    with BoltProxy(members) as proxy:
        most = proxy.rss_kb() + BUDGET_KB + 1000 * CLIENT_KB
        whole = message(RUN, LONG, {}, {})
        clients = [proxy.client() for _ in range(1000)]
        for c in clients:
            c.sock.sendall(whole[:50000])
        settle(proxy)
        refused, waiting = readable(clients)
        ok(refused and len(waiting) > 100, f"of 1000 halves of messages {len(waiting)} are kept")
        bounded(proxy, most, "in the memory that there is for them")
        tag, fields = refused[0].answers(1)[0]
        same((tag, fields[0]["code"]), (FAILURE, SPENT), "the others are told to try again later")
        refused[0].sock.sendall(whole[50000:])
        same([refused[0].ask(PULL)[0], refused[0].ask(RESET)[0]], [IGNORED, SUCCESS], "as a server refuses")
        same(refused[0].run("WHO"), [["pi1"]], "what is short goes on such a session")
        same(proxy.client().run("WHO"), [["pi1"]], "and on a new one")
        waiting[0].sock.sendall(whole[50000:] + message(PULL))
        same([t for t, _ in waiting[0].answers(3)], [SUCCESS, RECORD, SUCCESS], "one that was kept goes on, too")
        for c in clients[1:]:
            if c not in (refused[0], waiting[0]):
                c.close()
        eventually(lambda: refused[0].run(LONG) == [["pi1"]], "and all, once the others have left")
        bounded(proxy, most, "all the while")
    members[0].down()


def test_half_of_a_message():
    members = [BoltMember("pi1", "master")]
    with BoltProxy(members, timeouts="client_ms = 500") as proxy:
        idle, c = proxy.client(), proxy.client()
        c.sock.sendall(message(RUN, LONG, {}, {})[:50000])
        ok(c.closed(), "who sends half of a long message and no more does not keep its room")
        same(idle.run("WHO"), [["pi1"]], "who has sent nothing stays")
    members[0].down()


def roomy(sock):
    """So that it can send without being read."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    return sock


def test_pipelines():
    members = [BoltMember("pi1", "master")]
    with BoltProxy(members, bolt="maxconn = 20") as proxy:
        most = proxy.rss_kb() + BUDGET_KB + 400 * CLIENT_KB
        busy = [proxy.client() for _ in range(20)]
        for c in busy:
            c.send((RUN, "HANG", {}, {}), (PULL,))
        members[0].hanging.wait(60)
        eventually(lambda: len(members[0].did(RUN)) == 20)
        clients = [proxy.client(wrap=roomy) for _ in range(400)]
        for c in clients:
            c.send((RUN, "WHO", {}, {}), (PULL,), (RUN, "x" * 110000, {}, {}), (PULL,))
        settle(proxy)
        bounded(proxy, most, "what 400 send that wait for a busy member")
        c = proxy.client()
        c.send((RUN, "WHO", {}, {}), (PULL,), (RESET,))
        same([t for t, _ in c.answers(3)], [IGNORED, IGNORED, SUCCESS], "one that gives up is heard all the same")
        c.send((RUN, LONG, {}, {}), (PULL,))
        clients.append(c)
        for c in busy:
            c.send((RESET,))
        same({tuple(t for t, _ in c.answers(6 if c is not clients[-1] else 3)) for c in clients[:-1]},
             {(SUCCESS, RECORD, SUCCESS) * 2}, "each is answered in the end")
        same([t for t, _ in clients[-1].answers(3)], [SUCCESS, RECORD, SUCCESS], "and who came with much meanwhile")
        bounded(proxy, most, "all the while")
    members[0].down()


def test_bodies_by_tls():
    members, size, n = cluster(2, master=None), 500 << 10, 160
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    answers = []

    def post(proxy):
        c = proxy.connect()
        c.sock = c.reader.sock = context.wrap_socket(c.sock)
        c.request("POST", "/echo", "X-Write: 1\r\n", b"x" * size)
        a = c.answer()
        answers.append((a.status, a.json()["size"]))

    with tempfile.TemporaryDirectory() as folder:
        cert, key = certificate(folder, "pi4.local")
        with Proxy(members, pool="hold_ms = 60000", more=f'tls {{ certificate = "{cert}" key = "{key}" }}') as proxy:
            proxy.ready(master=False)
            most = proxy.rss_kb() + BUDGET_KB + n * (CLIENT_KB + TLS_KB)
            threads = [threading.Thread(target=post, args=(proxy,), daemon=True) for _ in range(n)]
            for t in threads:
                t.start()
            eventually(lambda: proxy.json()["waiting_writes"] == n, f"{n} writes by TLS are held")
            settle(proxy)
            bounded(proxy, most, "with little of their bodies")
            members[0].role = "master"
            for t in threads:
                t.join()
            same((len(answers), set(answers)), (n, {(200, size)}), "and carried out, body and all")
    for m in members:
        m.down()


def test_heads():
    members = cluster(1)
    with Proxy(members) as proxy:
        proxy.ready()
        most = proxy.rss_kb() + BUDGET_KB + 1500 * CLIENT_KB
        long = b"GET /echo HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * 18000
        clients = [proxy.connect() for _ in range(1500)]
        for c in clients:
            c.send(long)
        settle(proxy)
        refused, waiting = readable(clients)
        ok(refused and waiting, f"of 1500 halves of heads {len(waiting)} are kept")
        a = refused[0].answer()
        same((a.status, a.field("Retry-After")), (503, "5"), "the others are told to try again later")
        same(proxy.once("POST", "/echo", "X-Write: 1\r\n", b"x" * 100000).json()["size"], 100000,
             "others' requests go, with bodies of any size")
        waiting[0].send(b"\r\n\r\n")
        same(waiting[0].answer().status, 200, "one that was kept goes on")
        for c in clients:
            c.close()
        bounded(proxy, most, "all the while")
    members[0].down()


soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
sys.exit(harness.main(globals()))
