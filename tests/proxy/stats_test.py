#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bramble-proxy tells and takes besides requests: HAProxy's columns, Prometheus' metrics, orders
by the socket and by the page, the access log. Against mocks of members. Prints TAP."""

import os
import re
import subprocess
import sys
import threading
import time
import urllib.error

import harness
from harness import PROXY, Conn, Proxy, cluster, eventually, ok, refused, same

WRITE = "X-Write: 1\r\n"

# HAProxy 2.6's, from its management manual, section 9.1, as far as ttime.
HAPROXY = """pxname svname qcur qmax scur smax slim stot bin bout dreq dresp ereq econ eresp wretr wredis
 status weight act bck chkfail chkdown lastchg downtime qlimit pid iid sid throttle lbtot tracked type rate
 rate_lim rate_max check_status check_code check_duration hrsp_1xx hrsp_2xx hrsp_3xx hrsp_4xx hrsp_5xx
 hrsp_other hanafail req_rate req_rate_max req_tot cli_abrt srv_abrt comp_in comp_out comp_byp comp_rsp
 lastsess last_chk last_agt qtime ctime rtime ttime""".split()


def table(text):
    lines = text.strip().splitlines()
    names = lines[0][2:].split(",")
    return names, {r["svname"]: r for r in (dict(zip(names, x.split(","))) for x in lines[1:])}


def status_of(call):
    try:
        call()
        return 200
    except urllib.error.HTTPError as e:
        return e.code


def test_lag():
    members = cluster(3)
    members[0].last_tx, members[1].last_tx = 10, 7
    with Proxy(members) as proxy:
        proxy.ready()
        eventually(lambda: proxy.member("pi2")["lag"] == 3, "how far a slave is behind the master")
        same([proxy.member(n)["behind"] for n in ("pi1", "pi2", "pi3")], ["nothing", "3 transactions", "not known"],
             "in words")
        _, rows = table(proxy.stats("/;csv"))
        same([rows[n]["lag"] for n in ("pi1", "pi2", "pi3")], ["0", "3", ""], "and in the table")
        text = proxy.stats("/metrics")
        ok('member_lag_transactions{member="pi2"} 3\n' in text and
           'member_lag_transactions{member="pi3"}' not in text, "and for Prometheus")
        ok("3 transactions</dd>" in proxy.stats("/"), "and on the dashboard")
        members[1].last_tx = 10
        eventually(lambda: proxy.member("pi2")["lag"] == 0, "until it has caught up")


def test_columns():
    members = cluster(2)
    members[0].slow_s = 0.05
    with Proxy(members, pool="maxconn = 2") as proxy:
        proxy.ready()
        for _ in range(6):
            proxy.once("POST", "/slow", WRITE)
        names, rows = table(proxy.stats("/;csv"))
        same(names[: len(HAPROXY)], HAPROXY, "HAProxy's columns in its order")
        pi1, back, front = rows["pi1"], rows["BACKEND"], rows["FRONTEND"]
        same((pi1["hrsp_2xx"], pi1["stot"], pi1["check_status"], pi1["check_code"], pi1["sid"]),
             ("6", "6", "L7OK", "200", "1"), "a member's counts")
        ok(int(pi1["rtime"]) >= 45 and int(pi1["ttime"]) >= int(pi1["rtime"]),
           f"average times: {pi1['qtime']}/{pi1['ctime']}/{pi1['rtime']}/{pi1['ttime']} ms")
        ok(int(pi1["rtime"]) < 5000, "of that size")
        same((back["act"], back["status"], front["status"], front["rtime"], back["check_status"]),
             ("2", "UP", "OPEN", "", ""), "the sums, and what sums do not have")
        ok(int(front["req_tot"]) >= 6 and int(front["stot"]) >= 6, "the frontend's")
        conns = [proxy.connect() for _ in range(3)]
        for c in conns:
            c.request("POST", "/hang", WRITE)
        eventually(lambda: table(proxy.stats("/;csv"))[1]["BACKEND"]["qcur"] == "1",
                   "the queue is the backend's")
        members[0].release()
        for c in conns:
            c.answer()
            c.close()
        members[1].down()
        eventually(lambda: table(proxy.stats("/;csv"))[1]["pi2"]["check_status"] == "L4CON",
                   "L4CON: refused")
        rows = table(proxy.stats("/;csv"))[1]
        same((rows["pi2"]["status"], rows["pi2"]["chkdown"], rows["BACKEND"]["act"]), ("DOWN", "1", "1"),
             "a member that is down")
        page = proxy.stats("/stats")
        ok(re.search(r'<tr class="r-down"><th scope="row">pi2', page), "it is red at /stats")
        ok('http-equiv="refresh"' in page, "which loads itself again")
        members[0].role = "UNKNOWN"
        eventually(lambda: table(proxy.stats("/;csv"))[1]["pi1"]["check_status"] == "L7STS",
                   "L7STS: an answer that is no role")
        members[0].frozen = True
        eventually(lambda: table(proxy.stats("/;csv"))[1]["pi1"]["check_status"] == "L7TOUT",
                   "L7TOUT: no answer in time")
        members[0].frozen = False


def test_json():
    with Proxy(cluster(2)) as proxy:
        proxy.ready()
        proxy.once()
        eventually(lambda: proxy.json()["level"] == "ok")  # a probe that came too late counts as one down
        j = proxy.json()
        same(j["headline"], "pi1 is the master", "one sentence says it")
        same((j["level"], [m["class"] for m in j["members"]]), ("ok", ["master", "slave"]), "and words")
        ok(any("is the master" in e["text"] for e in j["events"]), "events")
        same({len(j["history"][k]) for k in ("requests", "failed", "held", "p50_ms", "p99_ms")}, {0},
             "a history that has just begun")


def parsed_metrics(text):
    from prometheus_client.parser import text_string_to_metric_families

    return {f.name: f for f in text_string_to_metric_families(text)}


def check_names(text):
    """Prometheus' rules (prometheus.io/docs/practices/naming) as far as a program can check them."""
    faults = []
    for kind, name in ((k, n) for n, k in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)):
        if not re.fullmatch(r"bramble_proxy_[a-z0-9_]+", name):
            faults.append(f"{name}: prefix or characters")
        if (kind == "counter") != name.endswith("_total"):
            faults.append(f"{name}: _total is for counters")
        if re.search(r"_(ms|milliseconds|minutes|kb|mb|kilobytes|percent)(_|$)", name):
            faults.append(f"{name}: not a base unit")
        if name.endswith(("_count", "_sum", "_bucket")):
            faults.append(f"{name}: reserved suffix")
    helps = re.findall(r"^# HELP (\S+) (.+)$", text, re.M)
    types = re.findall(r"^# TYPE (\S+) ", text, re.M)
    if [n for n, _ in helps] != types or len(set(types)) != len(types):
        faults.append("each metric has one HELP and one TYPE")
    return faults


def test_metrics():
    with Proxy(cluster(2)) as proxy:
        proxy.ready()
        for _ in range(5):
            proxy.once("POST", fields=WRITE)
        text = proxy.stats("/metrics")
        same(check_names(text), [], "names and units follow Prometheus' rules")
        try:
            families = parsed_metrics(text)
        except ImportError:
            print("ok - metrics # SKIP python3-prometheus-client is not there")
            return
        samples = {(s.name, tuple(s.labels.items())): s.value for f in families.values() for s in f.samples}
        same(samples["bramble_proxy_member_requests_total", (("member", "pi1"),)], 5, "a counter")
        same(samples["bramble_proxy_responses_total", (("class", "2xx"),)], 5, "by class")
        same(samples["bramble_proxy_writable", ()], 1, "a gauge")
        buckets = [s for s in families["bramble_proxy_request_duration_seconds"].samples
                   if s.name.endswith("_bucket")]
        values = [s.value for s in buckets]
        ok(values == sorted(values) and buckets[-1].labels["le"] == "+Inf" and values[-1] == 5,
           "a histogram that grows to its count")
        ok(any(f.type == "histogram" for f in families.values()), "the parser takes all of it")


def unknown(proxy):
    in_metrics = re.search(r"^bramble_proxy_requests_unknown_total (\d+)$", proxy.stats("/metrics"), re.M)
    return proxy.json().get("unknown"), int(in_metrics[1]) if in_metrics else None


def test_unknown():
    """A write that may have been done is counted apart, once for each answer that says so."""
    members = cluster(2)
    with Proxy(members) as proxy:
        proxy.ready()
        same(unknown(proxy), (0, 0), "none yet")
        answers = [proxy.once("POST", "/close", WRITE, b"x") for _ in range(3)]
        same({a.field("X-Bramble-Outcome") for a in answers}, {"unknown"}, "three writes whose member closed")
        same(unknown(proxy), (3, 3), "count as three of unknown outcome")
        same(proxy.once("GET", "/close").status, 502, "of a read whose member closed")
        same(proxy.once("POST", "/raw/garbage", "", b"x").field("X-Bramble-Outcome"), "unknown",
             "a bad answer to what is no read says so too")
        same(unknown(proxy), (4, 4), "only the last counts")


class Ruled(Proxy):
    """With a socket for orders."""

    def write_conf(self, members, more, **rest):
        self.socket = os.path.join(self.dir.name, "ctl")
        return super().write_conf(members, more=more + f'admin {{ socket = "{self.socket}" }}', **rest)

    def order(self, text):
        r = subprocess.run([PROXY, "--ctl", self.socket, text], capture_output=True, text=True)
        same(r.returncode, 0, f"--ctl {text!r}") if r.returncode else None
        return r.stdout.strip()


def test_drain():
    members = cluster(3)
    with Ruled(members) as proxy:
        proxy.ready()
        same(oct(os.stat(proxy.socket).st_mode & 0o777), "0o660", "the socket is the group's")
        running = proxy.connect()
        running.request("POST", "/hang", WRITE)
        eventually(lambda: members[0].now == 1)
        same(proxy.order("set server pi1 state drain"), "", "drain is obeyed silently")
        held = proxy.connect()
        held.request("POST", fields=WRITE)
        same({proxy.once().member() for _ in range(12)}, {"pi2", "pi3"}, "no new requests to it")
        eventually(lambda: proxy.json()["why"] == "the master is being drained", "held writes say why")
        members[0].release()
        same(running.answer().status, 200, "what was under way ends")
        ok(members[0].probes and proxy.member("pi1")["word"] == "draining", "it is still checked")
        same(proxy.order("set server neo4j/pi1 state ready"), "", "ready again, in HAProxy's full name")
        same(held.answer().member(), "pi1", "the held write goes there")


def test_drain_transaction():
    members = cluster(2)
    with Ruled(members) as proxy:
        proxy.ready()
        a = proxy.once("POST", "/db/data/transaction", WRITE, b'{"statements": []}')
        target = "/" + a.field("Location").split("/", 3)[3]
        proxy.order("set server pi1 state drain")
        same(proxy.once("POST", target, "", b'{"statements": []}').status, 200, "an open transaction goes on in drain")
        same(proxy.once("POST", target + "/commit", "", b'{"statements": []}').status, 200, "to its end")
        same(proxy.once("POST", "/db/data/transaction", "", b'{"statements": []}').status, 201, "a new one")
        same({t.split("/")[-1] for _, t, _ in members[1].seen}, {"transaction"}, "begins elsewhere")


def test_maintenance():
    members = cluster(3)
    with Ruled(members) as proxy:
        proxy.ready()
        c = proxy.connect()
        c.request("POST", "/hang", WRITE)
        eventually(lambda: members[0].now == 1)
        proxy.order("disable server pi1")
        a = c.answer()
        same((a.status, a.field("X-Bramble-Outcome")), (502, "unknown"), "maintenance ends what runs")
        members[0].release()
        eventually(lambda: proxy.json()["master"] is None)
        probes = members[0].probes
        others = members[1].probes
        eventually(lambda: members[1].probes > others + 5)
        same(members[0].probes, probes, "no checks in maintenance")
        same({proxy.once().member() for _ in range(8)}, {"pi2", "pi3"}, "and no requests")
        proxy.order("enable server pi1")
        eventually(lambda: proxy.json()["master"] == "pi1", "enable: it is asked at once")


def test_orders():
    with Ruled(cluster(2)) as proxy:
        proxy.ready()
        names, rows = table(proxy.order("show stat"))
        ok(names[: len(HAPROXY)] == HAPROXY and "pi2" in rows, "show stat")
        ok("Name: bramble-proxy" in proxy.order("show info"), "show info")
        state = proxy.order("show servers state").splitlines()
        same(state[0], "1", "show servers state: format 1")
        same(dict(zip(state[1][2:].split(), state[2].split()))["srv_name"], "pi1", "and its columns")
        proxy.order("set server pi1 weight 4; set weight pi2 0")
        same([m["weight"] for m in proxy.json()["members"]], [4, 0], "two orders, two weights")
        same({proxy.once().member() for _ in range(6)}, {"pi1"}, "which are respected")
        proxy.order("set server pi1 weight 300%")
        same(proxy.member("pi1")["weight"], 3, "a share of what the file says")
        for bad, want in {"set server pi1 weight 257": "Weight must be", "set server pi9 state ready": "No such",
                          "set server pi1 weight x": "Weight must", "set server pi1 weight -1": "Weight must",
                          "set server pi1 state gone": "expects", "frob": "Unknown", "set server": "Unknown",
                          "show stat more": "Unknown", "a b c d e f g h i j": "Unknown"}.items():
            ok(want in proxy.order(bad), f"refused: {bad}")
        ok("weight 4, was 1, by user" in proxy.order("show events"), "who did it is kept")
        r = subprocess.run([PROXY, "--ctl", proxy.socket + "x", "help"], capture_output=True, text=True)
        ok(r.returncode == 1 and proxy.socket + "x" in r.stderr, "no proxy there")
        import socket as s
        hogs = [s.socket(s.AF_UNIX) for _ in range(12)]
        for h in hogs:
            h.connect(proxy.socket)
        hogs[0].sendall(b"x" * 5000)
        same(proxy.once().status, 200, "who hogs the socket does not disturb")
        for h in hogs:
            h.close()
        eventually(lambda: "Name" in proxy.order("show info"), "and goes")


def token(proxy, member="pi1", what="drain"):
    return re.search(f'action="(/admin\\?member={member}&amp;do={what}&amp;token=[0-9a-f]{{32}})"',
                     proxy.stats("/"))[1].replace("&amp;", "&")


def test_page_orders():
    with Proxy(cluster(2)) as proxy:
        proxy.ready()
        url, here = token(proxy), f"http://127.0.0.1:{proxy.stats_port}"

        def post(target, **fields):
            return status_of(lambda: proxy.stats(target, method="POST", fields=fields))

        same(status_of(lambda: proxy.stats(url, method="POST", auth=False)), 401, "needs the password")
        same(post(url[:-1] + "x"), 403, "and the token")
        same(post(url.split("&token")[0]), 403, "not none")
        same(post(url, Origin="http://evil.example"), 403, "another site's form is refused")
        same(post(url, Origin="null"), 403, "and nobody's")
        same(post(url, **{"Sec-Fetch-Site": "cross-site"}), 403, "also when only the browser knows")
        same(status_of(lambda: proxy.stats(url)), 404, "GET changes nothing")
        same(proxy.member("pi1")["admin"], "ready", "nothing has changed")
        same(post(url, Origin=here, **{"Sec-Fetch-Site": "same-origin"}), 200, "the page's own is obeyed")
        same(proxy.member("pi1")["admin"], "drain", "it drains")
        same(post(token(proxy, "pi2", "more")), 200, "weight")
        same(proxy.member("pi2")["weight"], 2, "is one more")
        same(post(token(proxy).replace("pi1", "pi9")), 400, "no such member")
        same(post(token(proxy).replace("drain", "frob")), 400, "no such order")
        same(post("/"), 405, "POST elsewhere")


LINE = re.compile(
    r'(\S+) (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (\S+)/(\S+) (-?\d+)/(-?\d+)/(-?\d+)/(-?\d+)/(\d+)'
    r' (\d+) (\d+) (..) (\d+) "(.*)"')


class Logged(Proxy):
    options = ""

    def write_conf(self, members, more, **rest):
        self.access = self.target or os.path.join(self.dir.name, "access.log")
        return super().write_conf(
            members, more=more + f'log {{ access = "{self.access}" {self.options} }}', **rest)

    def __init__(self, members, target=None, options="", **rest):
        self.target, self.options = target, options
        super().__init__(members, **rest)

    def lines(self):
        with open(self.access) as f:
            return [LINE.fullmatch(x.rstrip("\n")) or x for x in f]


def test_access_log():
    members = cluster(2)
    members[1].slow_s = 0.05
    with Logged(members) as proxy:
        proxy.ready()
        proxy.once("POST", "/echo?password=hush", WRITE, b'{"statements": []}')
        proxy.once(target="/slow")
        proxy.once(target="/echo")
        eventually(lambda: len(proxy.lines()) == 3)
        w, r, _ = proxy.lines()
        same((w[3], w[4], w[10], w[12], w[13], w[14]), ("pi1", "master", "200", "--", "1", "POST /echo?"),
             "a write: where, why, how it ended, and nothing of the query")
        ok(r[4] == "least" and (r[3] == "pi1" or int(r[8]) >= 45) and int(r[9]) >= int(r[8]), f"a read: {r[0]}")
        c = Conn(proxy.port)
        c.send('GET /a"b\\ HTTP/1.1\r\nHost: a\r\nX-Write: 1\r\n\r\n')
        c.answer()
        c.request("POST", "/close", WRITE)
        c.answer()
        c.send("BAD\r\n\r\n")
        c.answer()
        c.close()
        c = Conn(proxy.port)
        c.request("POST", "/hang", WRITE)
        eventually(lambda: members[0].now == 1)
        c.close()
        eventually(lambda: len(proxy.lines()) == 7)
        quoted, closed, bad, left = proxy.lines()[3:]
        same(quoted[14], "GET /a?b?", "nothing in a target breaks a line")
        same((closed[10], closed[12]), ("502", "SH"), "SH: the member failed before its answer")
        same((bad[10], bad[12], bad[3], bad[13]), ("400", "PR", "-", "0"),
             "PR: refused in the request, and sent to nobody, whatever came before it")
        same((left[10], left[12]), ("0", "CH"), "CH: the client left before the answer")
        members[0].release()
        os.rename(proxy.access, proxy.access + ".old")
        proxy.process.send_signal(10)  # SIGUSR1
        time.sleep(0.1)

        def written_anew():
            proxy.once()
            return os.path.exists(proxy.access) and proxy.lines()

        eventually(written_anew, "SIGUSR1: a file that was moved away is begun anew")
    with Logged(members, options="max_per_s = 5") as proxy:
        proxy.ready()
        for _ in range(40):
            proxy.once()
        eventually(lambda: proxy.json()["log_lines_left_out"] > 0, "more than max_per_s are left out")

        def told():
            proxy.once()
            return any(isinstance(x, str) and "lines left out" in x for x in proxy.lines())

        eventually(told, "and the log says how many")


def test_access_log_rotates():
    with Logged(cluster(1), options="max_mb = 1 max_per_s = 1000000") as proxy:
        proxy.ready()
        c = proxy.connect()
        request = f"GET /{'a' * 480} HTTP/1.1\r\nHost: a\r\n\r\n" * 50

        def fill():
            c.send(request)
            for _ in range(50):
                c.answer()
            return os.path.exists(proxy.access + ".1")

        eventually(fill, "a file that is full makes way")  # a writer that gets no turn leaves lines out
        ok(os.path.getsize(proxy.access + ".1") < 2 << 20, "at its size")
        c.close()


def test_access_log_stalls():
    """A disk that is full, a reader that does not read: requests go on."""
    with Logged(cluster(1), target="/dev/full") as proxy:
        proxy.ready()
        same({proxy.once().status for _ in range(20)}, {200}, "a full disk disturbs nobody")
    fifo = os.path.join(harness.tempfile.mkdtemp(), "fifo")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with Logged(cluster(1), target=fifo, options="max_per_s = 1000000") as proxy:
        proxy.ready()
        c = proxy.connect()
        for _ in range(30):
            c.send(f"GET /{'a' * 480} HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
            for _ in range(50):
                c.answer()
        ok(proxy.json()["log_lines_left_out"] > 0, "what nobody takes is left out, and nobody waits")
        c.close()
        os.close(reader)
    with harness.tempfile.NamedTemporaryFile("w") as f:
        f.write(f'http {{ listen = "127.0.0.1:{harness.free_port()}" }}\n'
                'log { access = "/nonexistent/x" }\nmember "a" { id = 1 http = "127.0.0.1:1" }\n')
        f.flush()
        r = subprocess.run([PROXY, "-f", f.name], capture_output=True, text=True)
    ok(r.returncode == 1 and "/nonexistent/x" in r.stderr, "a file that cannot be: no start")


def test_stderr_stalls():
    """What reads stderr hangs, and access lines have filled the pipe."""
    members = cluster(2)
    with harness.tempfile.TemporaryDirectory() as folder:
        conf = os.path.join(folder, "proxy.conf")
        port = harness.free_port()
        with open(conf, "w") as f:
            f.write(f'http {{ listen = "127.0.0.1:{port}" }}\nlog {{ access = "stderr" max_per_s = 1000000 }}\n'
                    "members { check_interval_ms = 50 }\n")
            for i, m in enumerate(members, 1):
                f.write(f'member "{m.name}" {{ id = {i} http = "127.0.0.1:{m.port}" }}\n')
        process = subprocess.Popen([PROXY, "-f", conf], stderr=subprocess.PIPE)
        eventually(lambda: not refused(port))
        c = harness.Conn(port)
        for _ in range(30):
            c.send(f"GET /{'a' * 480} HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
            for _ in range(50):
                c.answer()
        for i in range(30):  # a line each, until the pipe has no room for a short one either
            members[1].role = ("slave", "UNKNOWN")[i % 2]
            time.sleep(0.1)
        c.request()
        same(c.answer().status, 200, "nobody waits for a line")
        c.close()
        process.terminate()
        process.stderr.close()
        same(process.wait(harness.PATIENCE_S), 0, "nor does the end")


sys.exit(harness.main(globals()))
