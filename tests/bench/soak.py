#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does bramble-proxy stay as it is, under millions of requests, connections that come and go, and failovers?

    soak.py [--requests 10000000] [--failovers 100]

Three members (nginx, static answers, roles by files), readers and writers (wrk) that close each connection after
100 requests. The mastership goes round: nobody is master for half a second each time, and writes are held. Prints
Markdown: memory and descriptors of the proxy at a tenth, half and the end, and answers that were none of 2xx.
Needs nginx, wrk and two cores.
"""

import argparse
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time

from proxy import BRAMBLE, MEMBERS, ORIGIN, PORTS, die_with_parent, memory_kb, must_be_free, spawn, wait_for, write

PORT = PORTS["bramble"]
ROUND_S, WITHOUT_S = 20, 0.5
SERVER = """server { listen 127.0.0.1:%(port)d backlog=4096; default_type application/json;
  location = /db/manage/server/ha/available {
    if (-f %(dir)s/master.%(port)d) { return 200 master; }
    return 200 slave; }
  location = /db/manage/server/ha/master {
    if (-f %(dir)s/master.%(port)d) { return 200 true; }
    return 404 false; }
  location / { return 200 '%(body)s'; } }
"""
# Each connection ends after its 100th request, as far as one can tell from here.
LUA = """wrk.headers["Content-Type"] = "application/json"
%(more)s
local n = 0
local going, last = wrk.format(), nil
function init() going = wrk.format(); wrk.headers["Connection"] = "close"; last = wrk.format() end
function request() n = n + 1; if n %% 100 == 0 then return last end return going end
"""
WRITES = """wrk.method = "POST" wrk.headers["X-Write"] = "1" wrk.body = '{"statements":[{"statement":"CREATE ()"}]}'"""


def configure(d):
    servers = "".join(SERVER % {"port": port, "dir": d, "body": "x" * 200} for port in MEMBERS)
    write(d + "/origin.conf", ORIGIN % {"dir": d, "servers": servers})
    write(d + "/read.lua", LUA % {"more": ""})
    write(d + "/write.lua", LUA % {"more": WRITES})
    members = "\n".join(f'member "s{i}" {{ id = {i + 1} http = "127.0.0.1:{p}" }}' for i, p in enumerate(MEMBERS))
    write(d + "/proxy.conf", f'limits {{ maxconn = 30000 }}\nhttp {{ listen = "127.0.0.1:{PORT}" }}\n'
          f"members {{ maxconn = 300 check_interval_ms = 500 }}\n{members}\n")


def looks(pid):
    """(kB resident, of these nobody else's, open descriptors)"""
    return (*memory_kb(pid), len(os.listdir(f"/proc/{pid}/fd")))


class Load:
    """Readers and writers for ROUND_S."""

    def __init__(self, d):
        self.wrks = [subprocess.Popen(["taskset", "-c", "1", "wrk", "-t1", f"-c{conns}", f"-d{ROUND_S}s", "--timeout", "30s", "-s", f"{d}/{lua}.lua",
                               f"http://127.0.0.1:{PORT}/"], stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
                     for conns, lua in ((96, "read"), (32, "write"))]

    def runs(self):
        return any(w.poll() is None for w in self.wrks)

    def sums(self):
        """(requests, answers that were none of 2xx, errors of sockets)"""
        text = "".join(w.communicate()[0] for w in self.wrks)
        errors = [sum(map(int, m)) for m in re.findall(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)]
        return (sum(map(int, re.findall(r"(\d+) requests in", text))),
                sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text))), sum(errors))


def next_master(d, n):
    old, new = (f"{d}/master.{MEMBERS[i % 3]}" for i in (n, n + 1))
    os.unlink(old)
    time.sleep(WITHOUT_S)
    write(new, "")


def soak(d, pid, args):
    requests = other = errors = turns = 0
    rows = []
    while requests < args.requests or turns < args.failovers:
        load, begin = Load(d), time.monotonic()
        per_round = max(1, round(args.failovers * ROUND_S / args.expected_s))
        for i in range(per_round):
            time.sleep(max(0.0, begin + (i + 0.5) * (ROUND_S - 2) / per_round - time.monotonic()))
            if turns < args.failovers:
                next_master(d, turns)
                turns += 1
        while load.runs():
            time.sleep(0.1)
        got = load.sums()
        requests, other, errors = requests + got[0], other + got[1], errors + got[2]
        rows.append((requests, *looks(pid)))
        print(f"# {requests} requests, {turns} failovers, {other} not 2xx, {errors} errors of sockets: {rows[-1][1:]}",
              flush=True)
    return rows, turns, other, errors


def table(rows, turns, other, errors):
    at = [min(rows, key=lambda r: abs(r[0] - part * rows[-1][0])) for part in (0.1, 0.5, 1)]
    print("\n| requests | connections, about | RSS kB | of it private and dirty | descriptors |\n|---|---|---|---|---|")
    for r in at:
        print(f"| {r[0]} | {r[0] // 100} | {r[1]} | {r[2]} | {r[3]} |")
    print(f"\n{turns} failovers; {other} answers that were none of 2xx, {errors} errors of sockets.")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=10_000_000)
    parser.add_argument("--failovers", type=int, default=100)
    args = parser.parse_args()
    args.expected_s = max(ROUND_S, args.requests / 85000)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    must_be_free([*MEMBERS, PORT])
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        configure(d)
        write(f"{d}/master.{MEMBERS[0]}", "")
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        processes = [spawn(1, [nginx, "-c", d + "/origin.conf"], cwd=d)]
        try:
            for port in MEMBERS:
                wait_for(port)
            processes.append(spawn(0, [BRAMBLE, "-f", d + "/proxy.conf"], cwd=d))
            wait_for(PORT)
            time.sleep(1)
            table(*soak(d, processes[1].pid, args))
        finally:
            for p in processes:
                p.send_signal(signal.SIGKILL)
                p.wait()


main()
