#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of Bolt 3 on members that speak 1 or 2 only, as Neo4j 3.0 to 3.4 do: the real program against mocks of
members. Prints TAP.

    upconvert_test.py [NAME...]    only the tests whose name contains one of these
"""

import sys

import harness
from fake_bolt import (BEGIN, BOOKMARK, COMMIT, DISCARD, FAILURE, HELLO, IGNORED, INVALID, LOST, PULL, RECORD, RESET,
                       ROLLBACK, RUN, SUCCESS, SYNTAX, BoltMember, BoltProxy)
from harness import eventually, ok, same


class EarlyMember(BoltMember):
    """It speaks no version 3."""
    consumed = "result_consumed_after"

    def __init__(self, name, role="slave", latest=2, server="Neo4j/3.4.10"):
        super().__init__(name, role, latest=latest, server=server)

    def texts(self):
        return [f[0] for f in self.did(RUN)]


def cluster(n=3, **kwargs):
    return [EarlyMember(f"pi{i + 1}", "slave" if i else "master", **kwargs) for i in range(n)]


def down(members):
    for m in members:
        m.down()


def tags(answers):
    return [t for t, _ in answers]


def test_versions():
    for latest in (1, 2):
        members = cluster(2, latest=latest)
        with BoltProxy(members) as proxy:
            for name, proposals in (("4.4's", "00020404000001040000000400000003"),
                                    ("6.3's", "000001ff000808050002040400000003")):
                c = proxy.client(proposals=bytes.fromhex(proposals))
                same((c.version[3], c.hello[0]), (3, SUCCESS), f"{name} proposals, members with {latest}: logged in")
                same(c.hello[1][0]["server"], "Neo4j/3.4.10", "the member's version")
                same(c.run("WHO"), [["pi1", False]], "a statement")
            same({v for m in members for v in m.versions}, {latest}, "members are spoken to in their version")
            same(proxy.client(login="wrong").hello[1][0]["code"], "Neo.ClientError.Security.Unauthorized",
                 "a wrong password")
        down(members)


def test_transactions():
    members = cluster(3)
    with BoltProxy(members) as proxy:
        c = proxy.client()
        same({c.run("WHO", mode="r")[0][0] for _ in range(9)}, {"pi1", "pi2", "pi3"}, "reads go to everyone")
        same(c.last[0].get("t_last"), 7, "its times have Bolt 3's names")
        c.send((RUN, "WHO", {"p": 1}, {"tx_timeout": 5, "tx_metadata": {"a": 1}}), (PULL,))
        answers = c.answers(3)
        same(answers[0][1][0], {"fields": ["x"], "t_first": 5}, "all of them")
        same(members[0].did(RUN)[-1], ["WHO", {"p": 1}], "what early versions have no place for is left out")
        c.send((BEGIN, {"bookmarks": [BOOKMARK + "9", BOOKMARK + "11", BOOKMARK + "1"]}), (RUN, "WHO", {}, {}), (PULL,))
        answers = c.answers(4)
        same(tags(answers), [SUCCESS, SUCCESS, RECORD, SUCCESS], "BEGIN has one answer")
        same(answers[2][1][0], ["pi1", True], "it was one")
        same(members[0].did(RUN)[-2], ["BEGIN", {"bookmark": BOOKMARK + "11", "bookmarks": [
            BOOKMARK + "9", BOOKMARK + "11", BOOKMARK + "1"]}], "the member waits for its bookmarks")
        c.send((COMMIT,))
        same(c.answers(1)[0][1][0]["bookmark"], BOOKMARK + str(members[0].tx), "COMMIT brings a bookmark")
        c.send((BEGIN, {"mode": "r"}), (RUN, "WHO", {}, {}), (DISCARD,), (ROLLBACK,))
        same(tags(c.answers(4)), [SUCCESS] * 4, "DISCARD_ALL and ROLLBACK")
        same(c.run("WHO"), [["pi1", False]], "out of it")
        big = "p" * 5000000
        c.send((BEGIN, {}), (RUN, "WHO", {"p": big}, {}), (PULL,), (COMMIT,), chunk=1400)
        same(tags(c.answers(5)), [SUCCESS, SUCCESS, RECORD, SUCCESS, SUCCESS], "a large parameter")
        same(members[0].did(RUN)[-2][1]["p"] == big, True, "as it was")
        same(len(c.run("RECORDS 20000 1000")), 20000, "many records")
        same(c.run("CALL dbms.cluster.routing.getServers")[0][1][0]["addresses"], [f"127.0.0.1:{proxy.bolt}"],
             "the routing call")
        for word in ("BEGIN", " commit ;", "Rollback"):
            before = len(members[0].did(RUN))
            c.run(word)
            same(members[0].texts()[before:], [word + " //"], f"a statement {word!r} is no such word to the member")
            c.ask(RESET)
        resets = len(members[0].did(RESET))
        c.run("WHO")
        eventually(lambda: len(members[0].did(RESET)) > resets, "a connection is reset before others get it")
    down(members)


def test_failure():
    members = cluster(2)
    with BoltProxy(members) as proxy:
        c = proxy.client()
        c.send((RUN, "FAIL", {}, {}), (PULL,), (RUN, "WHO", {}, {}), (PULL,))
        same(tags(c.answers(4)), [FAILURE] + [IGNORED] * 3, "FAILURE, and the rest IGNORED")
        c.send((RESET,), (RUN, "WHO", {}, {}), (PULL,))
        same(tags(c.answers(4)), [SUCCESS, SUCCESS, RECORD, SUCCESS], "RESET ends it")
        c.send((BEGIN, {}), (RUN, "FAIL", {}, {}), (PULL,), (COMMIT,))
        same(tags(c.answers(4)), [SUCCESS, FAILURE, IGNORED, IGNORED], "in a transaction: one answer each")
        same(c.ask(RESET)[0], SUCCESS, "RESET ends that, too")
        same(c.run("WHO"), [["pi1", False]], "goes on")
        c.send((BEGIN, {}), (COMMIT,), (COMMIT,))
        same(tags(c.answers(2)), [SUCCESS] * 2, "a COMMIT")
        c.close()
        c = proxy.client()
        c.send((BEGIN, {}))
        same(tags(c.answers(1)), [SUCCESS], "BEGIN alone")
        members[0].break_links()
        same(c.ask(RUN, "WHO", {}, {})[1][0]["code"], LOST, "a transaction that was lost")
        c.ask(RESET)
        eventually(lambda: proxy.json()["master"])
        c.send((BEGIN, {}), (RUN, "WHO", {}, {}), (PULL,))
        c.answers(4)
        c.send((RUN, "DIE", {}, {}), (COMMIT,))
        same(c.closed(), True, "one whose COMMIT was on its way: closed, nobody knows")
        eventually(lambda: proxy.json()["master"])
        for what in ((RUN, "x"), (RUN, "x", {}), (RUN, 1, {}, {}), (BEGIN,), (HELLO, {})):
            c = proxy.client()
            c.run("WHO")
            c.send((BEGIN, {}))
            c.answers(1)
            c.send(what)
            same(c.answers(1)[0][1][0]["code"], INVALID, f"{what} is malformed")
            ok(c.closed(), "and the end")
        c = proxy.client()
        c.send((RUN, "RECORDS 100000 1000", {}, {}), (PULL,))
        c.answers(2)
        c.close()
        same(proxy.client().run("WHO"), [["pi1", False]], "one that left while records came: others go on")
    down(members)


def test_bookmarks():
    members = cluster(2)
    with BoltProxy(members) as proxy:
        c = proxy.client()
        for _ in range(6):
            c.run("WHO", mode="r")
        members[0].tx = 41
        c.send((BEGIN, {}), (RUN, "WHO", {}, {}), (PULL,), (COMMIT,))
        mark = c.answers(5)[-1][1][0]["bookmark"]
        eventually(lambda: "pi2" in {c2[0] for c2 in in_transaction(c, mark)}, "with BEGIN a slave waits for the bookmark")
        same({c.run("WHO", mode="r", bookmarks=[mark])[0][0] for _ in range(6)}, {"pi1"},
             "without it nothing would: it goes where the bookmark is known to be")
    down(members)


def test_server():
    for said, told in ((None, "Neo4j/3.2.0"), ("Neo4j/3.1.4", "Neo4j/3.2.0"), ("Neo4j/3.2.7", "Neo4j/3.2.7")):
        members = cluster(1, latest=1, server=said)
        with BoltProxy(members) as proxy:
            same(proxy.client().hello[1][0]["server"], told, f"a member says {said}: no driver stumbles over it")
        down(members)


def in_transaction(c, mark):
    c.send((BEGIN, {"mode": "r", "bookmarks": [mark]}), (RUN, "WHO", {}, {}), (PULL,), (ROLLBACK,))
    return [f[0] for t, f in c.answers(5) if t == RECORD]


def test_mixed():
    """In the middle of an upgrade: an early master, a slave with Bolt 3."""
    members = [EarlyMember("pi1", "master"), BoltMember("pi2")]
    with BoltProxy(members) as proxy:
        c = proxy.client()
        same({tuple(c.run("WHO", mode="r")[0]) for _ in range(6)}, {("pi1", False), ("pi2",)}, "each in its version")
        same({v for m in members for v in m.versions}, {2, 3}, "2 and 3")
    down(members)


def test_beside_early():
    """A client of version 2 says nothing of what its member could speak besides."""
    members = [BoltMember("pi1", "master"), BoltMember("pi2")]
    with BoltProxy(members) as proxy:
        c = proxy.client()
        for _ in range(4):
            c.run("WHO", mode="r")
        for _ in range(4):
            proxy.client(proposals=bytes([0, 0, 0, 2]) + bytes(12), login="pw")
        members[0].tx = 41
        c.send((BEGIN, {}), (RUN, "WHO", {}, {}), (PULL,), (COMMIT,))
        mark = c.answers(5)[-1][1][0]["bookmark"]
        eventually(lambda: c.run("WHO", mode="r", bookmarks=[mark])[0][0] == "pi2",
                   "reads with a bookmark still go to slaves that very likely have it")
    down(members)


sys.exit(harness.main(globals()))
