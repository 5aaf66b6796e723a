#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Neo4j's settings of a cluster cost and bring: the table of docs/BENCHMARKS.md.

Each combination gets a rehearsed cluster of three data nodes of its own, and a writer that sends
one write at a time through the proxy. The power of the master is cut, it is booted again, and so
on. At the end every acknowledged write is looked for on every member. Needs root and the inputs of
`make inputs`; about four minutes for each combination.

usage: tuning.py [--cuts N] [--writes N] [--json FILE] [NAME...]     (default: all combinations)
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "tests/cluster"))
from failover import (Roles, Writer, boot_again, missing_on, one_master, rehearse,  # noqa: E402
                      wait_for_writes, wait_until)

NAME, NET = "tuning", "192.168.86."
DATA = {"pi%d" % i: NET + "1%d" % i for i in (1, 2, 3)}
COMBINATIONS = {
    "default": [],
    "push-2": ["ha.tx_push_factor=2"],
    "round-robin": ["ha.tx_push_strategy=round_robin"],
    "push-0": ["ha.tx_push_factor=0", "ha.pull_interval=50ms"],
    "read-20s": ["ha.slave_read_timeout=20s"],
    "heartbeat-5s": ["ha.heartbeat_interval=1s", "ha.heartbeat_timeout=5s"],
    "pull-5s": ["ha.pull_interval=5s"],
}
CONF = """cluster "%s" {
  base = "bookworm-amd64.img.zst"
  neo4j = "neo4j-enterprise-3.5.0-beta03.tar.gz"
  java = "openjdk-17-jre-headless"
  neo4j_settings = {%s}
  network { subnet = "%s0/24" gateway = "%s1" }
  node "pi1" { roles = {"data"} address = "%s11" id = 1 }
  node "pi2" { roles = {"data"} address = "%s12" id = 2 }
  node "pi3" { roles = {"data"} address = "%s13" id = 3 }
  node "pi4" { roles = {"proxy"} address = "%s14" }
}
"""


def bramble(args, *words):
    subprocess.run([args.bramble, *words], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def one_cut(args, roles, writer, out):
    """Writes on a whole cluster, a cut of its master, writes again, and the master back."""
    first = len(writer.answers)
    wait_for_writes("writes", writer, args.writes)
    out["commit_s"] += [e - b for b, e in writer.answers[first:]]
    old = wait_until("one master", 120, lambda: one_master(roles))
    cut = time.monotonic()
    rehearse(args, "cut", old)
    took = wait_until("a new master", 180, lambda: next(
        (t for t, n in list(roles.masters) if t > cut and n != old), None))
    again = wait_until("a write", 180, lambda: next(
        (e for b, e in writer.answers[-3:] if e > took), None))
    out["no_master_s"].append(took - cut)
    out["no_writes_s"].append(again - cut)
    wait_for_writes("a few more", writer, 5)
    out["rejoin_s"].append(boot_again(args, roles, old))


def measure(args, settings, folder):
    conf = os.path.join(folder, NAME + ".conf")
    with open(conf, "w") as f:
        quoted = ", ".join('"%s"' % s for s in settings)
        f.write(CONF % ((NAME, quoted) + (NET,) * 6))
    bramble(args, "build", conf)
    bramble(args, "rehearse", conf, "--detach", "--wait", "300", "--dir", folder)
    roles, writer = Roles(args), Writer(args)
    out = {"commit_s": [], "no_master_s": [], "no_writes_s": [], "rejoin_s": []}
    roles.start()
    wait_until("a cluster", 180, lambda: one_master(roles))
    writer.start()
    wait_for_writes("the first writes", writer, 5)
    try:
        for _ in range(args.cuts):
            one_cut(args, roles, writer, out)
    finally:
        writer.stop.set()
        writer.join(90)
    gone = {n for m in DATA for n in missing_on(args, m, writer.acked)[0]}
    roles.stop.set()
    out.update(acked=len(writer.acked), unknown=len(writer.unknown), refused=len(writer.refused),
               lost=len(gone))
    return out


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def row(name, r):
    times = ["%.1f" % t for t in sorted(r["no_writes_s"])]
    return "| %s | %s | %s | %.0f | %.0f | %.0f %% | %.0f | %d of %d |" % (
        name, "%.1f" % quantile(r["no_master_s"], 0.5), ", ".join(times),
        1000 * quantile(r["commit_s"], 0.5), 1000 * quantile(r["commit_s"], 0.99),
        100 * sum(s > 1 for s in r["commit_s"]) / len(r["commit_s"]),
        quantile(r["rejoin_s"], 0.5), r["lost"], r["acked"])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--cuts", type=int, default=3)
    p.add_argument("--writes", type=int, default=60, help="before each cut")
    p.add_argument("--json", help="all figures go there, after each combination")
    p.add_argument("--bramble", default=os.path.join(TOP, "build/bramble"))
    p.add_argument("names", nargs="*", metavar="NAME", help=", ".join(COMBINATIONS))
    args = p.parse_args()
    args.netns, args.proxy, args.data, args.say = "bramble-" + NAME, NET + "14", DATA, False
    results = {}
    print("| settings | no master, s | no writes, s | commit median, ms | p99 | over 1 s "
          "| rejoined, s | lost |\n|---|---|---|---|---|---|---|---|", flush=True)
    for name in args.names or COMBINATIONS:
        with tempfile.TemporaryDirectory(prefix="bramble-tuning-") as folder:
            try:
                results[name] = measure(args, COMBINATIONS[name], folder)
                print(row(name, results[name]), flush=True)
            except (SystemExit, subprocess.CalledProcessError) as e:
                print("| %s | did not come to an end: %s |" % (name, e), flush=True)
            finally:
                subprocess.run([args.bramble, "rehearse", "stop", "--cluster", NAME],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if args.json:
            with open(args.json, "w") as f:
                json.dump(results, f)
    os._exit(0)  # daemon threads may sit in a request


main()
