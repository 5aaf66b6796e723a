#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Bolt front of bramble-proxy, the real program, against mocks of members. Prints TAP.

    bolt_test.py [NAME...]    only the tests whose name contains one of these
"""

import os
import re
import resource
import signal
import socket
import ssl
import sys
import tempfile
import time

import harness
from fake_bolt import (ACK_FAILURE, BEGIN, BOOKMARK, COMMIT, DISCARD, FAILURE, GOODBYE, HELLO, IGNORED, INVALID, LOST,
                       MAGIC, PULL, RECORD, RESET, ROLLBACK, RUN, SUCCESS, SYNTAX, BoltClient, BoltMember,
                       BoltProxy, WebSocket, certificate, message)
from harness import Conn, LateRoom, eventually, ok, same

NOBODY = "Neo.TransientError.General.DatabaseUnavailable"


def cluster(n=3, master=0):
    return [BoltMember(f"pi{i + 1}", "master" if i == master else "slave") for i in range(n)]


def code(answer):
    return answer[1][0]["code"] if answer[0] == FAILURE else answer


def test_login():
    members = cluster(2)
    with BoltProxy(members) as proxy:
        for name, proposals, want in (
                ("4.4's", bytes.fromhex("00020404000001040000000400000003"), 3),
                ("6.3's", bytes.fromhex("000001ff000808050002040400000003"), 3),
                ("one without 3", bytes.fromhex("00000004000000000000000000000000"), 0)):
            c = proxy.client(login=None, proposals=proposals)
            same(c.version[3], want, f"{name} proposals")
            if not want:
                ok(c.closed(), "nothing in common: closed")
        c = proxy.client()
        same(c.hello[0], SUCCESS, "logged in")
        same(c.hello[1][0]["server"], "Neo4j/3.5.0", "the member's version")
        same(code(proxy.client(login="wrong").hello), "Neo.ClientError.Security.Unauthorized",
             "a wrong password is refused as the member refuses it")
        before = sum(m.logins for m in members)
        for _ in range(20):
            proxy.client()
        same(sum(m.logins for m in members), before, "a member's word is taken for a while")
        c = proxy.client(login=None)
        same(code(c.ask(RUN, "x", {}, {})), INVALID, "RUN before HELLO")
        ok(c.closed(), "and the end")
        c = proxy.client(login=None)
        c.send((HELLO, {"a": "x" * 20000}))
        same(code(c.answers(1)[0]), INVALID, "a HELLO too long")
        c = proxy.client(login=None)
        same(code(c.ask(HELLO, {"user_agent": "x"})), INVALID, "a HELLO that says nobody")
    for m in members:
        m.down()


def test_routing():
    members = cluster(3, master=1)
    with BoltProxy(members) as proxy:
        c = proxy.client()
        same({c.run("WHO")[0][0] for _ in range(9)}, {"pi2"}, "what does not say that it reads goes to the master")
        same({c.run("WHO", mode="w")[0][0] for _ in range(9)}, {"pi2"}, "and what says it writes")
        same({c.run("WHO", mode="r")[0][0] for _ in range(12)}, {"pi1", "pi2", "pi3"}, "reads go to everyone")
        c.send((BEGIN, {"mode": "r"}), (RUN, "WHO", {}, {}), (PULL,), (COMMIT,))
        tags = [t for t, _ in c.answers(5)]
        same(tags, [SUCCESS, SUCCESS, RECORD, SUCCESS, SUCCESS], "a pipelined transaction")
        same(c.ask(BEGIN, {})[0], SUCCESS, "BEGIN")
        for text in ("A", "B"):
            same(c.run(text)[0], ["pi2"], "stays on its member")
        same(c.ask(ROLLBACK)[0], SUCCESS, "ROLLBACK")
        same([f[0] for f in members[1].did(RUN)][-2:], ["A", "B"], "in order")
        one = proxy.client()
        one.sock.sendall(b"".join(bytes([b]) for b in message(RUN, "WHO", {}, {"mode": "r"}, chunk=1)))
        one.sock.sendall(message(PULL, chunk=1))
        same(one.answers(1)[0][0], SUCCESS, "chunks of one byte")
        c.send((RUN, "WHO", {}, {}), (PULL,), (RUN, "WHO", {}, {"mode": "r"}), (PULL,))
        same([t for t, _ in c.answers(6)], [SUCCESS, RECORD, SUCCESS] * 2, "two transactions in one go")
        c = proxy.client()
        c.send((GOODBYE,))
        ok(c.closed(), "GOODBYE")
    for m in members:
        m.down()


def test_routing_call():
    members = cluster(2)
    with BoltProxy(members) as proxy:
        c = proxy.client()
        ask = "CALL dbms.cluster.routing.getRoutingTable($context)"
        rows = c.run(ask, parameters={"context": {"address": "pi4.local:7687"}})
        ttl, servers = rows[0]
        same({s["role"]: s["addresses"] for s in servers},
             {r: ["pi4.local:7687"] for r in ("WRITE", "READ", "ROUTE")}, "the address the driver used")
        ok(1 <= ttl <= 30, "a short ttl")
        rows = c.run("call dbms.cluster.routing.getServers", parameters={})
        same(rows[0][1][1]["addresses"], [f"127.0.0.1:{proxy.bolt}"], "an old driver gets ours")
        rows = c.run(ask, parameters={"context": {"address": "a b\n:1"}})
        same(rows[0][1][1]["addresses"], [f"127.0.0.1:{proxy.bolt}"], "what is no address is not repeated")
        same(c.ask(RUN, ask, {}, {})[0], SUCCESS, "asked")
        same(c.ask(RESET)[0], SUCCESS, "RESET instead of PULL")
        same(c.run("WHO")[0], ["pi1"], "goes on")
        same(len(members[0].did(RUN)) + len(members[1].did(RUN)), 1, "members never hear of it")
        members[0].role = "slave"
        eventually(lambda: not proxy.json()["master"])
        ok(c.run(ask), "answered without a master too")
    for m in members:
        m.down()


def test_failure():
    members = cluster(1)
    with BoltProxy(members) as proxy:
        c = proxy.client()
        c.send((RUN, "FAIL", {}, {}), (PULL,), (RUN, "WHO", {}, {}), (PULL,))
        got = c.answers(4)
        same([t for t, _ in got], [FAILURE, IGNORED, IGNORED, IGNORED], "FAILURE, and the rest IGNORED")
        eventually(lambda: members[0].did(RESET), "the proxy resets the member by itself")
        same(c.ask(RUN, "WHO", {}, {})[0], IGNORED, "still IGNORED")
        same([t for t, _ in (c.send((RESET,), (RESET,)) or c.answers(2))], [SUCCESS] * 2, "two RESETs")
        same(c.run("WHO")[0], ["pi1"], "goes on")
        c.ask(BEGIN, {})
        same(code(c.ask(RUN, "FAIL", {}, {})), "Neo.ClientError.Statement.SyntaxError", "in a transaction")
        same(c.ask(COMMIT)[0], IGNORED, "COMMIT is not a commit")
        same(len(members[0].did(COMMIT)), 0, "and not sent")
        same(c.ask(RESET)[0], SUCCESS, "RESET")
        same(code(c.ask(COMMIT)), INVALID, "COMMIT without BEGIN")
        ok(c.closed(), "ends the connection")
    members[0].down()


def test_breach():
    """What makes a member close keeps nobody else from it."""
    members = cluster(1)
    with BoltProxy(members) as proxy:
        rude, other = proxy.client(), proxy.client()
        for pipelined in ((), ((PULL,),)):
            rude.send((RUN, "BREACH", {}, {}), *pipelined)
            same(rude.answers(1)[0][0], FAILURE, "it hears of its failure")
            same(other.run("WHO")[0], ["pi1"], "the next one")
            rude.send((RESET,))
            same([t for t, _ in rude.answers(len(pipelined) + 1)], [IGNORED] * len(pipelined) + [SUCCESS], "RESET")
        ok("Bolt:" not in open(proxy.log.name).read(), "the member is not blamed")
    members[0].down()


def test_reset():
    members = cluster(1)
    with BoltProxy(members) as proxy:
        c = proxy.client()
        c.send((RUN, "HANG", {}, {}), (PULL,))
        ok(members[0].hanging.wait(60), "a statement runs")
        c.send((RESET,))
        same([t for t, _ in c.answers(3)], [IGNORED, IGNORED, SUCCESS], "RESET overtakes it")
        same(c.run("WHO")[0], ["pi1"], "goes on")
        members[0].hanging.clear()
        c.send((RUN, "HANG", {}, {}), (PULL,), (RUN, "WHO", {}, {}), (PULL,), (RESET,))
        same([t for t, _ in c.answers(5)], [IGNORED] * 4 + [SUCCESS], "also with another one behind it")
        members[0].role = "UNKNOWN"
        eventually(lambda: not proxy.json()["master"])
        c.send((RUN, "WHO", {}, {}), (PULL,))
        time.sleep(0.2)
        c.send((RESET,))
        same([t for t, _ in c.answers(3)], [IGNORED, IGNORED, SUCCESS], "and one that waits for a master")
    members[0].down()


BROWSER = bytes.fromhex("00000002000000010000000000000000")  # of Neo4j 3.5


def test_early():
    """Versions 1 and 2: the Browser's."""
    members = cluster(3, master=1)
    with BoltProxy(members) as proxy:
        for version in (1, 2):
            c = proxy.client(proposals=bytes([0, 0, 0, version]) + bytes(12))
            same((c.version[3], c.hello[0]), (version, SUCCESS), f"version {version}")
            same(c.run("WHO"), [["pi2", False]], "without a word about its mode: the master")
        c = proxy.client(proposals=BROWSER)
        same(c.version[3], 2, "the Browser's proposals")
        three = proxy.client()
        same(three.run("WHO")[0], ["pi2"], "version 3 beside it")
        same({v for m in members for v in m.versions}, {1, 2, 3}, "each on connections of its own")
        same(code(proxy.client(proposals=BROWSER, login="wrong").hello),
             "Neo.ClientError.Security.Unauthorized", "a wrong password")
        for _ in range(5):
            c.send((RUN, "BEGIN", {"bookmarks": [BOOKMARK + "1"]}), (PULL,), (RUN, "WHO", {}), (PULL,))
            same([t for t, _ in c.answers(5)], [SUCCESS, SUCCESS, SUCCESS, RECORD, SUCCESS], "BEGIN")
            same(c.run("WHO"), [["pi2", True]], "still in it")
            c.send((RUN, "COMMIT", {}), (DISCARD,))
            ok(c.answers(2)[1][1][0]["bookmark"] == BOOKMARK + str(members[1].tx), "COMMIT")
            same(c.run("WHO"), [["pi2", False]], "out of it")
        c.run("BEGIN")
        same(c.run("ROLLBACK") or c.run("WHO"), [["pi2", False]], "ROLLBACK")
        c.run("BEGIN")
        same(c.ask(RESET)[0], SUCCESS, "RESET")
        same(c.run("WHO"), [["pi2", False]], "ends it too")
        resets = len(members[1].did(RESET))
        c.run("WHO")
        eventually(lambda: len(members[1].did(RESET)) > resets, "a connection is reset before others get it")
        c.run("BEGIN")
        c.close()
        c = proxy.client(proposals=BROWSER)
        same(c.run("WHO"), [["pi2", False]], "one that went away leaves nothing behind")
        same(len(c.run("WHO", parameters={"p": "p" * 300000})), 1, "a large parameter")
        same(len(c.run("WHO" + " " * 300000)), 1, "a long statement")
        same(c.run("CALL dbms.cluster.routing.getServers")[0][1][0]["addresses"], [f"127.0.0.1:{proxy.bolt}"],
             "the routing call")
        for tag in (GOODBYE, BEGIN, COMMIT, ACK_FAILURE):
            c = proxy.client(proposals=BROWSER)
            c.send((tag,))
            try:
                ok(code(c.answers(1)[0]) == INVALID and c.closed(), f"tag {tag} is of another version or state")
            except ConnectionError:
                same(tag, GOODBYE, "GOODBYE closes")
    for m in members:
        m.down()


def test_early_failure():
    members = cluster(2)
    with BoltProxy(members) as proxy:
        c = proxy.client(proposals=BROWSER)
        c.send((RUN, "FAIL", {}), (PULL,), (RUN, "WHO", {}), (PULL,))
        same([t for t, _ in c.answers(4)], [FAILURE, IGNORED, IGNORED, IGNORED], "FAILURE, and the rest IGNORED")
        c.send((ACK_FAILURE,), (RUN, "WHO", {}), (PULL,))
        same([t for t, _ in c.answers(4)], [SUCCESS, SUCCESS, RECORD, SUCCESS], "ACK_FAILURE ends it")
        c.run("BEGIN")
        same(c.run("FAIL"), SYNTAX, "in a transaction")
        c.send((RUN, "ROLLBACK", {}), (PULL,))
        same([t for t, _ in c.answers(2)], [IGNORED] * 2, "what follows is IGNORED")
        c.send((ACK_FAILURE,), (RUN, "WHO", {}), (PULL,))
        same(c.answers(4)[2][1][0], ["pi1", True], "it is as open as the member has it")
        c.send((RUN, "ROLLBACK", {}), (PULL,))
        same([t for t, _ in c.answers(2)], [SUCCESS] * 2, "ROLLBACK")
        same(c.run("WHO"), [["pi1", False]], "goes on")
        c.run("BEGIN")
        c.run("FAIL")
        resets = len(members[0].did(RESET))
        c.send((ACK_FAILURE,), (RUN, "ROLLBACK", {}), (PULL,))
        same([t for t, _ in c.answers(3)], [SUCCESS] * 3, "both in one go")
        eventually(lambda: len(members[0].did(RESET)) > resets, "and the connection is given back")
        same(c.run("COMMIT"), SYNTAX, "COMMIT of nothing, as the member says it")
        same(c.ask(RESET)[0], SUCCESS, "RESET")
        same(c.run("WHO"), [["pi1", False]], "goes on")
        c.run("BEGIN")
        members[0].break_links()
        same(c.run("WHO"), LOST, "a transaction that was lost")
        same(c.ask(ACK_FAILURE)[0], SUCCESS, "ACK_FAILURE")
        eventually(lambda: proxy.json()["master"])
        same(c.run("WHO"), [["pi1", False]], "goes on")
        c.run("BEGIN")
        c.send((RUN, "COMMIT", {}))
        same(c.answers(1)[0][0], SUCCESS, "a commit")
        members[0].break_links()
        ok(c.closed(), "whose end was lost: closed, nobody knows")
        eventually(lambda: proxy.json()["master"])
        c = proxy.client(proposals=BROWSER)
        c.run("BEGIN")
        c.run("FAIL")
        members[0].break_links()
        ok(c.closed(), "one that had failed and was lost then: closed")
    for m in members:
        m.down()


def test_stream():
    members = cluster(1)
    with BoltProxy(members) as proxy:
        c = proxy.client()
        same(len(c.run("RECORDS 20000 100")), 20000, "many records")
        same([len(r[0]) for r in c.run("RECORDS 3 300000")], [300000] * 3, "large ones")
        c.send((RUN, "RECORDS 2000 100000", {}, {}), (PULL,))
        c.answers(2)
        time.sleep(1)
        ok(proxy.rss_kb() < 20000, f"200 MB for a client that does not read: {proxy.rss_kb()} kB")
        for _ in range(1999):
            c.answers(1)
        same(c.answers(1)[0][0], SUCCESS, "all of them")
        big = "p" * (5 << 20)
        same(c.run("WHO", parameters={"p": big}, mode="r")[0], ["pi1"], "a parameter of 5 MB")
        same(members[0].did(RUN)[-1][1]["p"], big, "arrives as it was")
        c.send((RUN, "WHO", {"p": "p" * (40 << 20)}, {}), (PULL,))
        same(code(c.answers(1)[0]), INVALID, "one of 40 MB is refused")
        same([c.answers(1)[0][0], c.ask(RESET)[0]], [IGNORED, SUCCESS], "as a server refuses it")
        same(c.run("WHO")[0], ["pi1"], "and the session goes on")
        ok(proxy.rss_kb() < 20000, f"and was never held: {proxy.rss_kb()} kB")
        slow = [proxy.client() for _ in range(20)]
        for s in slow:
            s.send((RUN, "RECORDS 1000 10000", {}, {"mode": "r"}), (PULL,))
        same(proxy.client().run("WHO")[0], ["pi1"], "slow readers do not slow others")
    members[0].down()


class LateBolt(LateRoom, BoltProxy):
    pass


def test_late_room():
    big = "p" * (5 << 20)
    for LateBolt.times in range(16, 32):
        members = cluster(1)
        with LateBolt(members) as proxy:
            c = proxy.client()
            same(c.run("WHO", parameters={"p": big}, mode="r")[0], ["pi1"],
                 f"a member that has room after it had none {LateBolt.times} times gets all")
            same([len(r[0]) for r in c.run("RECORDS 20 300000")], [300000] * 20, "so does a client")
        members[0].down()


def test_failover():
    members = cluster(3)
    with BoltProxy(members, pool="hold_ms = 20000") as proxy:
        idle, begun, run, committing, reading = (proxy.client() for _ in range(5))
        for c in (begun, committing):
            c.ask(BEGIN, {})
        committing.run("DIE")
        committing.send((COMMIT,))
        ok(committing.closed(), "a commit that was on its way: closed, nobody knows")
        committing, wrote = (proxy.client() for _ in range(2))
        for c, text in ((committing, "WHO"), (wrote, "WRITES")):
            c.ask(BEGIN, {"mode": "r"})
            c.run(text)
            c.run("DIE")
            c.send((COMMIT,))
        same(code(committing.answers(1)[0]), LOST, "of one that only read: it may be tried again")
        ok(wrote.closed(), "of one in access mode r that wrote: closed, nobody knows")
        eventually(lambda: proxy.json()["master"])
        run.send((RUN, "HANG", {}, {}))
        ok(members[0].hanging.wait(60), "a statement runs on the master")
        members[0].role, members[1].role = "slave", "master"
        same(code(run.answers(1)[0]), LOST, "it fails as what may be tried again")
        same(run.ask(PULL)[0], IGNORED, "then IGNORED")
        same(code(begun.ask(RUN, "WHO", {}, {})), LOST, "and one between two statements, when it goes on")
        same(begun.ask(COMMIT)[0], IGNORED, "its COMMIT is not one")
        same(len(members[0].did(COMMIT)), 1, "and is not sent anywhere")
        for c in (begun, run):
            same(c.ask(RESET)[0], SUCCESS, "RESET")
            same(c.run("WHO")[0], ["pi2"], "the new master")
        same(idle.run("WHO")[0], ["pi2"], "who was idle notices nothing")
        members[1].role = "UNKNOWN"
        eventually(lambda: not proxy.json()["master"])
        idle.send((BEGIN, {}))
        same(len(reading.run("WHO", mode="r")), 1, "reads go on without a master")
        members[2].role = "master"
        same(idle.answers(1)[0][0], SUCCESS, "a write waits for the next one")
        same(idle.run("WHO")[0], ["pi3"], "and goes there")
    with BoltProxy(members, pool="hold_ms = 600") as proxy:
        members[2].role = "UNKNOWN"
        eventually(lambda: not proxy.json()["master"])
        c = proxy.client()
        same(c.run("WHO"), NOBODY, "nobody for hold_ms: a failure to try again")
        same(c.ask(RESET)[0], SUCCESS, "RESET")
        members[2].role = "master"
        eventually(lambda: proxy.json()["master"])
        same(c.run("WHO")[0], ["pi3"], "goes on")
        c.ask(BEGIN, {})
        members[2].break_links()
        same(code(c.ask(RUN, "WHO", {}, {})), LOST, "a connection that broke")
        c.ask(RESET)
        eventually(lambda: proxy.json()["master"])
        c.send((RUN, "RECORDS 1000000 1000", {}, {"mode": "r"}), (PULL,))
        c.answers(3)
        for m in members:
            m.break_links()
        try:
            while c.answers(1)[0][0] == RECORD:
                pass
            ok(True, "one that broke in the middle of an answer: FAILURE at its end")
        except ConnectionError:
            ok(True, "one that broke in the middle of an answer: closed")
    for m in members:
        m.down()


def test_bookmarks():
    members = cluster(3)
    with BoltProxy(members) as proxy:
        c = proxy.client()
        for _ in range(9):
            c.run("WHO", mode="r")
        for _ in range(20):  # it is young for 1.5 s: what took longer says nothing
            members[0].tx, begun = members[0].tx + 40, time.monotonic()
            c.send((BEGIN, {}), (RUN, "WHO", {}, {}), (PULL,), (COMMIT,))
            mark = c.answers(5)[-1][1][0]["bookmark"]
            wrote = members[0].tx
            young = {c.run("WHO", mode="r", bookmarks=[mark, BOOKMARK + "7"])[0][0] for _ in range(6)}
            old = {c.run("WHO", mode="r", bookmarks=[BOOKMARK + "1"])[0][0] for _ in range(9)}
            members[1].tx = wrote
            for _ in range(9):
                c.run("WHO", mode="r")
            shown = {c.run("WHO", mode="r", bookmarks=[mark])[0][0] for _ in range(9)}
            if time.monotonic() - begun < 1.4:
                break
        same(mark, BOOKMARK + str(wrote), "a bookmark")
        same(young, {"pi1"}, "a reader with a young bookmark goes where it is known to be")
        same(old, {"pi1", "pi2", "pi3"}, "one with an old bookmark to everyone")
        same(shown, {"pi1", "pi2"}, "a member shows by its own bookmarks what it has")
        eventually(lambda: c.run("WHO", mode="r", bookmarks=[mark])[0][0] == "pi3",
                   "later the third very likely has it too")
    for m in members:
        m.down()


def test_ports():
    members = cluster(2)
    with BoltProxy(members) as proxy:
        same(proxy.client(port=proxy.port).run("WHO")[0], ["pi1"], "Bolt on the HTTP port")
        c = Conn(proxy.bolt)
        c.request()
        ok(c.answer().member() in ("pi1", "pi2"), "HTTP on the Bolt port")
        c.request(target="/big/100000")
        same(len(c.answer().body), 100000, "and again on the same connection")
        for port in (proxy.port, proxy.bolt):
            c = proxy.client(port=port, wrap=WebSocket)
            same(c.sock.accept, WebSocket.ACCEPT, "a WebSocket (the RFC's own key)")
            same(c.run("WHO")[0], ["pi1"], "Bolt in it")
            same(len(c.run("RECORDS 2000 1000")), 2000, "many records")
            rows = c.run("CALL dbms.cluster.routing.getServers")
            same(rows[0][1][0]["addresses"], [f"127.0.0.1:{port}"], "a routing call: where the client came")
            big = "p" * 200000
            c.run("WHO", parameters={"p": big})
            same(members[0].did(RUN)[-1][1]["p"], big, "a large frame")
            data = message(RUN, "WHO", {}, {}) + message(PULL)
            c.sock.frame(data[:5], fin=False)
            c.sock.frame(b"are you there", opcode=9)
            c.sock.frame(data[5:], opcode=0)
            same([t for t, _ in c.answers(3)], [SUCCESS, RECORD, SUCCESS], "a message in two fragments")
            same(c.sock.control, [(10, b"are you there")], "with a PING between them")
            c.sock.frame(b"\x03\xe8", opcode=8)
            same(c.sock.recv(1), b"", "CLOSE")
            same(c.sock.control[-1], (8, b"\x03\xe8"), "is answered")
            for why, send in (("text", lambda s: s.frame(b"x", opcode=1)),
                              ("no mask", lambda s: s.sock.sendall(b"\x82\x01x")),
                              ("a reserved bit", lambda s: s.sock.sendall(b"\xc2\x80mask")),
                              ("a PING of 126", lambda s: s.frame(b"x" * 126, opcode=9)),
                              ("a continuation of nothing", lambda s: s.frame(b"x", opcode=0)),
                              ("2^63 bytes", lambda s: s.sock.sendall(b"\x82\xff" + b"\xff" * 8 + b"mask"))):
                c = proxy.client(port=port, wrap=WebSocket, login=None)
                send(c.sock)
                ok(c.sock.sock.recv(1) == b"", f"{why}: closed")
        c = Conn(proxy.port)
        c.request(fields="Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n")
        same(c.answer().status, 200, "without a key it is an ordinary request")
    for m in members:
        m.down()


def test_counted():
    """Sessions and transactions in the table, in the metrics and in the access log."""
    members = cluster(2)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "access.log")
        with BoltProxy(members, tls=f'log {{ access = "{path}" }}') as proxy:
            c = proxy.client()
            for _ in range(3):
                c.run("WHO", mode="r")
            c.run("WHO")
            lines = []
            eventually(lambda: lines.extend(open(path).read().splitlines()[len(lines):]) or len(lines) == 4,
                       "a line in the access log for each transaction")
            same([re.sub(r" \S+Z (pi[12])/| -1/\d+/-1/\d+/\d+ ", " ", line) for line in lines][2:],
                 [f"127.0.0.1 least 0 0 -- 1 \"BOLT READ\"", f"127.0.0.1 master 0 0 -- 1 \"BOLT WRITE\""],
                 "which tells who, why that member, and how it ended")
            names, *rows = [line.split(",") for line in proxy.stats("/;csv").replace("# ", "").splitlines()]
            rows = {(r[0], r[1]): dict(zip(names, r)) for r in rows}
            same((rows["bolt", "FRONTEND"]["scur"], rows["bolt", "FRONTEND"]["hrsp_2xx"]), ("1", ""), "sessions in the table")
            same((rows["neo4j-bolt", "BACKEND"]["stot"], rows["neo4j-bolt", "pi1"]["status"]), ("4", "UP"),
                 "and transactions, beside those of HTTP")
            same(rows["neo4j", "BACKEND"]["stot"], "0", "which are counted apart")
            text = proxy.stats("/metrics")
            ok('bolt_transactions_total{mode="read"} 3\n' in text and 'bolt_transactions_total{mode="write"} 1\n' in text
               and "bolt_transaction_duration_seconds_count 4\n" in text and "bramble_proxy_bolt_sessions 1\n" in text,
               "and in the metrics")
            same((proxy.json()["bolt_sessions"], proxy.json()["bolt_total"]), (1, 4), "and on the dashboard")
            c.send((BEGIN, {}))
            eventually(lambda: proxy.json()["bolt_in_flight"] == 1)
            members[0].down()
            eventually(lambda: len(open(path).read().splitlines()) == 5)
            ok(open(path).read().splitlines()[-1].endswith(' SD 1 "BOLT WRITE"'), "one whose member went away")
            c.close()
    members[1].down()


def test_tls():
    members = cluster(2)
    with tempfile.TemporaryDirectory() as folder:
        crt, key = certificate(folder, "pi4.local")

        def wrap(sock, versions=None):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(crt)
            if versions:
                context.minimum_version = context.maximum_version = versions
            return context.wrap_socket(sock, server_hostname="pi4.local")

        tls = f'tls {{ certificate = "{crt}" key = "{key}" }}'
        with BoltProxy(members, tls=tls) as proxy:
            for port in (proxy.port, proxy.bolt):
                c = proxy.client(port=port, wrap=wrap)
                same(c.run("WHO")[0], ["pi1"], "bolt+s")
                same(len(c.run("RECORDS 20000 1000")), 20000, "many records")
                rows = c.run("CALL dbms.cluster.routing.getServers")
                same(rows[0][1][0]["addresses"], [f"127.0.0.1:{port}"], "where the client came")
                big = "p" * (3 << 20)
                c.run("WHO", parameters={"p": big})
                same(members[0].did(RUN)[-1][1]["p"], big, "a large parameter")
                c = proxy.client(port=port, wrap=lambda s: WebSocket(wrap(s)))
                same(c.run("WHO")[0], ["pi1"], "wss")
                c = wrap(socket.create_connection(("127.0.0.1", port), timeout=60))
                c.sendall(b"GET /big/300000 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                got = b""
                while data := c.recv(65536):
                    got += data
                ok(got.startswith(b"HTTP/1.1 200") and len(got) > 300000, f"https ({len(got)} bytes)")
                c = wrap(socket.create_connection(("127.0.0.1", port), source_address=("127.0.9.9", 0), timeout=60))
                c.sendall(b"GET /echo HTTP/1.1\r\nHost: h\r\n\r\nPOST /db/data/transaction HTTP/1.1\r\nHost: h\r\n"
                          b"Connection: close\r\nContent-Length: 17\r\n\r\n{\"statements\":[]}")
                got = b""
                while data := c.recv(65536):
                    got += data
                ok(b'["X-Forwarded-Proto", "https"]' in got, "members are told of https")
                ok(b'["X-Forwarded-For", "127.0.9.9"]' in got, "and of the client's own address")
                ok(b"\r\nLocation: https://h/db/data/transaction/" in got and
                   b'"commit": "https://h/db/data/transaction/' in got, "URLs of transactions lead back to it")
            same(proxy.client().run("WHO")[0], ["pi1"], "bare Bolt is still there")
            for data in (b"\x16\x03\x01\x00\x05hello", b"\x16" * 300, b"\x16"):
                with socket.create_connection(("127.0.0.1", proxy.bolt)) as s:
                    s.settimeout(60)
                    try:
                        s.sendall(data)
                        s.shutdown(socket.SHUT_WR)
                        while s.recv(4096):
                            pass
                    except (ConnectionError, OSError) as e:
                        ok(not isinstance(e, TimeoutError), "ended at once")
            ok(True, "hostile handshakes end")
            piece = socket.create_connection(("127.0.0.1", proxy.bolt))
            piece.sendall(b"\x16\x03\x01")
            time.sleep(0.3)
            before = proxy.cpu_s()
            time.sleep(1.5)
            spent = proxy.cpu_s() - before
            ok(spent < 0.7, f"a piece of a record keeps nobody busy ({spent:.2f} s of 1.5)")
            piece.close()
            ok("ends in 2 days" in open(proxy.log.name).read(), "that the certificate ends soon is in the log")
            metrics = proxy.stats("/metrics")
            at = re.search(r"^bramble_proxy_tls_certificate_expiry_timestamp_seconds (\d+)$", metrics, re.M)
            ok(at and abs(int(at[1]) - time.time() - 2 * 86400) < 600, "and when, in the metrics")
            try:
                wrap(socket.create_connection(("127.0.0.1", proxy.bolt)), ssl.TLSVersion.TLSv1_1)
                ok(False, "TLS 1.1 is refused")
            except (ssl.SSLError, ConnectionError, ValueError):
                ok(True, "TLS 1.1 is refused")
            old = open(crt).read()
            certificate(folder, "pi4.local")
            ok(open(crt).read() != old, "a new certificate")

            def renewed():
                try:
                    return wrap(socket.create_connection(("127.0.0.1", proxy.bolt)))
                except ssl.SSLError:
                    return False
            eventually(renewed, "is taken up")
            open(crt, "w").write("nonsense")
            eventually(lambda: "not used" in open(proxy.log.name).read(), "a broken one is told and not used")
            with open(crt, "w") as f:
                f.write(old)
    for m in members:
        m.down()


def test_many():
    members = cluster(2)
    with BoltProxy(members, bolt="maxconn = 5") as proxy:
        clients = [proxy.client() for _ in range(60)]
        for c in clients:
            c.send((RUN, "WHO", {}, {}), (PULL,))
        same([c.answers(3)[1][1][0][0] for c in clients], ["pi1"] * 60, "60 at once take turns")
        ok(len(members[0].links) <= 12, f"with {len(members[0].links)} connections to the master")
        for c in clients[:30]:
            c.send((RUN, "HANG", {}, {}))
            c.close()
        same(clients[40].run("WHO")[0], ["pi1"], "who leaves gives up its place")
    for m in members:
        m.down()


def test_hold_max():
    members = cluster(1)
    with BoltProxy(members, pool="hold_ms = 600000 hold_max = 1") as proxy:
        first, second = proxy.client(), proxy.client()
        members[0].role = "UNKNOWN"
        eventually(lambda: not proxy.json()["master"])
        first.send((RUN, "WHO", {}, {}), (PULL,))
        same(second.run("WHO"), NOBODY, "one more than may be held is told at once")
    members[0].down()


def is_open(sock):
    sock.setblocking(False)
    try:
        while sock.recv(4096):
            pass
        return False
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def silent(port, first, n, source="127.0.0.1"):
    """So many connections that say something of a greeting, and no more."""
    socks = [socket.create_connection(("127.0.0.1", port), source_address=(source, 0)) for _ in range(n)]
    for s in socks:
        s.sendall(first)
    return socks


def come_in(proxy, socks, newcomer, what):
    """While those take all the room there is; (who came, how many of them were closed for it)."""
    eventually(lambda: proxy.json()["bolt_sessions"] == len(socks))
    came = []
    eventually(lambda: came.append(newcomer()) is None, what)
    return came, sum(not is_open(s) for s in socks)


def test_silent():
    """Who says how it is going to speak, and then nothing, does not keep the others out."""
    members = cluster(1)
    hello = MAGIC + b"\0\0\0\3" + bytes(12)
    with tempfile.TemporaryDirectory() as folder:
        crt, key = certificate(folder, "pi4.local")
        tls = f'tls {{ certificate = "{crt}" key = "{key}" }}'
        for name, first in (("the first byte of Bolt", hello[:1]), ("of TLS", b"\x16"), ("a version", hello)):
            with BoltProxy(members, limits="maxconn = 5", tls=tls) as proxy:
                for port in (proxy.port, proxy.bolt):
                    socks = silent(port, first, 5)
                    came, closed = come_in(proxy, socks, lambda port=port: proxy.client(port=port),
                                           f"{name} from many: another one comes in")
                    same(came[0].run("WHO")[0], ["pi1"], "and is served")
                    same(closed, 1, "for which one of them went, before its time was over")
                    for s in socks + [c.sock for c in came]:
                        s.close()
                    eventually(lambda: proxy.json()["bolt_sessions"] == 0)
    members[0].down()


def test_silent_crowd():
    members = cluster(1)
    with BoltProxy(members, limits="maxconn = 5") as proxy:
        in_already = proxy.client()
        lone = silent(proxy.port, MAGIC, 1, source="127.0.0.9")
        eventually(lambda: proxy.json()["bolt_sessions"] == 2)
        many = silent(proxy.port, MAGIC, 3)
        come_in(proxy, [in_already.sock, *lone, *many], lambda: proxy.client(port=proxy.port), "another one comes in")
        same((is_open(lone[0]), [is_open(s) for s in many]), (True, [False, True, True]),
             "for the oldest of those who come from one address")
        in_already.sock.setblocking(True)
        same(in_already.run("WHO")[0], ["pi1"], "not for who has logged in")
        for s in lone + many:
            s.close()
    members[0].down()


def test_reset_at_login():
    members = cluster(1)
    with BoltProxy(members, pool="hold_ms = 500") as proxy:
        members[0].role = "UNKNOWN"
        eventually(lambda: not proxy.json()["master"])
        c = proxy.client(login=None)
        c.send((HELLO, {"scheme": "basic", "principal": "neo4j", "credentials": "wrong"}), (RESET,))
        same(code(c.answers(1)[0]), NOBODY, "a RESET does not log in")
    members[0].down()


def test_odd_login():
    """What no member takes is the client's to hear at once, and keeps nobody else out."""
    members = cluster(2)
    with BoltProxy(members, pool="hold_ms = 30000") as proxy:
        odd = {"scheme": "basic", "principal": "odd", "credentials": "pw"}
        other, c = proxy.client(), proxy.client(login=None)
        begun = time.monotonic()
        same(code(c.ask(HELLO, {"user_agent": "test", **odd})), INVALID, "as the member said it")
        ok(time.monotonic() - begun < 15, "at once")
        ok(c.closed(), "and it is closed")
        same(other.run("WHO")[0], ["pi1"], "another one goes on")
        first = proxy.client(login=None)
        same(first.ask(HELLO, {**odd, "principal": "new", "routing": 5})[0], SUCCESS,
             "members hear only who it is, in the proxy's name")
    for m in members:
        m.down()


def test_refused_later():
    members = cluster(1)
    with BoltProxy(members) as proxy:
        c = proxy.client()
        members[0].password = "another"
        members[0].break_links()
        eventually(lambda: c.run("WHO") == "Neo.ClientError.Security.Unauthorized" or c.ask(RESET) and False)
        c.ask(RESET)
        members[0].password = "pw"
        data = message(RUN, "WHO", {"p": "p" * 60000}, {}) + message(PULL)
        c.sock.sendall(data[:20000])
        time.sleep(0.2)
        c.sock.sendall(data[20000:])
        same([t for t, _ in c.answers(3)], [SUCCESS, RECORD, SUCCESS],
             "a long RUN of one whose password a member refused meanwhile")
    members[0].down()


def test_reset_of_lost():
    members = cluster(1)
    with BoltProxy(members) as proxy:
        c = proxy.client()
        c.ask(BEGIN, {})
        members[0].break_links()
        time.sleep(0.2)
        same(c.ask(RESET)[0], SUCCESS, "RESET is the first to hear of a member that went away")
        eventually(lambda: proxy.json()["master"])
        same(c.run("WHO")[0], ["pi1"], "goes on")
    members[0].down()


def test_websocket_pings():
    members = cluster(1)
    with BoltProxy(members) as proxy:
        c = proxy.client(wrap=WebSocket)
        before, sent = proxy.rss_kb(), 0
        pings = (b"\x89\xfd" + bytes(4 + 125)) * 500
        try:
            while sent < 64 << 20:
                c.sock.sock.sendall(pings)
                sent += len(pings)
            ok(False, "PINGs of one that does not read the answers: all taken")
        except ConnectionError:
            ok(True, "one that sends PINGs and does not read the answers is closed")
        ok(proxy.rss_kb() - before < 10000, f"before it takes much memory: {proxy.rss_kb() - before} kB")
        same(proxy.client().run("WHO")[0], ["pi1"], "others are served")
    members[0].down()


def test_websocket_end():
    members = cluster(1)
    with BoltProxy(members, timeouts="client_ms = 1000") as proxy:
        def descriptors():
            return len(os.listdir(f"/proc/{proxy.process.pid}/fd"))

        proxy.client()
        c = proxy.client(wrap=WebSocket)
        opened, before = descriptors(), proxy.cpu_s()
        c.send((RUN, "RECORDS 2000 100000", {}, {}), (PULL,))
        eventually(lambda: descriptors() <= opened - 4, "one that never reads its answer does not stay for ever")
        ok(proxy.cpu_s() - before < 2, f"nor costs much until then: {proxy.cpu_s() - before} s")
    members[0].down()


def test_websocket_in_websocket():
    members = cluster(1)
    with BoltProxy(members) as proxy:
        c = proxy.client(wrap=WebSocket, login=None, proposals=None)
        got = b""
        try:
            c.sock.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
            got = c.sock.recv(1)
        except ConnectionError:
            pass
        ok(b"101" not in got, "only Bolt is spoken in a WebSocket")
    members[0].down()


def test_drain():
    members = cluster(1)
    with BoltProxy(members) as proxy:
        members[0].role = "UNKNOWN"
        eventually(lambda: not proxy.json()["master"])
        c = Conn(proxy.port)
        c.request("POST", "/x", fields="X-Write: 1\r\n", body=b"x")
        b = proxy.client(login=None)
        before = proxy.cpu_s()
        proxy.process.send_signal(signal.SIGTERM)
        ok(b.closed(), "SIGTERM: who is in no transaction is closed")
        time.sleep(2)
        ok(proxy.cpu_s() - before < 0.25, f"waiting for a request costs little: {proxy.cpu_s() - before} s")
        c.close()
    members[0].down()


# Of whom no member has been asked yet.
OTHER = {"user_agent": "test", "scheme": "basic", "principal": "other", "credentials": "pw"}


def test_drain_waits():
    """SIGTERM in a failover: what waits for a member has as long as a request of HTTP beside it."""
    members = cluster(1)
    with BoltProxy(members) as proxy:
        idle, tx, login, fails = proxy.client(), proxy.client(), proxy.client(login=None), proxy.client()
        members[0].role = "UNKNOWN"
        eventually(lambda: not proxy.json()["master"])
        for c, text in ((tx, "WHO"), (fails, "FAIL")):
            c.send((RUN, text, {}, {}), (PULL,))
        login.send((HELLO, OTHER))
        eventually(lambda: proxy.json()["bolt_waiting"] == 3)
        proxy.process.send_signal(signal.SIGTERM)
        ok(idle.closed(), "who waits for nothing is closed")
        members[0].role = "master"
        same([t for t, _ in tx.answers(3)], [SUCCESS, RECORD, SUCCESS], "a transaction that waited is carried out")
        ok(tx.closed(), "and is the last one")
        same([t for t, _ in fails.answers(2)], [FAILURE, IGNORED], "so is one that fails")
        ok(fails.closed(), "which ends likewise")
        same(login.answers(1)[0][0], SUCCESS, "who waited with a login is in")
        same(login.run("WHO")[0], ["pi1"], "for a transaction")
        ok(login.closed(), "of which there is one")
        same(proxy.process.wait(harness.PATIENCE_S), 0, "then nothing is left")
    members[0].down()


def test_drain_ends():
    """There is an end to it, and a word."""
    members = cluster(2)
    with BoltProxy(members) as proxy:
        waits, asks = proxy.client(), proxy.client()
        members[0].role = "UNKNOWN"
        eventually(lambda: not proxy.json()["master"])
        waits.send((RUN, "WHO", {}, {}), (PULL,))
        asks.send((RUN, "HANG", {}, {"mode": "r"}))
        ok(members[1].hanging.wait(60), "a statement runs")
        eventually(lambda: proxy.json()["bolt_waiting"] == 1)
        proxy.process.send_signal(signal.SIGTERM)
        first, second = waits.answers(2)
        same((code(first), second[0]), (NOBODY, IGNORED), "no member came: a failure to try again")
        same(code(asks.answers(1)[0]), LOST, "no answer came: likewise")
        ok(waits.closed() and asks.closed(), "and the end")
    for m in members:
        m.down()


def test_descriptors():
    members = cluster(1)
    with BoltProxy(members) as proxy:
        fds = f"/proc/{proxy.process.pid}/fd"
        others = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(20)]
        eventually(lambda: len(os.listdir(fds)) > 20)
        time.sleep(0.2)
        before = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
        used = max(int(f) for f in os.listdir(fds)) + 1
        resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (used, before[1]))
        waits = [socket.create_connection(("127.0.0.1", proxy.bolt)) for _ in range(20)]
        time.sleep(0.5)
        for s in others + waits:
            s.close()
        resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, before)
        same(proxy.client().run("WHO")[0], ["pi1"], "goes on when HTTP clients gave descriptors back")
    members[0].down()


def test_descriptors_http():
    members = cluster(1)
    with BoltProxy(members) as proxy:
        fds = f"/proc/{proxy.process.pid}/fd"
        others = [proxy.client() for _ in range(20)]
        before = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
        # Not one more: an HTTP client that got in would have it listen again when it leaves.
        free = min(set(range(1000)) - {int(f) for f in os.listdir(fds)})
        resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (free, before[1]))
        waits = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(3)]
        eventually(lambda: "out of file descriptors" in open(proxy.log.name).read())
        resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, before)
        for s in others:
            s.close()
        same(proxy.once().member(), "pi1", "HTTP goes on when Bolt clients gave descriptors back")
        for s in waits:
            s.close()
    members[0].down()


def test_hostile():
    members = cluster(1)
    with BoltProxy(members, limits="maxconn = 100") as proxy:
        for data in (b"", MAGIC, b"GET / HTTP/1.1\r\n\r\n" + bytes(20), bytes(40), MAGIC + b"\xff" * 16):
            with socket.create_connection(("127.0.0.1", proxy.bolt)) as s:
                s.sendall(data)
        for data in (b"\0\1\xb1\0\0", b"\0\2\xb1\x01\0\0", b"\0\4\xb1\x01\xa1\xff\0\0",
                     b"\0\x09\xb1\x01\xda\xff\xff\xff\xff\0\0\0\0", b"\xff\xff" + b"\x91" * 65535 + b"\0\0"):
            c = proxy.client(login=None)
            c.sock.sendall(data)
            try:
                same(c.answers(1)[0][0], FAILURE, "a malformed HELLO")
            except ConnectionError:
                ok(True, "a malformed HELLO")
        for data in (b"\0\2\xb3\x10\0\0", b"\0\1\xb0\0\0", b"\0\2\xb0\x77\0\0", b"\0\3\xb1\x11\xc0\0\0"):
            c = proxy.client()
            c.sock.sendall(data)
            same(code(c.answers(1)[0]), INVALID, "a malformed message")
        c = proxy.client()
        c.sock.sendall(bytes(2000))
        same(c.run("WHO")[0], ["pi1"], "a thousand NOOPs are nothing")
        same(proxy.client().run("WHO")[0], ["pi1"], "still serves")
    members[0].down()


sys.exit(harness.main(globals()))
