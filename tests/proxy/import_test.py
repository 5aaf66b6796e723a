#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""bramble-proxy --import-haproxy: the article's file in, a proxy that behaves out. Prints TAP."""

import os
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import harness
from harness import PROXY, cluster, eventually, ok, same

HERE = os.path.dirname(os.path.abspath(__file__))
ARTICLE = os.path.join(HERE, "article.cfg")
WRITE = "X-Write: 1\r\n"


def convert(path):
    return subprocess.run([PROXY, "--import-haproxy", path], capture_output=True, text=True)


def converted(text):
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as f:
        f.write(text)
        f.flush()
        r = convert(f.name)
        r.stderr = r.stderr.replace(f.name, "F")
        return r


class Imported(harness.Proxy):
    """The article's proxy, its addresses made this machine's."""

    def write_conf(self, members, **_):
        text = convert(ARTICLE).stdout
        for i, m in enumerate(members):
            text = text.replace(f"192.168.2.{7 + i}:7474", f"127.0.0.1:{m.port}")
        text = text.replace("*:8090", f"127.0.0.1:{self.port}")
        text = text.replace("*:8080", f"127.0.0.1:{self.stats_port}")
        text = text.replace("/etc/bramble/stats.password", self.secret("password", self.password))
        return text.replace("/etc/bramble/check.credentials", self.secret("check", "neo4j:test"))


def test_article():
    r = convert(ARTICLE)
    same(r.returncode, 0, "the article's file is taken")
    ok("not understood" not in r.stderr, "every line of it is understood")
    ok("123" not in r.stdout + r.stderr and "bmVv" not in r.stdout + r.stderr, "no secret is shown")
    notes = sorted(re.findall(r"article.cfg:(\d+): ", r.stderr), key=int)
    same(notes, ["18", "33"], "and where they were is told")
    with tempfile.NamedTemporaryFile("w") as f:
        f.write(r.stdout)
        f.flush()
        same(subprocess.run([PROXY, "-c", f.name]).returncode, 0, "the result passes -c")
    flat = " ".join(r.stdout.split())
    for want in ("maxconn = 60", "connect_ms = 5000", "client_ms = 50000", "server_ms = 50000",
                 'listen = "*:8090"', 'listen = "*:8080"', 'user = "admin"',
                 'realm = "Haproxy Statistics"', "members { maxconn = 10", '"roundrobin"',
                 'member "s2" { id = 2 http = "192.168.2.8:7474" }'):
        ok(want in flat, f"it says {want}")


def test_article_behaves():
    members = cluster(3, master=1)
    for m in members:
        m.credentials = "neo4j:test"
    with Imported(members) as proxy:
        proxy.ready()
        same({proxy.once("POST", fields=WRITE).member() for _ in range(9)}, {"pi2"},
             "writes go to the master, whose check wants a password")
        reads = [proxy.once().member() for _ in range(12)]
        same({m: reads.count(m) for m in set(reads)}, {"pi1": 4, "pi2": 4, "pi3": 4},
             "reads take turns")
        try:
            proxy.stats("/", auth=False)
            ok(False, "the stats page wants a password")
        except urllib.error.HTTPError as e:
            ok('realm="Haproxy Statistics"' in e.headers["WWW-Authenticate"],
               "the stats page has the realm")
        same(proxy.json()["maxconn"], 60, "the global limit")
        members[0].credentials = "neo4j:other"
        eventually(lambda: not proxy.member("s1")["up"], "a member that refuses the check gets nothing")


BASE = "frontend a\n bind *:1\nbackend b\n server pi7 1.2.3.4:5\n"
UNKNOWN = {
    " frobnicate now\n": "F:5: not understood: frobnicate",
    " option abortonclose\n": "F:5: not understood: option abortonclose",
    " timeout tunnel 5s\n": "F:5: not understood: timeout tunnel",
    " timeout connect 5parsecs\n": "F:5: not understood: timeout connect: not a time",
    " balance source\n": "F:5: not understood: balance source",
    " server pi8 pi8.local:7474\n": "F:5: not understood: server",
    " server pi8 1.2.3.5:7 ssl verify none\n": 'F:5: server: the parameter "ssl" is not understood',
    " http-request deny if { path /x }\n": "F:5: not understood: http-request",
    ' acl x "unclosed\n': "F:5: not understood: acl: a quote that nothing closes",
    "listen x\n bind *:443 ssl crt /a\n": "F:6: not understood: bind *:443",
    "frontend x\n acl w path_beg /w\n": "F:6: not understood: acl w",
    " timeout client 0\n": "F:5: not understood: timeout client: there is none without an end",
    " timeout client 5s\nlisten s\n bind *:8080\n stats enable\n timeout client 9s\n":
        "F:9: timeout client was 5000 ms before",
    " option httpchk GET /db/manage/server/ha/slave\n": "F:5: option httpchk: by this check the master got no reads",
    "listen stats :1936\n": "F:5: not understood: listen stats: what follows the name",
    "backend c\n server pi7 1.2.3.4:5 weight 5 maxconn 4\n server pi7 1.2.3.4:5 weight 6\n":
        "F:7: server pi7: weight was 5 before",
    " server b 1.2.3.5:5 maxqueue 9\n": "F:5: server: maxqueue is not taken over: requests wait in one line",
    " server b 1.2.3.5:5 rise 2\n": "F:5: server: rise is not needed: one answer of a member counts at once",
    " server b 1.2.3.5:5 slowstart 2d\n": 'F:5: server: the parameter "slowstart" is not understood',
    " server b 1.2.3.5:5 slowstart 9s\n server c 1.2.3.6:5 slowstart 8s\n":
        "F:6: server: slowstart was 9000 ms before",
    "peers p\n peer a 1.2.3.4:5\n": "F:6: not understood: peer",
    "userlist u\n user tom insecure-password hush\n": "F:6: not understood: user",
}
REFUSED = {
    "": "no frontend with an address",
    "frontend a\n bind *:1\n": "no server with a numeric address",
    BASE + " server pi7 1.2.3.4:6\n": 'server "pi7" is both',
    BASE + " server p)i 1.2.3.4:6\n": "not a host name",
}


def test_not_understood():
    for more, want in UNKNOWN.items():
        r = converted(BASE + more)
        ok(r.returncode == 0 and want in r.stderr, f"named: {want}")
        ok("hush" not in r.stderr + r.stdout, "without what may be a secret") if "hush" in more else None
        ok(want.split(": ", 1)[1] in r.stdout, "in the result too")
    for text, want in REFUSED.items():
        r = converted(text)
        ok(r.returncode == 4 and want in r.stderr and not r.stdout, f"refused: {want}")
    same(convert("/nonexistent/x.cfg").returncode, 1, "no file")
    r = converted(BASE + " server b 1.2.3.5:5 weight 3 maxconn 4\n server c 1.2.3.6:5 inter 2s\n"
                  " balance leastconn\n timeout queue 1m\n default-server slowstart 20s\n")
    ok("slowstart" not in r.stderr and "slowstart_ms = 20000" in r.stdout, "so is a slow start")
    ok("slowstart_ms = 0" in converted(BASE + " server b 1.2.3.5:5 slowstart 0\n").stdout, "and that there is none")
    ok("slowstart" not in converted(BASE).stdout, "unsaid, it is what proxy.conf's own is")
    again = converted(BASE + "backend r\n server pi7 1.2.3.4:5 weight 5 maxconn 4\n")
    ok(all(x in " ".join(again.stdout.split()) for x in ("weight = 5", "maxconn = 4")) and not again.stderr,
       "of a member named twice the weight and the limit that were said")
    ok(all(x in " ".join(r.stdout.split()) for x in (
        'member "pi7" { id = 7', 'member "b" { id = 1 http = "1.2.3.5:5" weight = 3 }', "id = 2",
        'balance = "least"', "hold_ms = 60000", "check_interval_ms = 2000", "maxconn = 4")),
       "weights, limits, times and ids are taken over")


sys.exit(harness.main(globals()))
