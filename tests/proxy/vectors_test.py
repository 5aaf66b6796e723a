#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strict HTTP/1.1: every request of vectors.py, as TAP.

    vectors_test.py                 bramble-proxy
    vectors_test.py --scoreboard    beside haproxy and nginx (as installed), as Markdown

A member is a mock that reads every request with the strictness of its own and counts them.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import harness
from fake_member import FakeMember
from harness import Proxy, free_port, ok, same
from vectors import OWN, PASSED, REFUSED, STRICT, VECTORS

QUIET_S = 0.3  # nothing more for so long: it waits for more of the request


def talk(port, data):
    """The statuses answered and whether the connection was closed."""
    s = socket.create_connection(("127.0.0.1", port), timeout=5)
    got, closed = b"", False
    with contextlib.suppress(OSError):
        s.sendall(data)
        while True:
            # An answer, and the end after a refusal, come for sure; only then silence tells something.
            s.settimeout(QUIET_S if b" 200 " in got else 5)
            part = s.recv(65536)
            if not part:
                closed = True
                break
            got += part
    s.close()
    return [int(n) for n in re.findall(rb"HTTP/1\.[01] (\d{3})", got)], closed


def outcome(port, member, vector):
    """(verdict, what was seen): whether it did as wanted."""
    member.seen.clear()
    statuses, closed = talk(port, vector[2])
    fields = [(k.title(), v) for *_, sent in member.seen for k, v in sent]
    return judge(vector, statuses, closed, [(m, t) for m, t, _ in member.seen], fields)


def judge(vector, statuses, closed, reached, fields=()):
    rule, name, data, want, *shown = vector
    said = f"{' '.join(map(str, statuses)) or 'no answer'}{', closed' if closed else ''}, {len(reached)} reached"
    expected = 2 if name == "two requests at once" else 1
    smuggled = len(reached) > expected or any("smuggled" in t for _, t in reached)
    if smuggled:
        return "smuggled", said
    if want == PASSED and (b"HTTP/1.0" in data and 100 in statuses or reached and not set(shown) <= set(fields)):
        return "accepted", said
    if want == PASSED:
        return ("ok" if len(reached) == expected and 200 in statuses else "refused a good one"), said
    if want == OWN:
        return ("accepted" if reached else "ok" if statuses == [200] else "refused a good one"), said
    refused = not reached and bool(statuses) and statuses[0] >= 400 and closed
    # Malformed chunks may come to light when the beginning has gone on: then the member must not have an answer relayed.
    refused |= bool(reached) and bool(statuses) and statuses[0] >= 400 and rule.startswith("9112 7.1")
    if refused:
        return "ok", said
    return ("lenient" if want == STRICT else "accepted"), said


def judge_itself():
    """Where a request that reached the member is as good as one that did not, and where it is not."""
    for rule, want in (("9112 7.1", "ok"), ("9112 7.1.1", "ok"), ("9112 6.1", "accepted"), ("9112 7", "accepted")):
        verdict, _ = judge((rule, "chunked", b"chunked", REFUSED), [400], True, [("POST", "/x")])
        same(verdict, want, f"a 400 when a request of {rule} has reached the member: {want}")


def run_bramble():
    judge_itself()
    member = FakeMember("pi1", "master")
    with Proxy([member]) as proxy:
        proxy.ready()
        for v in VECTORS:
            verdict, said = outcome(proxy.port, member, v)
            ok(verdict == "ok", f"{v[0]} {v[1]}: {v[3]} ({said}{'' if verdict == 'ok' else ', ' + verdict})")
        ok(proxy.once().status == 200, "and the proxy goes on")
    print(f"1..{harness.count}")
    return harness.failed != 0


HAPROXY = """defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
frontend f
  bind 127.0.0.1:%(port)d
  default_backend b
backend b
  http-reuse always
  server s 127.0.0.1:%(member)d
"""
NGINX = """daemon off; master_process off; pid %(dir)s/pid; error_log /dev/null; events {}
http { access_log off; client_body_temp_path %(dir)s/b; proxy_temp_path %(dir)s/p; fastcgi_temp_path %(dir)s/f;
  uwsgi_temp_path %(dir)s/u; scgi_temp_path %(dir)s/s;
  upstream m { server 127.0.0.1:%(member)d; keepalive 8; }
  server { listen 127.0.0.1:%(port)d; location / { proxy_pass http://m; proxy_http_version 1.1;
    proxy_set_header Connection ""; } } }
"""


@contextlib.contextmanager
def peer(tool, member):
    path = shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin")
    if not path:
        yield None
        return
    with tempfile.TemporaryDirectory() as d:
        os.chmod(d, 0o755)
        port = free_port()
        conf = os.path.join(d, "conf")
        with open(conf, "w") as f:
            f.write((HAPROXY if tool == "haproxy" else NGINX) % {"port": port, "member": member.port, "dir": d})
        p = subprocess.Popen([path, "-db", "-f", conf] if tool == "haproxy" else [path, "-c", conf],
                             stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        harness.eventually(lambda: socket.create_connection(("127.0.0.1", port)).close() is None)
        try:
            yield port
        finally:
            p.kill()
            p.wait()


def scoreboard():
    results = {}
    member = FakeMember("pi1", "master")
    with Proxy([member]) as proxy:
        proxy.ready()
        results["bramble-proxy"] = [outcome(proxy.port, member, v) for v in VECTORS]
    for tool in ("haproxy", "nginx"):
        member = FakeMember("pi1", "master")
        with peer(tool, member) as port:
            if port:
                results[tool] = [outcome(port, member, v) for v in VECTORS]
                time.sleep(0.1)
    tools = list(results)
    print(f"| {len(VECTORS)} requests | " + " | ".join(tools) + " |\n|---|" + "---|" * len(tools))
    for verdict, text in (("ok", "as wanted"), ("lenient", "went on where the RFC lets it"),
                          ("accepted", "went on where the RFC does not"), ("refused a good one",) * 2, ("smuggled", "reached twice")):
        print(f"| {text} | " + " | ".join(str(sum(r[0] == verdict for r in results[t])) for t in tools) + " |")
    print("\n| rule | request | " + " | ".join(tools) + " |\n|---|---|" + "---|" * len(tools))
    for i, v in enumerate(VECTORS):
        row = [results[t][i] for t in tools]
        if any(r[0] != "ok" for r in row):
            print(f"| {v[0]} | {v[1]} | " + " | ".join("ok" if r[0] == "ok" else f"{r[0]} ({r[1]})" for r in row) + " |")
    return 0


sys.exit(scoreboard() if "--scoreboard" in sys.argv else run_bramble())
