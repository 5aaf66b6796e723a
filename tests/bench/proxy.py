#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""bramble-proxy beside HAProxy and nginx with the article's configuration, in one run.

    proxy.py [--seconds 2] [--rounds 5] [--only CASE,...] [--no-speed] [--no-memory] [--no-tls] [--no-failover]

The proxy under test has core 0 to itself, wrk and the three members (nginx, static answers) share
core 1. Tools take turns within a round; medians of the rounds. CPU per request is what the proxy's
process used (/proc/PID/stat, 10 ms) by the requests that wrk counted. "floor" (floor.c) moves bytes
and reads none. Prints Markdown. Needs haproxy, nginx, wrk and two cores that nobody else uses.
"""

import argparse
import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time

import failover

HERE = os.path.dirname(os.path.abspath(__file__))
BRAMBLE = os.path.abspath(os.environ.get("BRAMBLE_BUILD", "build") + "/bramble-proxy")
MEMBERS = [17471, 17472, 17473]
PORTS = {"bramble": 18090, "haproxy": 18091, "nginx": 18092, "floor": 18093}
TICK = 1 / os.sysconf("SC_CLK_TCK")

ORIGIN = """worker_processes 1; daemon off; master_process off; pid %(dir)s/origin.pid; error_log /dev/null;
events { worker_connections 20000; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 600s; client_body_buffer_size 64k;
  client_body_temp_path %(dir)s/b; proxy_temp_path %(dir)s/p; fastcgi_temp_path %(dir)s/f;
  uwsgi_temp_path %(dir)s/u; scgi_temp_path %(dir)s/s;
%(servers)s }
"""
SERVER = """server { listen 127.0.0.1:%(port)d backlog=4096; default_type text/plain; root %(dir)s;
  location = /db/manage/server/ha/available { return 200 %(role)s; }
  location = /db/manage/server/ha/master { return %(master)s; }
  location = /big { }
  location / { default_type application/json; return 200 '%(body)s'; } }
"""
HAPROXY = """global
  maxconn 9900
  maxpipes 64
  nbthread 1
defaults
  mode http
  option splice-auto
  timeout connect 5000ms
  timeout client 50000ms
  timeout server 50000ms
frontend http-in
  bind 127.0.0.1:%(port)d backlog 4096
  acl write_hdr hdr_val(X-Write) eq 1
  use_backend neo4j-master if write_hdr
  default_backend neo4j-all
backend neo4j-all
  option httpchk GET /db/manage/server/ha/available HTTP/1.0
  http-reuse always
%(all)s
backend neo4j-master
  option httpchk GET /db/manage/server/ha/master HTTP/1.0
  http-reuse always
%(all)s
"""
NGINX = """worker_processes 1; daemon off; master_process off; pid %(dir)s/nginx.pid; error_log /dev/null;
events { worker_connections 30000; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 600s;
  client_body_temp_path %(dir)s/nb; proxy_temp_path %(dir)s/np; fastcgi_temp_path %(dir)s/nf;
  uwsgi_temp_path %(dir)s/nu; scgi_temp_path %(dir)s/ns;
  upstream all { %(all)s keepalive 128; keepalive_requests 100000000; }
  upstream master { server 127.0.0.1:%(master)d; keepalive 128; keepalive_requests 100000000; }
  map $http_x_write $pool { 1 master; default all; }
  server { listen 127.0.0.1:%(port)d backlog=4096;
    location / { proxy_pass http://$pool; proxy_http_version 1.1; proxy_set_header Connection ""; } } }
"""
# name: connections, wrk's arguments, target. The article's maxconn of 10 would measure the queue.
LUA = 'wrk.method="POST" wrk.headers["X-Write"]="1" wrk.headers["Content-Type"]="application/json"\n' + \
      "wrk.body='" + '{"statements":[{"statement":"CREATE (n:Person {name: $n}) RETURN id(n)","parameters":{"n":"a"}}]}' + "'\n"
CASES = {
    "GET 32": (32, [], "/"),
    "GET 64": (64, [], "/"),
    "GET 128": (128, [], "/"),
    "GET 256": (256, [], "/"),
    "POST 32": (32, ["-s", "post.lua"], "/db/data/transaction/commit"),
    "POST 64": (64, ["-s", "post.lua"], "/db/data/transaction/commit"),
    "POST 128": (128, ["-s", "post.lua"], "/db/data/transaction/commit"),
    "POST 256": (256, ["-s", "post.lua"], "/db/data/transaction/commit"),
    "close 32": (32, ["-H", "Connection: close"], "/"),
    "1 MB 8": (8, [], "/big"),
}
TLS_TOOLS, TLS_CASES = ("bramble", "haproxy", "nginx"), ("GET 32", "POST 32", "close 32", "1 MB 8")


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def spawn(core, argv, **kwargs):
    return subprocess.Popen(["taskset", "-c", str(core), *argv], stdin=subprocess.DEVNULL, preexec_fn=die_with_parent,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)


def must_be_free(ports):
    """One left over from another run would take half of the connections (SO_REUSEPORT) unseen."""
    for port in ports:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                raise SystemExit(f"port {port} is taken")


def write(path, text):
    with open(path, "w") as f:
        f.write(text)
    return path


def members_conf(d, ports, maxconn):
    """Each tool's own file about the members."""
    lines = "\n".join(f"  server s{i} 127.0.0.1:{port} maxconn {maxconn} check" for i, port in enumerate(ports))
    write(d + "/haproxy.cfg", HAPROXY % {"port": PORTS["haproxy"], "all": lines})
    members = "\n".join(f'member "s{i}" {{ id = {i + 1} http = "127.0.0.1:{port}" }}' for i, port in enumerate(ports))
    write(d + "/proxy.conf", f'limits {{ maxconn = 30000 }}\nhttp {{ listen = "127.0.0.1:{PORTS["bramble"]}" }}\n'
          f"members {{ maxconn = {maxconn} check_interval_ms = 2000 }}\n{members}\n")


def configure(d):
    servers = [SERVER % {"port": port, "dir": d, "role": "slave" if i else "master",
                         "master": "404 false" if i else "200 true", "body": "x" * 200}
               for i, port in enumerate(MEMBERS)]
    write(d + "/origin.conf", ORIGIN % {"dir": d, "servers": "".join(servers)})
    write(d + "/post.lua", LUA)
    with open(d + "/big", "wb") as f:
        f.write(os.urandom(1 << 20))
    members_conf(d, MEMBERS, 300)
    servers = " ".join(f"server 127.0.0.1:{port};" for port in MEMBERS)
    write(d + "/nginx.conf", NGINX % {"dir": d, "master": MEMBERS[0], "port": PORTS["nginx"], "all": servers})
    subprocess.run(["gcc", "-O2", "-o", d + "/floor", HERE + "/floor.c"], check=True)


def command(tool, d):
    return {
        "bramble": [BRAMBLE, "-f", d + "/proxy.conf"],
        "haproxy": [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", d + "/haproxy.cfg"],
        "nginx": [shutil.which("nginx") or "/usr/sbin/nginx", "-c", d + "/nginx.conf"],
        "floor": [d + "/floor", str(PORTS["floor"]), *map(str, MEMBERS)],
    }[tool]


def wait_for(port):
    for _ in range(500):
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port), 1).close()
        time.sleep(0.02)
    raise SystemExit(f"nobody listens on {port}")


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as f:
        part = f.read().rsplit(")", 1)[1].split()
    return (int(part[11]) + int(part[12])) * TICK


def memory_kb(pid):
    """Resident, and what is nobody else's."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        text = f.read()
    return tuple(sum(int(v) for v in re.findall(rf"^{k}: +(\d+) kB", text, re.M))
                 for k in ("Rss", "Private_Dirty"))


def millis(text):
    value, unit = re.match(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


def measure(tool, case, seconds, pid, d, scheme="http"):
    conns, args, target = CASES[case]
    before, start = cpu_s(pid), time.monotonic()
    out = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", f"-c{conns}", f"-d{seconds}s", "--latency",
                          "--timeout", "10s", *args, f"{scheme}://127.0.0.1:{PORTS[tool]}{target}"],
                         capture_output=True, text=True, check=True, cwd=d).stdout
    cpu, took = cpu_s(pid) - before, time.monotonic() - start
    requests = int(re.search(r"(\d+) requests in", out).group(1))
    errors = re.search(r"Socket errors.*|Non-2xx.*", out)
    return {"us": cpu / requests * 1e6, "rps": float(re.search(r"Requests/sec: +([\d.]+)", out).group(1)),
            "p99": millis(re.search(r"99% +(\S+)", out).group(1)), "busy": cpu / took,
            "errors": errors.group(0) if errors else ""}


def median(results, key):
    return statistics.median(r[key] for r in results)


def table(results, cases):
    print("| connections | tool | CPU us/request | of HAProxy's | of the floor's | requests/s | of HAProxy's | p99 ms | core busy |")
    print("|---|---|---|---|---|---|---|---|---|")
    for case in cases:
        base = {k: median(results[case, "haproxy"], k) for k in ("us", "rps")}
        floor = median(results[case, "floor"], "us") if (case, "floor") in results else None
        for tool in PORTS:
            if (case, tool) not in results:
                continue
            r = results[case, tool]
            us, rps = median(r, "us"), median(r, "rps")
            errors = "".join({x["errors"] for x in r})
            of_floor = f"{us / floor:.2f}" if floor else "-"
            print(f"| {case} | {tool} | {us:.2f} | {us / base['us']:.2f} | {of_floor} | {rps:.0f} | "
                  f"{rps / base['rps']:.2f} | {median(r, 'p99'):.2f} | {median(r, 'busy'):.0%} | {errors}", flush=True)


def speed(d, args, cases):
    results = {}
    tools = {t: spawn(0, command(t, d), cwd=d) for t in PORTS}
    try:
        for t in PORTS:
            wait_for(PORTS[t])
        time.sleep(3)  # all members probed, also by HAProxy (rise 2)
        for _ in range(args.rounds):
            for case in cases:
                for t in PORTS:
                    if t == "floor" and case.startswith("close"):
                        continue  # it opens a connection for each: no floor for those who keep theirs
                    r = measure(t, case, args.seconds, tools[t].pid, d)
                    results.setdefault((case, t), []).append(r)
    finally:
        for p in tools.values():
            p.send_signal(signal.SIGKILL)
            p.wait()
    table(results, cases)


def hold(port, n, data, answered):
    """n connections that have said data; the answer is read if there is to be one."""
    conns = []
    for _ in range(n):
        s = socket.create_connection(("127.0.0.1", port), 10)
        s.sendall(data)
        if answered:
            s.recv(4096)
        conns.append(s)
    return conns


# With the 32 of the measurement as many as HAProxy takes with 20,000 descriptors: it wants two for each.
IDLE_N, HALF_N = 9000, 800
IDLE = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HALF = b"GET / HTTP/1.1\r\nHost: a\r\nX-Half: 1\r\n"


def crowd(pid, port, data, answered, n):
    before = memory_kb(pid)
    conns = hold(port, n, data, answered)
    time.sleep(0.5)
    after = memory_kb(pid)
    for s in conns:
        s.close()
    return (after[0] - before[0]) / n


def memory(d):
    print("\n| tool | fresh RSS MB | of HAProxy's | of it private dirty | KB per idle connection (9,000) "
          "| KB per half-open one (800) | p99 ms alone | with these idle and half-open beside |")
    print("|---|---|---|---|---|---|---|---|")
    rows = {}
    for t in ("bramble", "haproxy", "nginx"):
        p = spawn(0, command(t, d), cwd=d)
        try:
            wait_for(PORTS[t])
            time.sleep(3)
            fresh = memory_kb(p.pid)
            measure(t, "GET 32", 1, p.pid, d)
            alone = statistics.median(measure(t, "GET 32", 1, p.pid, d)["p99"] for _ in range(3))
            half = crowd(p.pid, PORTS[t], HALF, False, HALF_N)
            before = memory_kb(p.pid)
            conns = hold(PORTS[t], IDLE_N, IDLE, True)
            time.sleep(0.5)
            idle = (memory_kb(p.pid)[0] - before[0]) / IDLE_N
            conns += hold(PORTS[t], HALF_N, HALF, False)
            crowded = statistics.median(measure(t, "GET 32", 1, p.pid, d)["p99"] for _ in range(3))
            rows[t] = fresh, idle, half, alone, crowded
            for s in conns:
                s.close()
        finally:
            p.send_signal(signal.SIGKILL)
            p.wait()
    for t, (fresh, idle, half, alone, crowded) in rows.items():
        print(f"| {t} | {fresh[0] / 1024:.1f} | {fresh[0] / rows['haproxy'][0][0]:.2f} | {fresh[1] / 1024:.1f} | "
              f"{idle:.2f} | {half:.2f} | {alone:.2f} | {crowded:.2f} |", flush=True)


def with_tls(d):
    """The same files, but that who connects speaks TLS; an ECDSA key, as most certificates have now."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=localhost", "-keyout", d + "/key.pem", "-out", d + "/cert.pem"],
                   check=True, stderr=subprocess.DEVNULL)
    with open(d + "/cert.pem") as cert, open(d + "/key.pem") as key:
        write(d + "/both.pem", cert.read() + key.read())
    with open(d + "/proxy.conf", "a") as f:
        f.write(f'tls {{ certificate = "{d}/cert.pem" key = "{d}/key.pem" }}\n')
    for name, plain, tls in (("haproxy.cfg", " backlog 4096", f" backlog 4096 ssl crt {d}/both.pem"),
                             ("nginx.conf", " backlog=4096;", f" ssl backlog=4096; ssl_certificate {d}/cert.pem; "
                                                              f"ssl_certificate_key {d}/key.pem;")):
        with open(os.path.join(d, name)) as f:
            text = f.read()
        write(os.path.join(d, name), text.replace(plain, tls))


def tls(d, args):
    """What TLS costs, apart: CPU per request, and memory before anybody connects."""
    plain = {t: fresh_kb(t, d) for t in TLS_TOOLS}
    with_tls(d)
    results, tools = {}, {t: spawn(0, command(t, d), cwd=d) for t in TLS_TOOLS}
    try:
        for t in tools:
            wait_for(PORTS[t])
        time.sleep(3)
        for t, p in tools.items():
            print(f"\n{t}: {plain[t] / 1024:.1f} MB fresh, {memory_kb(p.pid)[0] / 1024:.1f} with a certificate")
        for _ in range(args.rounds):
            for case in TLS_CASES:
                for t, p in tools.items():
                    results.setdefault((case, t), []).append(measure(t, case, args.seconds, p.pid, d, "https"))
    finally:
        for p in tools.values():
            p.send_signal(signal.SIGKILL)
            p.wait()
    table(results, TLS_CASES)


def fresh_kb(tool, d):
    p = spawn(0, command(tool, d), cwd=d)
    try:
        wait_for(PORTS[tool])
        time.sleep(3)
        return memory_kb(p.pid)[0]
    finally:
        p.send_signal(signal.SIGKILL)
        p.wait()


class Drip(threading.Thread):
    """Slow loris: n requests whose heads come by a byte each half second, and never to an end."""

    def __init__(self, port, n):
        super().__init__(daemon=True)
        self.over, self.conns = threading.Event(), hold(port, n, HALF[:-1], False)

    def run(self):
        while not self.over.wait(0.5):
            for s in self.conns:
                with contextlib.suppress(OSError):  # whom the proxy has had enough of
                    s.send(b"x")


def p99(d, pid):
    return statistics.median(measure("bramble", "GET 32", 1, pid, d)["p99"] for _ in range(3))


def crowded(d, idle=10000, loris=1000):
    """Ours alone: HAProxy has not the descriptors for so many."""
    p = spawn(0, command("bramble", d), cwd=d)
    try:
        wait_for(PORTS["bramble"])
        time.sleep(3)
        alone = p99(d, p.pid)
        conns = hold(PORTS["bramble"], idle, IDLE, True)
        drip = Drip(PORTS["bramble"], loris)
        drip.start()
        beside = p99(d, p.pid)
        drip.over.set()
        drip.join()
        print(f"\nbramble, {idle} idle and {loris} whose heads drip beside 32: p99 {alone:.2f} ms alone, "
              f"{beside:.2f} beside them, {beside / alone:.2f} x", flush=True)
        for s in conns + drip.conns:
            s.close()
    finally:
        p.send_signal(signal.SIGKILL)
        p.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--no-failover", action="store_true")
    parser.add_argument("--no-tls", action="store_true")
    args = parser.parse_args()
    cases = [c for c in CASES if not args.only or c in args.only.split(",")]
    import resource
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    must_be_free([*MEMBERS, *PORTS.values()])
    with tempfile.TemporaryDirectory() as d:
        configure(d)
        os.chmod(d, 0o755)
        origin = spawn(1, [shutil.which("nginx") or "/usr/sbin/nginx", "-c", d + "/origin.conf"], cwd=d)
        try:
            for port in MEMBERS:
                wait_for(port)
            print(f"load before: {os.getloadavg()[0]:.1f}; {args.rounds} rounds of {args.seconds} s\n")
            if not args.no_speed:
                speed(d, args, cases)
            if not args.no_memory:
                memory(d)
                crowded(d)
            if not args.no_tls:
                tls(d, args)
                members_conf(d, MEMBERS, 300)
        finally:
            origin.send_signal(signal.SIGKILL)
            origin.wait()
        if not args.no_failover:
            failover.compare(("bramble", "haproxy"), lambda t: spawn(0, command(t, d), cwd=d),
                             lambda ports: members_conf(d, ports, 300), PORTS, args.rounds)


if __name__ == "__main__":
    main()
