#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open HTTP transactions through bramble-proxy: whose they are, whatever ids collide. Prints TAP.

Members are mocks (fake_member.py).

    tx_test.py [NAME...]    only the tests whose name contains one of these
"""

import concurrent.futures
import json
import re
import sys

import harness
from harness import Proxy, cluster, eventually, ok, same

WRITE = "X-Write: 1\r\n"
NOT_FOUND = "Neo.ClientError.Transaction.TransactionNotFound"
CLIENTS = 50


def path_of(url):
    return re.sub("^http://[^/]+", "", url)


def statements(*texts):
    return json.dumps({"statements": list(texts)}).encode()


def code(a):
    return (a.status, a.json()["errors"][0]["code"])


def one_client(proxy, i, base, write=""):
    """begin, three statements, commit; by the returned URLs or, for odd i, by the bare id."""
    c = proxy.connect()
    try:
        c.request("POST", base, write, statements(f"{i}/0"))
        a = c.answer()
        own = path_of(a.field("Location"))
        commit = path_of(a.json()["commit"])
        if i % 2:
            own = f"{base}/{re.search('[0-9]+', own[len(base):]).group()}"
            commit = own + "/commit"
        for k in range(1, 4):
            c.request("POST", own, "", statements(f"{i}/{k}"))
            a = c.answer()
            if a.status != 200 or path_of(a.json()["commit"]) != commit:
                return a.body
        c.request("POST", commit, "", statements(f"{i}/4"))
        return c.answer().status
    finally:
        c.close()


def test_collisions():
    for base, chunks in (("/db/data/transaction", False), ("/db/data/transaction", True),
                         ("/db/neo4j/tx", False), ("/db/neo4j/tx", True)):
        members = cluster(3)
        for m in members:
            m.chunks = chunks
        with Proxy(members, pool='balance = "roundrobin" maxconn = 100') as proxy:
            proxy.ready()
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
                got = list(pool.map(lambda i: one_client(proxy, i, base), range(CLIENTS)))
            what = f"{base}{' in chunks' if chunks else ''}"
            same(set(got), {200}, f"{what}: {CLIENTS} clients committed")
            ok(all(len(m.transactions) > CLIENTS // 6 for m in members), "with colliding ids")
            done = [said for m in members for said in m.committed]
            mixed = [said for said in done
                     if [s for s, in said] != [f"{said[0][0].split('/')[0]}/{k}" for k in range(5)]]
            same((len(done), mixed), (CLIENTS, []), f"{what}: 0 statements in a wrong transaction")


def test_master():
    members = cluster(3, master=1)
    with Proxy(members) as proxy:
        proxy.ready()
        got = {one_client(proxy, i, "/db/data/transaction", WRITE) for i in range(6)}
        same((got, len(members[1].committed)), ({200}, 6), "a write's transaction is the master's")


def test_query_api():
    members = cluster(3)
    with Proxy(members, pool='balance = "roundrobin"') as proxy:
        proxy.ready()
        base = "/db/neo4j/query/v2/tx"
        ids = [proxy.once("POST", base, "", b"a").json()["transaction"]["id"] for _ in range(3)]
        same(sorted(ids), ["t1-1", "t1-2", "t1-3"], "Query API: the token tells the member")
        for i in ids:
            same(proxy.once("POST", f"{base}/{i}", "", b"b").json()["transaction"]["id"], i, "it goes on")
            same(proxy.once("POST", f"{base}/{i}/commit", "", b"c").status, 200, "and is committed")
        same([m.committed for m in members], [[["a", "b", "c"]]] * 3, "each in its own member")
        same(proxy.once("POST", f"{base}/t1", "", b"d").status, 404, "a bare token is nobody's")


def test_urls():
    members = cluster(1)
    with Proxy(members) as proxy:
        proxy.ready()
        members[0].own_name = True
        a = proxy.once("POST", "/db/data/transaction", "", statements("x"))
        same((a.field("Location"), a.json()["commit"]),
             ("http://proxy/db/data/transaction/129", "http://proxy/db/data/transaction/129/commit"),
             "URLs name who was asked, also when the member names itself (before 2.2)")
        c = proxy.connect()
        c.send("POST /db/data/transaction HTTP/1.0\r\nHost: a:1\r\nContent-Length: 0\r\n\r\n")
        a = c.answer()
        same((a.json()["commit"], a.field("Transfer-Encoding")),
             ("http://a:1/db/data/transaction/257/commit", None), "an HTTP/1.0 client gets no chunks")
        c.close()
        proxy.once("POST", "/db/data/transaction", "Accept-Encoding: gzip\r\n", statements("x"))
        ok("Accept-Encoding" not in dict(members[0].seen[-1][2]), "no coding hides the body from us")
        same(proxy.once("DELETE", "/db/data/transaction/129").status, 200, "rollback")
        a = proxy.once("POST", "/db/data/transaction/129", "", statements("x"))
        same(code(a), (404, NOT_FOUND), "then the member itself knows it no more")
        ok("pi1" in a.body.decode(), "in its own words")


def test_nobodys():
    members = cluster(2)
    with Proxy(members) as proxy:
        proxy.ready()
        proxy.once("POST", "/db/data/transaction", "", statements("x"))
        proxy.once("POST", "/db/data/transaction", "", statements("x"))
        before = sum(len(m.seen) for m in members)
        c = proxy.connect()
        for bad in ("1", "128", "131", "0", "-1", "abc", "99999999999999999999", "1%32"):
            c.request("POST", f"/db/data/transaction/{bad}/commit", "", statements("y"))
            same(code(c.answer()), (404, NOT_FOUND), f"id {bad}: TransactionNotFound")
        same(sum(len(m.seen) for m in members), before, "no member saw any of it")
        c.request("POST", "/db/data/x/../transaction/129", "", statements("y"))
        same(c.answer().status, 400, "nor of a path that could be read in two ways")
        c.request()
        same(c.answer().status, 200, "and the connection goes on")
        c.close()


def test_member_lost():
    members = cluster(2)
    with Proxy(members) as proxy:
        proxy.ready()
        own = path_of(proxy.once("POST", "/db/data/transaction", WRITE, statements("x")).field("Location"))
        members[0].frozen = True
        eventually(lambda: not proxy.member("pi1")["up"])
        c = proxy.connect()
        c.request("POST", own + "/commit", "", statements("y"))
        same(code(c.answer()), (404, NOT_FOUND), "who waits for a member that dies is told")
        c.request("POST", own, "", statements("y"))
        same(code(c.answer()), (404, NOT_FOUND), "and who comes later")
        members[1].role = "master"
        same(members[1].transactions, {}, "no other member gets the statement")
        members[0].frozen = False
        c.close()


def test_rollback_lost():
    """Rolling back twice does nothing more: the transaction is gone with its member, and that is the answer."""
    members = cluster(2)
    with Proxy(members) as proxy:
        proxy.ready()
        own = path_of(proxy.once("POST", "/db/data/transaction", WRITE, statements("x")).field("Location"))
        members[0].frozen = True
        c = proxy.connect()
        c.request("DELETE", own)
        same(code(c.answer()), (404, NOT_FOUND), "a rollback under way when its member dies")
        same(members[1].seen, [], "no other member is asked")
        members[0].frozen = False
        c.close()


def test_fenced():
    members = cluster(2)
    with Proxy(members) as proxy:
        proxy.ready()
        own = path_of(proxy.once("POST", "/db/data/transaction", WRITE, statements("x")).field("Location"))
        members[0].lock.acquire()
        c = proxy.connect()
        c.request("POST", own + "/commit", "", statements("y"))
        eventually(lambda: proxy.member("pi1")["in_flight"] == 1)
        members[0].role, members[1].role = "slave", "master"
        a = c.answer()
        same((a.status, a.field("X-Bramble-Outcome")), (502, "unknown"),
             "a commit under way in a master that lost its role: outcome unknown")
        members[0].lock.release()
        c.close()


def test_contested():
    """A master that another one has replaced still answers; what it committed would be lost."""
    members = cluster(2)
    with Proxy(members, pool="hold_ms = 1500") as proxy:
        proxy.ready()
        own = path_of(proxy.once("POST", "/db/data/transaction", WRITE, statements("x")).field("Location"))
        members[1].role = "master"
        eventually(lambda: "more than one" in proxy.json()["why"], "two claim to be the master")
        before = len(members[0].seen)
        a = proxy.once("POST", own + "/commit", "", statements("y"))
        same(a.status, 503, "then an open transaction is not committed by either")
        same([r for r in members[0].seen[before:] if "/commit" in str(r)], [], "nor asked to be")
        members[1].role = "slave"
        eventually(lambda: proxy.json()["master"] == "pi1")
        same(proxy.once("POST", own + "/commit", "", statements("y")).status, 200, "afterwards it is")


sys.exit(harness.main(globals()))
