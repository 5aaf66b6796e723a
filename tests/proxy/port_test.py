#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""bolt { mode = "port" } of bramble-proxy, the real program, against MOCKS of members that speak any
version of Bolt: there are no real clusters of 4.x and 5.x to be had. tests/drivers/matrix.sh --causal has it
with real cores of 3.5. Prints TAP.

    port_test.py [NAME...]    only the tests whose name contains one of these
"""

import os
import re
import socket
import ssl
import sys
import tempfile
import threading
import time

import harness
from fake_bolt import (BEGIN, COMMIT, DISCARD, FAILURE, GOODBYE, HELLO, IGNORED, MAGIC, PULL, RECORD, RESET, RUN,
                       SUCCESS, BoltClient, BoltMember, BoltProxy, WebSocket, certificate, message, read_message)
from fake_member import Reader
from harness import LateRoom, eventually, free_port, ok, same

ROUTE, LOGON, TELEMETRY = 0x66, 0x6A, 0x54
OFFERS = {  # what drivers offer, and what a server of that version makes of it
    "6.3": ("000001ff000808050002040400000003", (5, 8)),
    "4.4": ("00020404000001040000000400000003", (4, 4)),
    "4.0": ("00000004000000030000000200000001", (4, 0)),
    "1.7": ("00000003000000020000000100000000", (3, 0)),
    "1.6": ("00000002000000010000000000000000", (2, 0)),
}


class AnyMember(BoltMember):
    """Takes the version it is made for, keeps what it was offered and told, and can not route."""

    def __init__(self, name, role, version):
        self.speaks, self.offered, self.readers = version, [], []
        super().__init__(name, role)

    def serve_bolt(self, sock):
        reader = Reader(sock)
        self.readers.append(reader)
        try:
            self.offered.append(reader.exactly(20))
            sock.sendall(bytes([0, 0, self.speaks[1], self.speaks[0]]))
            self.talk(sock, reader)
        except (ConnectionError, OSError):
            pass
        finally:
            sock.close()

    def talk(self, sock, reader):
        failed, text = False, ""
        while True:
            tag, fields = read_message(reader)
            self.messages.append((tag, fields))
            if tag == GOODBYE:
                return
            if tag == RESET:
                failed = False
            if failed:
                sock.sendall(message(IGNORED))
            elif tag == ROUTE or (tag == RUN and (fields[0] == "FAIL" or "outing" in fields[0])):
                failed = True
                sock.sendall(message(FAILURE, {"code": "Neo.ClientError.Statement.SyntaxError", "message": "no"}))
            elif tag == RUN:
                text = fields[0]
                sock.sendall(message(SUCCESS, {"fields": ["x"]}))
            elif tag == PULL and text.startswith("RECORDS"):
                self.stream(sock, text, [])
            elif tag == PULL and text == "MORE":
                text = ""
                sock.sendall(message(RECORD, [self.name]) + message(SUCCESS, {"has_more": True}))
            elif tag == PULL:
                sock.sendall(message(RECORD, [self.name]) + message(SUCCESS, {}))
            else:
                sock.sendall(message(SUCCESS, {}))


class PortProxy(BoltProxy):
    def __init__(self, members, tls="", **kwargs):
        self.read = free_port()
        super().__init__(members, tls=tls, bolt=f'mode = "port" read_listen = "127.0.0.1:{self.read}"', **kwargs)

    def open(self, driver="6.3", port=None, wrap=None):
        """Logged in, as that driver would be."""
        proposals, version = OFFERS[driver]
        c = BoltClient(port or self.bolt, login=None, proposals=bytes.fromhex(proposals), wrap=wrap)
        same((c.version[3], c.version[2]), version, f"{driver}: its version is the member's")
        c.early = version[0] < 3
        c.modern = version >= (5, 1)
        c.ask(HELLO, *(["test"] if c.early else []), {"user_agent": "test"})
        if c.modern:
            c.ask(LOGON, {"scheme": "basic", "principal": "neo4j", "credentials": "pw"})
        return c


def cluster(version, n=3):
    return [AnyMember(f"pi{i + 1}", "master" if i == 0 else "slave", version) for i in range(n)]


def who(c, *before):
    c.send(*before, (RUN, "WHO", {}) if c.early else (RUN, "WHO", {}, {}), (PULL,) if c.early else (PULL, {"n": 1000}))
    return c.answers(len(before) + 3)[-2][1][0][0]


def table(c, proxy, fields):
    roles = {s["role"]: s["addresses"] for s in fields["servers"]}
    return roles == {"WRITE": [f"pi4:{proxy.bolt}"], "READ": [f"pi4:{proxy.read}"], "ROUTE": [f"pi4:{proxy.bolt}"]}


def route(c, proxy):
    """The routing call, in the words of its version."""
    if c.version[3] >= 5 or (c.version[3] == 4 and c.version[2] >= 3):
        tag, fields = c.ask(ROUTE, {"address": "pi4:1"}, [], {"db": "neo4j"})
        return tag == SUCCESS and table(c, proxy, fields[0]["rt"]) and fields[0]["rt"].get("db") == "neo4j"
    text = "CALL dbms.routing.getRoutingTable($context)" if c.version[3] == 4 else \
        "CALL dbms.cluster.routing.getRoutingTable($context)"
    parameters = {"context": {"address": "pi4:1"}}
    c.send((RUN, text, parameters) if c.early else (RUN, text, parameters, {}), (PULL,))
    answers = c.answers(3)
    names = answers[0][1][0]["fields"]
    return names == ["ttl", "servers"] and table(c, proxy, dict(zip(names, answers[1][1][0])))


def test_versions():
    for driver, (_, version) in OFFERS.items():
        members = cluster(version)
        with PortProxy(members) as proxy:
            c = proxy.open(driver)
            same(who(c), "pi1", f"{driver}: the one port leads to the master")
            ok(route(c, proxy), f"{driver}: the routing call tells both ports")
            same(who(c), "pi1", "and all goes on")
            readers = {who(proxy.open(driver, port=proxy.read)) for _ in range(6)}
            ok({"pi2", "pi3"} <= readers, f"{driver}: the other leads to all ({readers})")
            ok(not any(o[4:8] == b"\0\0\1\xff" for m in members for o in m.offered), "nobody hears of a manifest")
            told = [f for m in members for t, f in m.messages if t == ROUTE or (t == RUN and "outing" in f[0])]
            ok(not told, "nor is asked to route", )
        for m in members:
            m.down()


def test_turns():
    """Our answer stands where it was asked for, whatever the member still owes."""
    members = cluster((5, 8))
    with PortProxy(members) as proxy:
        c = proxy.open()
        c.send((RUN, "RECORDS 1000 100", {}, {}), (PULL, {"n": -1}), (ROUTE, {}, [], {}), (RUN, "WHO", {}, {}),
               (PULL, {"n": -1}))
        tags = [t for t, _ in c.answers(1 + 1000 + 1 + 1 + 3)]
        same(tags, [SUCCESS] + [RECORD] * 1000 + [SUCCESS, SUCCESS, SUCCESS, RECORD, SUCCESS], "in its turn")
        c.send((RUN, "FAIL", {}, {}), (PULL, {"n": -1}), (ROUTE, {}, [], {}))
        same([t for t, _ in c.answers(3)], [FAILURE, IGNORED, IGNORED], "after a failure it is ignored")
        same(c.ask(RESET)[0], SUCCESS, "RESET")
        tag, fields = c.ask(ROUTE, {}, [], {})
        same(fields[0]["rt"]["servers"][0]["addresses"], [f"127.0.0.1:{proxy.bolt}"], "where it came, if not told")
        text = "CALL dbms.routing.getRoutingTable({})"
        for tag in (DISCARD, RESET):
            c.send((RUN, text, {}, {}), (tag,) if tag == RESET else (tag, {"n": -1}))
            same([t for t, _ in c.answers(2)], [SUCCESS, SUCCESS], "one that is not pulled")
        same(who(c, (TELEMETRY, 1)), "pi1", "what we do not know passes")
        data = message(ROUTE, {"address": "pi4:1"}, [], {"db": "neo4j"}, chunk=3)
        for i in range(len(data)):
            c.sock.sendall(data[i:i + 1])
        same(c.answers(1)[0][0], SUCCESS, "a call byte by byte, in chunks of three")
        big = "x" * (40 << 20)
        c.send((RUN, "WHO", {"p": big}, {}), (PULL, {"n": -1}))
        same([t for t, _ in c.answers(3)], [SUCCESS, RECORD, SUCCESS], "40 MB pass")
        same(len(members[0].did(RUN)[-1][1]["p"]), len(big), "whole")
        ok(proxy.rss_kb() < 30000, f"and do not stay: {proxy.rss_kb()} kB")
    for m in members:
        m.down()


def test_failover():
    members = cluster((5, 8))
    with PortProxy(members, pool="hold_ms = 20000") as proxy:
        writer, reader = proxy.open(), proxy.open(port=proxy.read)
        at = who(reader)
        writer.ask(BEGIN, {})
        members[0].role = "slave"
        members[1].role = "master"
        ok(writer.closed(), "who writes to the old master is closed")
        same(who(reader), at, "who reads stays")
        same(who(proxy.open()), "pi2", "the port leads to the next one")
        members[1].role = "UNKNOWN"
        eventually(lambda: not proxy.json()["master"], "no master")
        c = offered(proxy)
        time.sleep(0.5)
        members[2].role = "master"
        same(c.reader.exactly(4), bytes([0, 0, 8, 5]), "one that comes meanwhile waits for the next one")
        members[2].break_links()
        ok(c.closed(), "a member that goes away takes its connections along")
    for m in members:
        m.down()


def offered(proxy):
    """A client that has made its offer, and has had no answer yet."""
    c = BoltClient(proxy.bolt, login=None, proposals=None)
    c.sock.sendall(MAGIC + bytes.fromhex(OFFERS["6.3"][0]))
    return c


def test_hold():
    members = cluster((5, 8), 1)
    with PortProxy(members, pool="hold_ms = 300") as proxy:
        members[0].role = "UNKNOWN"
        eventually(lambda: not proxy.json()["master"])
        c = offered(proxy)
        ok(c.closed(), "nobody waits for ever")
    members[0].down()


def test_drain():
    members = cluster((5, 8), 1)
    with PortProxy(members) as proxy:
        idle, busy, new = proxy.open(), proxy.open(), proxy.open()
        who(idle)
        busy.ask(BEGIN, {})
        proxy.process.terminate()
        ok(idle.closed(), "SIGTERM: who is in no transaction is closed")
        same(who(busy), "pi1", "a transaction goes on")
        same(busy.ask(COMMIT)[0], SUCCESS, "to its end")
        ok(busy.closed(), "and then")
        same(who(new), "pi1", "who has only just logged in has one")
        ok(new.closed(), "and is closed then")
        proxy.process.wait(60)
    members[0].down()


def logged_in(c):
    c.ask(HELLO, {"user_agent": "test"})
    return c.ask(LOGON, {"scheme": "basic", "principal": "neo4j", "credentials": "pw"})[0] == SUCCESS


def test_drain_opening():
    """SIGTERM while connections are made: each comes to its first transaction."""
    members = cluster((5, 8), 1)
    with PortProxy(members) as proxy:
        idle, greeted, reset = proxy.open(), offered(proxy), proxy.open()
        who(idle)
        greeted.version = greeted.reader.exactly(4)
        members[0].role = "UNKNOWN"
        eventually(lambda: not proxy.json()["master"], "no master")
        waits = offered(proxy)
        eventually(lambda: proxy.json()["bolt_waiting"] == 1)
        proxy.process.terminate()
        ok(idle.closed(), "who has had one and asks nothing is closed")
        members[0].role = "master"
        waits.version = waits.reader.exactly(4)
        for c, what in ((waits, "who waited for a master"), (greeted, "who has only a version of Bolt")):
            ok(logged_in(c), f"{what} logs in")
            same(who(c), "pi1", "and has a transaction")
            ok(c.closed(), "of which there is one")
        same(reset.ask(RESET)[0], SUCCESS, "a RESET is one, too")
        ok(reset.closed(), "after which nobody is missed")
        proxy.process.wait(60)
    members[0].down()


def test_drain_result():
    """A result that is pulled bit by bit."""
    members = cluster((5, 8), 1)
    with PortProxy(members) as proxy:
        idle, c = proxy.open(), proxy.open()
        who(idle)
        same(c.ask(RUN, "MORE", {}, {})[0], SUCCESS, "a statement outside of a transaction")
        proxy.process.terminate()
        ok(idle.closed(), "SIGTERM")
        for part in "one part", "and the rest":
            c.send((PULL, {"n": 1}))
            same([t for t, _ in c.answers(2)], [RECORD, SUCCESS], f"{part} of its result comes")
        ok(c.closed(), "then it ends")
        proxy.process.wait(60)
    members[0].down()


def test_drain_silent():
    members = cluster((5, 8), 1)
    with LoggedPorts(members, timeouts="client_ms = 300") as proxy:
        c = proxy.open()
        proxy.process.terminate()
        ok(c.closed(), "SIGTERM: who never asks anything is closed")
        same(proxy.end(1), 'pi1/master -- 1 "BOLT PORT WRITE"', "when it was silent for so long, not at the very end")
        proxy.process.wait(60)
    members[0].down()


class LoggedPorts(PortProxy):
    """With an access log, and words for what the pages say."""

    def __init__(self, members, tls="", **kwargs):
        self.folder = tempfile.TemporaryDirectory()
        self.access = os.path.join(self.folder.name, "access.log")
        super().__init__(members, tls=f'log {{ access = "{self.access}" }} {tls}', **kwargs)

    def lines(self, n):
        """The last of n lines, once these are there, its times left out."""
        def all_lines():
            with open(self.access) as f:
                return f.read().splitlines()

        eventually(lambda: len(all_lines()) >= n)
        same(len(all_lines()), n, f"{n} lines in the access log")
        return re.sub(r" \S+Z (\S+) ", r" \1 ", all_lines()[-1])

    def end(self, n):
        """How the n-th connection ended, and which it was."""
        line = self.lines(n)
        return re.sub(r"^\S+ (\S+) \S+ 0 \d+ ", r"\1 ", line)

    def columns(self, pool, name):
        names, *rows = [line.split(",") for line in self.stats("/;csv").replace("# ", "").splitlines()]
        return next(dict(zip(names, r)) for r in rows if r[:2] == [pool, name])

    def shows(self, pool, name, **want):
        return {k: v for k, v in self.columns(pool, name).items() if k in want} == want

    def metric(self, name):
        return next(line.split()[-1] for line in self.stats("/metrics").splitlines()
                    if line.startswith(f"bramble_proxy_{name} "))


def test_counted():
    """Connections are counted as sessions, from the first byte to the end and its reason."""
    members = cluster((5, 8))
    with LoggedPorts(members) as proxy:
        c = proxy.open()
        who(c)
        same(proxy.columns("bolt", "FRONTEND")["scur"], "1", "a session of the clients' side")
        now = proxy.columns("neo4j-bolt", "pi1")
        same([now[k] for k in ("scur", "smax", "slim", "stot")], ["1", "1", "", "1"], "of its member")
        same(proxy.columns("neo4j-bolt", "BACKEND")["scur"], "1", "and of all members")
        same([proxy.json()[k] for k in ("bolt_sessions", "bolt_in_flight", "bolt_waiting", "bolt_total")], [1, 1, 0, 1],
             "in /json")
        same([proxy.metric(k) for k in ('member_bolt_sessions{member="pi1"}', 'member_bolt_sessions_total{member="pi1"}',
                                        'member_bolt_transactions_in_flight{member="pi1"}')], ["1", "1", "0"],
             "and in /metrics, as no transaction")
        sent, taken = members[0].readers[0].taken, c.reader.taken
        same((now["bin"], now["bout"]), (str(sent), str(taken)), "its bytes: what the member got and the client")
        same((proxy.metric('member_bolt_sent_bytes_total{member="pi1"}'),
              proxy.metric('member_bolt_received_bytes_total{member="pi1"}')), (str(sent), str(taken)), "in both")
        c.send((GOODBYE,))
        ok(re.fullmatch(rf'127.0.0.1 pi1/master -1/\d+/\d+/\d+/\d+ 0 {taken} -- 1 "BOLT PORT WRITE"', proxy.lines(1)),
           f"GOODBYE is its end, with all its times and bytes: {proxy.lines(1)}")
        same((proxy.columns("neo4j-bolt", "pi1")["scur"], proxy.metric("bolt_session_duration_seconds_count")),
             ("0", "1"), "it is gone")
        same([proxy.columns("neo4j-bolt", "BACKEND")[k] for k in ("stot", "bin", "bout")],
             ["1", str(members[0].readers[0].taken), str(taken)], "and stays counted")
    for m in members:
        m.down()


def test_ends():
    """Why a connection ended."""
    members = cluster((5, 8), 2)
    with LoggedPorts(members, pool="hold_ms = 60000") as proxy:
        c = proxy.open(port=proxy.read)
        c.close()
        ok(re.fullmatch(r'pi[12]/least -- 1 "BOLT PORT READ"', proxy.end(1)), "the client left when nothing was owed")
        c = proxy.open()
        c.ask(BEGIN, {})
        c.close()
        same(proxy.end(2), 'pi1/master CD 1 "BOLT PORT WRITE"', "in a transaction")
        c = proxy.open()
        members[0].break_links()
        same(proxy.end(3), 'pi1/master SD 1 "BOLT PORT WRITE"', "the member left")
        c = proxy.open()
        c.ask(RUN, "FAIL", {}, {})
        members[0].break_links()
        same(proxy.end(4), 'pi1/master -- 1 "BOLT PORT WRITE"', "as it does after a failure")
        c = proxy.open()
        c.sock.sendall(b"\0\1\xb0\0\0")
        same(proxy.end(5), 'pi1/master PD 1 "BOLT PORT WRITE"', "what it said was no Bolt")
        same((proxy.columns("bolt", "FRONTEND")["ereq"], proxy.metric("bolt_messages_malformed_total")), ("1", "1"),
             "which is counted")
        members[0].speaks = (0, 0)
        c = BoltClient(proxy.bolt, login=None, proposals=bytes.fromhex(OFFERS["6.3"][0]))
        members[0].break_links()
        same(proxy.end(6), 'pi1/master -- 1 "BOLT PORT WRITE"', "there is no version that both speak")
        members[0].speaks = (5, 8)
        c = proxy.open()
        c.send((RUN, "CALL dbms.routing.getRoutingTable({})", {}, {}), (GOODBYE,))
        same(proxy.end(7), 'pi1/master -- 1 "BOLT PORT WRITE"', "GOODBYE instead of a PULL of our own answer")
        c = proxy.open()
        members[0].role, members[1].role = "slave", "master"
        same(proxy.end(8), 'pi1/master SD 1 "BOLT PORT WRITE"', "its member is the master no more")
        members[1].role = "UNKNOWN"
        eventually(lambda: not proxy.json()["master"])
        c = offered(proxy)
        eventually(lambda: proxy.shows("neo4j-bolt", "BACKEND", qcur="1", scur="0"), "one that waits for a master waits")
        same((proxy.json()["bolt_waiting"], proxy.metric("bolt_transactions_held_total")), (1, "1"), "in /json, too")
        c.close()
        same(proxy.end(9), '-/none CQ 0 "BOLT PORT WRITE"', "the client did not wait")
        for pool, name in (("bolt", "FRONTEND"), ("neo4j-bolt", "pi1")):
            row = proxy.columns(pool, name)
            same((row["cli_abrt"], row["srv_abrt"]), ("2", "2") if pool == "bolt" else ("1", "2"), f"{name}: both kinds")
        members[0].role = "master"
        eventually(lambda: proxy.json()["master"])
        c = proxy.open()
        who(c)
        members[0].bolt_listener.shutdown(socket.SHUT_RDWR)
        members[0].bolt_listener.close()
        late = offered(proxy)
        eventually(lambda: int(proxy.columns("neo4j-bolt", "pi1")["eresp"]) >= 1)
        members[0].bolt_listener = socket.create_server(("127.0.0.1", members[0].bolt), backlog=512)
        threading.Thread(target=members[0].accept_bolt, daemon=True).start()
        late.reader.exactly(4)
        late.close()
        ok(re.fullmatch(r'pi1/again -- \d+ "BOLT PORT WRITE"', proxy.end(10)), "a member that refused is asked again")
        proxy.process.terminate()
        ok(c.closed(), "SIGTERM")
        same(proxy.end(11), 'pi1/master -- 1 "BOLT PORT WRITE"', "is not before its time for who asks nothing")
        proxy.process.wait(60)
    for m in members:
        m.down()


def test_silent():
    """Who has its version, and then says nothing, gives way where there is no more room."""
    members = cluster((5, 8), 1)
    with PortProxy(members, limits="maxconn = 4") as proxy:
        known = proxy.open()
        silent = [offered(proxy) for _ in range(3)]
        for c in silent:
            c.reader.exactly(4)
        same(who(proxy.open()), "pi1", "a newcomer is served")
        ok(silent[0].closed(), "for which the oldest of them went")
        for c in silent[1:]:
            ok(logged_in(c), "the others come to log in")
        same(who(known), "pi1", "who had logged in is still there")
    members[0].down()


def test_waited():
    members = cluster((5, 8), 1)
    with LoggedPorts(members, pool="hold_ms = 300") as proxy:
        members[0].role = "UNKNOWN"
        eventually(lambda: not proxy.json()["master"])
        c = offered(proxy)
        ok(c.closed(), "nobody waits for ever")
        same(proxy.end(1), '-/none QQ 0 "BOLT PORT WRITE"', "and the log says so")
    members[0].down()


def wrapped(folder):
    """The proxy's tls section and the ways in, each with what it makes of a socket."""
    crt, key = certificate(folder, "pi4.local")

    def tls(sock):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(crt)
        return context.wrap_socket(sock, server_hostname="pi4.local")

    return (f'tls {{ certificate = "{crt}" key = "{key}" }}',
            (("TLS", tls), ("a WebSocket", WebSocket), ("both", lambda s: WebSocket(tls(s)))))


class LatePorts(LateRoom, PortProxy):
    pass


def test_late_room():
    members = cluster((5, 8), 1)
    with tempfile.TemporaryDirectory() as folder:
        tls, wraps = wrapped(folder)
        for LatePorts.times in (1, 2, 3, 5, 8, 13, 21):
            with LatePorts(members, tls=tls) as proxy:
                for name, wrap in (("plain", None), *wraps):
                    c = proxy.open(wrap=wrap)
                    c.send((RUN, "WHO", {"p": "p" * (5 << 20)}, {}), (PULL, {"n": 1}))
                    same(c.answers(3)[1][1], [["pi1"]], f"room after none {LatePorts.times} times: {name}, all goes up")
                    c.send((RUN, "RECORDS 20 300000", {}, {}), (PULL, {"n": 1000}))
                    same([len(a[1][0][0]) for a in c.answers(22)[1:-1]], [300000] * 20, "and down")
    members[0].down()


def test_wrapped():
    members = cluster((5, 8))
    with tempfile.TemporaryDirectory() as folder:
        tls, wraps = wrapped(folder)
        with LoggedPorts(members, tls=tls) as proxy:
            for n, (name, wrap) in enumerate(wraps, 1):
                proxy.open(wrap=wrap).sock.close()
                ok(re.match("127.0.0.1 pi1/master .* -- 1 ", proxy.lines(n)), f"{name}: the log knows who came")
            for name, wrap in wraps:
                same(who(proxy.open(wrap=wrap)), "pi1", f"{name}: the master")
                c = proxy.open(wrap=wrap, port=proxy.read)
                ok(who(c) in ("pi1", "pi2", "pi3"), f"{name}: any")
                ok(route(c, proxy), f"{name}: the routing call")
            same(who(proxy.open(port=proxy.port)), "pi1", "the HTTP port leads to the master, too")
    for m in members:
        m.down()


def test_hostile():
    members = cluster((5, 8), 1)
    with PortProxy(members) as proxy:
        for data in (b"\0\1\xb0\0\0", b"\0\1\xb0\0\0" * 50, bytes(4000), b"\xff" * 70000):
            c = proxy.open()
            try:
                c.sock.sendall(data)
                c.sock.shutdown(1)
            except OSError:
                pass
        same(who(proxy.open()), "pi1", "others are served")
        members[0].break_links()
        eventually(lambda: who(proxy.open()) == "pi1", "after the member's links broke, too")
    members[0].down()


sys.exit(harness.main(globals()))
