#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is what: dialects of Neo4j's versions, and what agents have to say of writes. Prints TAP.

    role_test.py [NAME...]    only the tests whose name contains one of these
"""

import sys
import time

import harness
from fake_member import FakeMember
from harness import Proxy, cluster, eventually, ok, same

WRITE = "X-Write: 1\r\n"
ONE_SHOT = "/db/neo4j/tx/commit"


def versions(*names):
    members = cluster(len(names))
    for m, v in zip(members, names):
        m.version = v
    return members


def test_dialects():
    for names, dialect in ((("3.5", "3.5", "2.3"), "auto"), (("3.5-causal",) * 3, "auto"),
                           (("3.2-causal", "3.2-causal", "3.2-replica"), "auto"), (("4.4",) * 3, "auto"),
                           (("3.5-causal-password",) * 3, "auto"),
                           (("3.2-causal-password", "3.2-causal-password", "3.2-replica-password"), "auto"),
                           (("3.2-causal-password", "3.2-replica-password"), "causal"),
                           (("5.26",) * 3, "auto"), (("3.5-causal",) * 3, "causal"), (("3.5",) * 2, "ha"),
                           (("4.4",) * 2, "neo4j4"), (("5.26",) * 2, "neo4j5"), (("5.26-single",), "auto")):
        members = versions(*names)
        with Proxy(members, pool=f'dialect = "{dialect}"') as proxy:
            what = f"{dialect}: {', '.join(names)}"
            eventually(lambda: all(m["up"] for m in proxy.json()["members"]) and proxy.json()["master"] == "pi1", what)
            same(proxy.once("POST", "/echo", WRITE).member(), "pi1", "writes go to it")
            same({proxy.once().member() for _ in range(9)}, {m.name for m in members}, "reads to all")


def test_unhinted():
    for version, write_by_default in (("3.5", False), ("3.5-causal", True), ("4.4", True), ("5.26", True)):
        members = versions(version, version)
        with Proxy(members, pool='balance = "roundrobin"') as proxy:
            eventually(lambda: all(m["up"] for m in proxy.json()["members"]) and proxy.json()["master"])
            for field, write in (("", write_by_default), ("access-mode: READ\r\n", False),
                                 ("access-mode: WRITE\r\n", True)):
                for m in members:
                    m.seen.clear()
                for _ in range(6):
                    proxy.once("POST", ONE_SHOT, field, b'{"statements": []}')
                same(not members[1].seen, write,
                     f"{version}: a statement with {field.strip() or 'no hint'} goes to {'the master' if write else 'all'}")


def test_upgrade():
    members = versions("3.5", "3.5")
    with Proxy(members) as proxy:
        proxy.ready()
        members[1].down()
        eventually(lambda: proxy.member("pi2")["status"] == "DOWN")
        members[1].version = "4.4"
        members[1].up()
        eventually(lambda: proxy.member("pi2")["up"], "a member that comes back as another version is understood")


def test_no_cluster():
    members = versions("5.26-single", "5.26-single")
    with Proxy(members) as proxy:
        eventually(lambda: all(m["status"] == "NOLB" for m in proxy.json()["members"]))
        before = members[0].probes
        eventually(lambda: members[0].probes > before + 5)
        same(proxy.json()["master"], None, "of several Neo4j without a cluster none is the master")


def with_agents(n):
    members = cluster(n)
    agents = [FakeMember(m.name + "-agent") for m in members]
    for m, a in zip(members, agents):
        a.agent, m.agent_port = m.name, a.port
    return members, agents


def test_agent():
    members, agents = with_agents(2)
    agents[0].writable, agents[0].agent_why = False, "the card is full"
    with Proxy(members) as proxy:
        eventually(lambda: all(m["up"] for m in proxy.json()["members"]))
        before = agents[0].probes
        eventually(lambda: agents[0].probes > before + 5)
        same(proxy.json()["master"], None, "Neo4j says master, its agent that it may not be written to: no writes")
        same({proxy.once().member() for _ in range(6)}, {"pi1", "pi2"}, "but reads")
        c = proxy.connect()
        c.request("POST", "/echo", WRITE)
        eventually(lambda: proxy.json()["waiting_writes"] == 1, "writes are held")
        agents[0].writable = True
        same(c.answer().member(), "pi1", "until the agent agrees")
        agents[0].writable = False
        eventually(lambda: proxy.json()["master"] is None, "and again when it takes that back")
        members[0].role, members[1].role = "slave", "master"
        eventually(lambda: proxy.json()["master"] == "pi2", "another master, whose agent agrees")
        agents[1].down()
        time.sleep(1)
        same(proxy.json()["master"], "pi2", "an agent that restarts stops nothing")
        eventually(lambda: proxy.json()["master"] is None, "one that stays silent does, after a grace time")
        agents[1].up()
        eventually(lambda: proxy.json()["master"] == "pi2", "until it is back")
        c.close()


sys.exit(harness.main(globals()))
