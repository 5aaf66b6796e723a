#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three real agents whose p3 gets full, read-only or hangs, and what they tell. Prints TAP.

Neo4j and systemctl are the stand-ins of agent_test.py; p3 is a tmpfs of 1 MiB. What the agents
tell in /metrics is read by Prometheus' own parser.

usage: health_test.py [path of bramble-agent]
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from agent_test import Node, enter_namespace, ok, rounds, show_logs, wait_for
import agent_test

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    text_string_to_metric_families = None

try:
    import jsonschema
except ImportError:
    jsonschema = None

SCHEMA = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                      "docs/cluster.schema.json")
HANG = os.path.join(os.path.abspath(os.environ.get("BRAMBLE_BUILD", "build")),
                    "preload/hang_probe.so")
NAME = re.compile(r"(bramble|process)_[a-z0-9_]+\Z")
UNITS = ("_bytes", "_seconds", "_celsius", "_ratio", "_info", "_transactions", "_role", "_state",
         "_health", "_present", "_held", "_epoch", "_run", "_generation", "_writable",
         "_transaction", "_readonly", "_throttled", "_since_boot")
SYS = {
    "sys/class/thermal/thermal_zone0/temp": "48312\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
    "sys/class/block/mmcblk0/stat": "  1 2 3 4 5 6 1000 8 9 10 11\n",
    "sys/class/block/mmcblk0/device/life_time": "0x02 0x00\n",
}


def fill(node):
    """All of p3, as far as it goes."""
    with open(os.path.join(node.store, "fill"), "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(4096))
        except OSError:
            pass


def make_room(node):
    os.unlink(os.path.join(node.store, "fill"))


def remount(node, how):
    subprocess.check_call(["mount", "-o", "remount," + how, node.store])


def reserve(node):
    try:
        return os.stat(os.path.join(node.store, "bramble.reserve")).st_blocks * 512
    except FileNotFoundError:
        return 0


def panic(node):
    """What Neo4j 3.5 writes when an error of its files makes it give up; it says master still."""
    with open(os.path.join(node.store, "neo4j/logs/debug.log"), "a") as f:
        f.write("2026-11-28 08:00:00.000+0000 ERROR [o.n.k.i.DatabaseHealth] Database panic: The "
                "database has encountered a critical error, and needs to be restarted.\n")


def test_panic(pi1, pi2):
    """pi1's log tells: of a Neo4j before this one nothing, of this one that it is over."""
    before, starts = kills(pi1), len(pi1.starts())
    ok("panic" in pi1.read("srv/bramble/neo4j/logs/debug.log"), "an earlier Neo4j panicked")
    ok(pi1.state() == "serving" and not before, "this one is left alone")
    panic(pi1)
    ok(wait_for(lambda: kills(pi1) > before), "a master whose log tells that it panicked is ended")
    pi1.neo4j_ends()
    pi2.neo4j_up("master")
    ok("takes no more writes" in pi1.read("log"), "the log says why")
    ok(wait_for(lambda: len(pi1.starts()) > starts), "and it is started anew")
    ended = kills(pi1)  # said again until it is gone
    pi1.neo4j_up("slave")
    ok(wait_for(lambda: pi1.state() == "serving"), "it serves again")
    ok(kills(pi1) == ended, "and is not ended once more")


def test_panic_alone(pi1, pi2):
    """pi1's log tells it while no agent is there to read."""
    before, starts = kills(pi1), len(pi1.starts())
    pi1.stop(signal.SIGKILL)
    panic(pi1)
    pi1.start()
    ok(wait_for(lambda: kills(pi1) > before),
       "a master that panicked while its agent was away is ended")
    pi1.neo4j_ends()
    pi2.neo4j_up("master")
    ok(wait_for(lambda: len(pi1.starts()) > starts), "and started anew")
    pi1.neo4j_up("slave")
    ok(wait_for(lambda: pi1.state() == "serving"), "it serves again")
    ended = kills(pi1)
    pi1.stop(signal.SIGKILL)
    pi1.start()
    ok(wait_for(lambda: pi1.state() == "serving"), "below another agent, too")
    rounds(pi1, 3)
    ok(kills(pi1) == ended, "to which the panic before is none of this Neo4j's")


def kills(node):
    return len(node.read("kills").splitlines())


def samples(node):
    """name{label=value} -> value, of all that Prometheus' parser makes of /metrics."""
    families = list(text_string_to_metric_families(node.request("/metrics")[1]))
    return {s.name + "".join("{%s=%s}" % l for l in sorted(s.labels.items())): s.value
            for f in families for s in f.samples}, families


def form(nodes):
    pi1, pi2, pi3 = nodes
    for n in nodes:
        n.start()
    wait_for(lambda: all(n.starts() for n in nodes))
    for n, role in ((pi1, "master"), (pi2, "slave"), (pi3, "slave")):
        n.neo4j_up(role)
    ok(wait_for(lambda: all(n.state() == "serving" for n in nodes)), "three nodes serve")


def undescribed(schema, value, top, where=""):
    """The members of value that the schema does not tell of."""
    if "$ref" in schema:
        schema = top["definitions"][schema["$ref"].rsplit("/")[-1]]
    if isinstance(value, list):
        return [k for i in value for k in undescribed(schema.get("items", {}), i, top, where)]
    if not isinstance(value, dict):
        return []
    known = schema.get("properties", {})
    return [where + k for k in value if k not in known] + [
        u for k, v in value.items() for u in undescribed(known.get(k, {}), v, top, where + k + ".")]


def test_schema(nodes, when):
    """What /cluster answers is what docs/cluster.schema.json promises."""
    if not jsonschema:
        print("ok - /cluster's schema # SKIP python3-jsonschema is not there")
        return
    with open(SCHEMA) as f:
        schema = json.load(f)
    jsonschema.Draft7Validator.check_schema(schema)
    answers = [a for a in (n.cluster() for n in nodes) if a["nodes"]]
    wrong = [] if answers else ["nobody answers"]
    wrong += [e.message for a in answers
             for e in jsonschema.Draft7Validator(schema).iter_errors(a)]
    wrong += ["%s is not described" % u for a in answers for u in undescribed(schema, a, schema)]
    ok(not wrong, "/cluster is as its schema says: %s%s" % (when, "".join(
        "\n# " + w for w in wrong[:5])))


def test_metrics(pi1, pi2):
    if not text_string_to_metric_families:
        print("ok - metrics # SKIP python3-prometheus-client is not there")
        return
    pi1.mock.tx = 42
    wait_for(lambda: pi2.sees(pi1).get("last_tx") == 42)
    got, families = samples(pi1)
    ok(families and all(NAME.match(f.name) for f in families), "%d metrics, well named" % len(families))
    ok(all(f.documentation.endswith((".", "?")) and f.type in ("gauge", "counter") for f in families),
       "each with its help and type")
    ok(all(s.name.endswith("_total") if f.type == "counter" else f.name.endswith(UNITS)
           for f in families for s in f.samples), "counters end in _total, others in what they are")
    ok(got["bramble_neo4j_role{role=master}"] == 1 and got["bramble_neo4j_role{role=slave}"] == 0,
       "the role")
    ok(got["bramble_node_state{state=serving}"] == 1 and sum(
        v for k, v in got.items() if k.startswith("bramble_node_state")) == 1, "one state")
    ok(got["bramble_neo4j_last_transaction"] == 42 and got["bramble_neo4j_lag_transactions"] == 0,
       "the master's transaction")
    ok(wait_for(lambda: samples(pi2)[0].get("bramble_neo4j_lag_transactions") == 41),
       "how far a slave is behind")
    ok(got["bramble_lease_held"] == 1 and got["bramble_manifest_epoch"] >= 1, "lease and epoch")
    ok(got["bramble_data_health{level=fit}"] == 1 and got["bramble_data_size_bytes"] == 1 << 20,
       "p3")
    ok(got["bramble_board_temperature_celsius"] == 48.312, "the temperature")
    ok(got["bramble_board_throttled{condition=undervoltage}"] == 1 and
       got["bramble_board_throttled{condition=frequency_capped}"] == 0 and
       got["bramble_board_throttled_since_boot{condition=throttled}"] == 1, "throttling")
    ok(got["bramble_card_written_bytes_total"] == 512000 and
       got["bramble_card_wear_ratio{area=a}"] == 0.2 and
       "bramble_card_wear_ratio{area=b}" not in got, "the card's wear, as far as it tells")
    ok(0 < got["process_resident_memory_bytes"] < 64 << 20, "the agent's memory: %d kB"
       % (got["process_resident_memory_bytes"] // 1024))
    ok(got["bramble_hellos_received_total{result=good}"] > 0 and
       got["bramble_hellos_sent_total"] > 0, "hellos")
    for mock in agent_test.MockNeo4j.all:  # slaves pull
        mock.tx = 42


def test_full(pi1, pi2, pi3):
    ok(wait_for(lambda: reserve(pi1) == 32768), "some room is held back")
    fill(pi1)
    ok(wait_for(lambda: kills(pi1)), "a master whose p3 is full is ended: " + pi1.why())
    pi1.neo4j_ends()
    ok(wait_for(lambda: "p3 is full" in pi2.sees(pi1).get("why", "") and
                pi2.sees(pi1)["state"] == "unfit"), "the others see why: " + pi2.sees(pi1)["why"])
    ok(pi1.request("/health")[0] == 503, "/health says no")
    ok(wait_for(lambda: not reserve(pi1)), "the reserve is released")
    pi2.neo4j_up("master")
    ok(wait_for(lambda: pi1.sees(pi2).get("neo4j") == "master"), "another one is master")
    rounds(pi1, 3)
    ok(len(pi1.starts()) == 1, "the sick one is not started")
    if text_string_to_metric_families:
        got = samples(pi1)[0]
        ok(got["bramble_data_health{level=sick}"] == 1 and
           any(k.startswith("bramble_node_why_info{why=p3 is full") for k in got), "metrics say so")
    make_room(pi1)
    ok(wait_for(lambda: len(pi1.starts()) == 2), "with room again it is")
    pi1.neo4j_up("slave")
    ok(wait_for(lambda: pi1.state() == "serving"), "and serves")
    ok(wait_for(lambda: reserve(pi1)), "and holds some room back again")
    ok("/srv/bramble: sick: p3 is full" in pi1.read("log"), "the log has told all that")


def test_readonly(pi3):
    remount(pi3, "ro")
    ok(wait_for(lambda: pi3.state() == "unfit" and "read-only" in pi3.why()),
       "a slave whose p3 is read-only says so: " + pi3.why())
    rounds(pi3, 3)
    ok(not kills(pi3), "and goes on")
    remount(pi3, "rw")
    ok(wait_for(lambda: kills(pi3)), "when it can be written Neo4j is begun anew")
    pi3.neo4j_ends()
    ok(wait_for(lambda: len(pi3.starts()) == 2), "for it saw writes fail")
    pi3.neo4j_up("slave")
    ok(wait_for(lambda: pi3.state() == "serving"), "and serves")


def test_last(pi1, pi2):
    """pi1 away: without pi2 no majority of Neo4js would be left."""
    before = kills(pi2)
    pi1.stop(signal.SIGKILL)
    wait_for(lambda: pi2.sees(pi1).get("state") == "down")
    fill(pi2)
    ok(wait_for(lambda: pi2.state() == "unfit" and "no other could be" in pi2.why()),
       "the last master goes on with a full p3: " + pi2.why())
    rounds(pi2, 3)
    ok(kills(pi2) == before, "it is not ended")
    make_room(pi2)


def test_hang(pi3, hang):
    before, starts = pi3.sees(pi3)["uptime_s"], len(pi3.starts())
    open(hang, "w").close()
    ok(wait_for(lambda: pi3.state() == "unfit" and "hangs" in pi3.why(), 90),
       "a card that hangs is told about: " + pi3.why())
    ok(pi3.request("/liveness")[0] == 200 and pi3.sees(pi3)["uptime_s"] > before,
       "and the agent does not hang with it")
    os.unlink(hang)
    ok(wait_for(lambda: pi3.state() == "serving"), "until it goes on")
    ok(len(pi3.starts()) == starts, "which needs no new start")


def begin_bad_writes(pi1):
    """Three are ten seconds each: meanwhile other things are tried."""
    ok(wait_for(lambda: any("BrambleProbe" in w for w in pi1.mock.writes)),
       "the master is asked by a write")
    pi1.mock.errors = [{"code": "Neo.DatabaseError.Transaction.TransactionCommitFailed"}]
    return kills(pi1)


def end_bad_writes(pi1, pi2, before):
    starts = len(pi1.starts())
    ok(wait_for(lambda: kills(pi1) > before, 60), "one that fails three of them is ended")
    ok("3 writes in a row failed" in pi1.read("log"), "the log says why")
    pi1.neo4j_ends()
    pi2.neo4j_up("master")
    wait_for(lambda: len(pi1.starts()) > starts)
    pi1.neo4j_up("slave")
    ok(wait_for(lambda: pi1.state() == "serving"), "and it is started anew")


def test_banner(pi1):
    line = "bramble: pi1 of cluster garden: serving as %s\n"
    role = pi1.sees(pi1)["neo4j"]
    for path in ("run/motd.d/bramble", "run/issue.d/bramble.issue"):
        ok(wait_for(lambda: pi1.read(path) == line % role), path + ": " + pi1.read(path).strip())


def play(top):
    hang = os.path.join(top, "hang")
    nodes = [Node(top, "pi%d" % i, i) for i in (1, 2, 3)]
    pi1, pi2, pi3 = nodes
    try:
        for n in nodes:
            n.prepare(nodes)
            conf = n.read("etc/bramble/node.conf")
            n.write("etc/bramble/node.conf",
                    conf.replace('"3.x-ha"', '"3.x-ha"  write_probe = true'))
            n.mount()
            for folder in ("motd.d", "issue.d"):
                os.makedirs(os.path.join(n.root, "run", folder))
            for path, text in SYS.items():
                n.write(path, text)
        pi3.env = {"LD_PRELOAD": HANG, "HANG_PROBE": hang}
        for n in (pi1, pi2):
            os.makedirs(os.path.join(n.store, "neo4j/logs"))
            panic(n)
        form(nodes)
        test_metrics(pi1, pi2)
        test_schema(nodes, "all serve")
        test_full(pi1, pi2, pi3)
        test_panic(pi2, pi1)
        test_panic_alone(pi1, pi2)
        before = begin_bad_writes(pi2)
        test_banner(pi1)
        test_readonly(pi3)
        end_bad_writes(pi2, pi1, before)
        test_last(pi2, pi1)
        test_schema(nodes, "one has ended, others are not well")
        test_hang(pi3, hang)
    finally:
        if agent_test.failed:
            show_logs(nodes)
        for n in nodes:
            n.clean()


def main():
    enter_namespace()
    begin = time.monotonic()
    top = tempfile.mkdtemp(prefix="bramble-health-")
    try:
        play(top)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print("# %d s\n1..%d" % (time.monotonic() - begin, agent_test.count))
    return agent_test.failed != 0


if __name__ == "__main__":
    sys.exit(main())
