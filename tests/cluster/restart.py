#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restarts every Neo4j of a rehearsed cluster under a writer, and accounts for its writes.

First in turns, as SIGHUP to all agents at once asks for; then all at one moment, behind the
agents' backs, once while only the master has its last write and comes back later than the others,
once as it comes, which by itself was seen to wedge Neo4j 3.5 for good: the agents must form it
anew.
Everything is real (see failover.py, whose writer this is). Prints TAP.
"""
import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import time

from client import slowly
from failover import Roles, Writer, missing_on, one_master, request, in_netns, wait_until


def inside(args, name, *command):
    """Runs a command in a machine; its output."""
    cluster = args.netns[len("bramble-"):]
    r = subprocess.run([args.bramble, "rehearse", "exec", "--cluster", cluster, name, "--",
                        *command],
                       capture_output=True, text=True, timeout=90)
    return r.stdout.strip()


def everywhere(args, *command, names=None):
    """The same in all machines, or in those of these names, at one moment; {name: output}."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        work = {n: pool.submit(inside, args, n, *command) for n in names or args.data}
    return {n: w.result() for n, w in work.items()}


def pids(args):
    return everywhere(args, "systemctl", "show", "-p", "MainPID", "--value", "neo4j.service")


class Watch:
    """Whose Neo4j does not answer its own agent, and in which order they went.

    Not by Neo4j's port: without a master it is closed on all."""

    def __init__(self, args):
        self.args, self.order, self.most = args, [], 0

    def is_down(self, addr):
        status, text = request(addr, 7470, "GET", "/cluster", timeout=2)
        return status == 200 and any(n["address"] == addr and n["neo4j"] == "down" and
                                     n["why"] != "Neo4j gives no answer"  # a slow one
                                     for n in json.loads(text)["nodes"])

    def look(self):
        away = [n for n, a in self.args.data.items() if in_netns(self.args,
                                                                 lambda: self.is_down(a))]
        for n in away:
            if n not in self.order:
                self.order.append(n)
        self.most = max(self.most, len(away))


def in_turns(args, roles, out):
    watch, before = Watch(args), pids(args)
    out["first_master"] = wait_until("one master", 60, lambda: one_master(roles))
    begin = time.monotonic()
    everywhere(args, "systemctl", "reload", "bramble-agent.service")

    def same_process():
        after = pids(args)
        return [n for n in before if before[n] == after[n]]

    # The last one's turn has begun, and what is known of roles may be a second old.
    def done():
        watch.look()
        return len(watch.order) == len(args.data) and one_master(roles) and not same_process()
    wait_until("everybody's turn", 420, done)
    out["turns_s"] = time.monotonic() - begin
    out["order"], out["most_away"] = watch.order, watch.most
    out["same_process"] = same_process()
    out["aside"] = everywhere(args, "sh", "-c", "ls /srv/bramble/neo4j/data | grep -c aside; true")


def not_the_first(args, roles):
    """A master that is not the one which would begin the next cluster, too: Neo4j takes the lowest
    number for that."""
    first = min(args.data)
    if wait_until("one master", 120, lambda: one_master(roles)) == first:
        inside(args, first, "systemctl", "stop", "neo4j.service")
    return wait_until("another master", 120, lambda: one_master(roles) != first and
                      one_master(roles))


def last_write_alone(args, roles, writer):
    """Who is master and has a write that no other store has; its Neo4j and the others' have ended then."""
    master = not_the_first(args, roles)
    others = [n for n in args.data if n != master]
    # Agents that say nothing for a moment: the master takes writes until they would be missed.
    everywhere(args, "sh", "-c", "systemctl kill -s STOP bramble-agent.service && "
               "systemctl kill -s KILL neo4j.service", names=others)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        try:
            wrote = is_acknowledged(writer, 5)
        finally:
            end = wrote and pool.submit(inside, args, master, "systemctl", "stop", "neo4j.service")
            everywhere(args, "systemctl", "kill", "-s", "CONT", "bramble-agent.service", names=others)
        if end:
            end.result()
    return wrote and master


def alone(args, roles, writer, out):
    """The master's last write is on no other store, and it comes back when the others are there.

    Whoever of Neo4j 3.5 enters where another one is master already loses what that one has not:
    without it none may be."""
    masters = (last_write_alone(args, roles, writer) for _ in range(5))  # a busy machine may be late with the write
    master = next(filter(None, masters), None)
    if not master:
        sys.exit("restart: no write is on one store alone")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(inside, args, master, "sh", "-c", slowly(45))
        begin = time.monotonic()
        out["alone"] = master, wait_until("a new master", 420, lambda: one_master(roles))
        out["alone_s"] = time.monotonic() - begin
        slow.result()


def at_once(args, roles, out):
    """Returns when all were told to stop, and when they had."""
    begin = time.monotonic()
    everywhere(args, "systemctl", "stop", "neo4j.service")
    stopped = time.monotonic()
    out["stopped_s"] = stopped - begin
    wait_until("a new master", 420, lambda: one_master(roles))
    out["formed_s"] = time.monotonic() - begin
    return begin, stopped


def when(writer, id, begin, stopped):
    """A write that is missing: how long after the stop of all it was sent and acknowledged. Neo4j acknowledges what
    it could push to nobody, as while all of them stop."""
    sent, acked = writer.answers[writer.acked.index(id)]
    return "%s: sent %.2f s, acknowledged %.2f s after all were told to stop, which took %.2f s" % (
        id, sent - begin, acked - begin, stopped - begin)


def is_acknowledged(writer, seconds):
    """Whether a write that is begun now or later is, in so many seconds."""
    now = time.monotonic()
    while time.monotonic() < now + seconds:
        if any(begin > now for begin, _ in writer.answers[-3:]):
            return True
        time.sleep(0.1)
    return False


def writes_again(writer, seconds):
    if not is_acknowledged(writer, seconds):
        sys.exit("restart: waited %d s for a write" % seconds)


def play(args, out):
    roles, writer = Roles(args), Writer(args)
    roles.start()
    wait_until("a cluster", 180, lambda: one_master(roles))
    writer.start()
    writes_again(writer, 120)
    in_turns(args, roles, out)
    writes_again(writer, 120)
    alone(args, roles, writer, out)
    writes_again(writer, 240)
    stop = at_once(args, roles, out)
    writes_again(writer, 240)
    writer.stop.set()
    writer.join(90)
    out.update(acked=len(writer.acked), unknown=len(writer.unknown), refused=len(writer.refused))
    out["missing"] = {n: missing_on(args, n, writer.acked) for n in args.data}
    out["when"] = sorted({when(writer, i, *stop) for gone, _ in out["missing"].values() for i in gone
                          if i in writer.acked})
    roles.stop.set()


def tests(r):
    yield r.get("same_process") == [], "every Neo4j was restarted once asked to"
    yield r.get("most_away", 9) <= 1, "never two at one time"
    yield r.get("order", [0])[-1] == r.get("first_master"), "the master last: %s" % r.get("order")
    yield set(r.get("aside", {"": ""}).values()) == {"0"}, (
        "and no store was put aside, as if it could have become longer: %s" % r.get("aside"))
    had, is_now = r.get("alone", ("?", "none"))
    yield had == is_now, "the last writes on one store, which comes up late: %s is master again: %s" % (
        had, is_now)
    yield "formed_s" in r, "and all of them stopped at one moment form again"
    for name, (gone, doubled) in r.get("missing", {"anybody": (["?"], 0)}).items():
        yield gone == [] and doubled == 0, "all %s acknowledged writes are on %s, once" % (
            r.get("acked"), name)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--bramble", required=True)
    p.add_argument("--netns", required=True)
    p.add_argument("--proxy", required=True, help="address of a proxy node")
    p.add_argument("--data", required=True, help="pi1=192.168.2.7,...")
    p.add_argument("--tap-from", type=int, default=1, help="number of the first test")
    args = p.parse_args()
    args.data, args.say = dict(x.split("=") for x in args.data.split(",")), False
    r = {}
    try:
        play(args, r)
    except SystemExit as e:
        print("# %s" % e)
    for i, (held, name) in enumerate(tests(r), args.tap_from):
        print("%s %d - %s" % ("ok" if held else "not ok", i, name))
    print("# " + json.dumps(r))
    sys.stdout.flush()
    os._exit(0)  # daemon threads may sit in a request


main()
