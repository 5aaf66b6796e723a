# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs bramble-proxy against fake members; a small HTTP client; TAP."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from fake_member import FakeMember, Reader  # noqa: E402 (its folder may come first)
from free_port import free_port  # noqa: E402

PROXY = os.environ.get("BRAMBLE_PROXY") or os.environ.get("BRAMBLE_BUILD", "build") + "/bramble-proxy"
PATIENCE_S = 60  # how long anything may take before a test fails; it never decides one

count = failed = 0


def ok(held, text):
    global count, failed
    count += 1
    failed += not held
    print(f"{'' if held else 'not '}ok {count} - {text}", flush=True)
    return held


def same(got, want, text):
    if not ok(got == want, text):
        print(f"#  got: {got!r}\n# want: {want!r}", flush=True)


def eventually(check, text=None):
    """Waits until check() holds."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            if check():
                return ok(True, text) if text else True
        except OSError:
            pass
        time.sleep(0.02)
    return ok(False, text) if text else False


class Answer:
    def __init__(self, status, fields, body, why=""):
        self.status, self.fields, self.body, self.why = status, fields, body, why

    def field(self, name):
        return next((v for k, v in self.fields if k.lower() == name.lower()), None)

    def json(self):
        return json.loads(self.body)

    def member(self):
        return self.json()["member"]


class Conn:
    """A client's connection; `answer` reads one answer."""

    def __init__(self, port, timeout=PATIENCE_S, source="127.0.0.1"):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0))
        self.reader = Reader(self.sock)

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def request(self, method="GET", target="/echo", fields="", body=b"", version="1.1"):
        if body or method in ("POST", "PUT"):
            fields += f"Content-Length: {len(body)}\r\n"
        self.send(f"{method} {target} HTTP/{version}\r\nHost: proxy\r\n{fields}\r\n".encode() + body)

    def answer(self, head_only=False):
        line, fields = self.reader.head()
        status = int(line.split(" ")[1])
        low = {k.lower(): v for k, v in fields}
        body = b""
        if status < 200 or head_only:
            pass
        elif low.get("transfer-encoding") == "chunked":
            body = b"".join(self.reader.chunks())
        elif "content-length" in low:
            body = self.reader.exactly(int(low["content-length"]))
        else:
            body = self.rest()
        return Answer(status, fields, body)

    def rest(self):
        data = self.reader.data
        self.reader.data = b""
        while True:
            try:
                got = self.sock.recv(65536)
            except ConnectionError:
                return data
            if not got:
                return data
            data += got

    def closed(self):
        """Does the proxy close without another byte?"""
        return self.rest() == b""

    def close(self):
        self.sock.close()


class Proxy:
    def __init__(self, members, limits="", timeouts="", pool="", more="", weights=()):
        self.port, self.stats_port = free_port(), free_port()
        self.dir = tempfile.TemporaryDirectory()
        self.password = "se:cret"
        self.conf = os.path.join(self.dir.name, "proxy.conf")
        text = self.write_conf(members, limits=limits, timeouts=timeouts, pool=pool, more=more, weights=weights)
        with open(self.conf, "w") as f:
            f.write(text)
        self.log = open(os.path.join(self.dir.name, "log"), "w+")
        self.process = subprocess.Popen([PROXY, "-f", self.conf], stderr=self.log, env=self.env())
        eventually(lambda: socket.create_connection(("127.0.0.1", self.stats_port)).close() is None)

    def secret(self, name, text):
        path = os.path.join(self.dir.name, name)
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
            f.write(text + "\n")
        return path

    def write_conf(self, members, limits, timeouts, pool, more, weights):
        text = f"limits {{ {limits} }}\ntimeouts {{ {timeouts} }}\n"
        text += f'http {{ listen = "127.0.0.1:{self.port}" }}\n'
        text += f'stats {{ listen = "127.0.0.1:{self.stats_port}" user = "admin" '
        text += f'password_file = "{self.secret("password", self.password)}" }}\n'
        text += f"members {{ check_interval_ms = 50 {pool} }}\n{more}\n"
        for i, m in enumerate(members):
            weight = f"weight = {weights[i]}" if weights else ""
            agent = f'agent = "{m.host}:{m.agent_port}"' if m.agent_port else ""
            text += f'member "{m.name}" {{ id = {i + 1} http = "{m.host}:{m.port}" {weight} {agent} }}\n'
        return text

    @staticmethod
    def env():
        return {k: v for k, v in os.environ.items() if k != "JOURNAL_STREAM"}

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        self.log.seek(0)
        text = self.log.read()
        if code != 0 or "ERROR:" in text or kind:
            print("# log: " + text.replace("\n", "\n# log: "), flush=True)
        if code != 0:
            ok(False, f"the proxy ends well (exit {code})")
        self.dir.cleanup()

    def connect(self):
        return Conn(self.port)

    def once(self, *args, source="127.0.0.1", **kwargs):
        """One request on its own connection."""
        c = Conn(self.port, source=source)
        try:
            c.request(*args, **kwargs)
            return c.answer(head_only=args and args[0] == "HEAD")
        finally:
            c.close()

    def stats(self, target="/json", auth=True, method="GET", fields=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.stats_port}{target}", method=method,
                                         headers=fields or {})
        if auth:
            import base64

            token = base64.b64encode(f"admin:{self.password}".encode()).decode()
            request.add_header("Authorization", "Basic " + token)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as r:
            return r.read().decode()

    def json(self):
        return json.loads(self.stats())

    def member(self, name):
        return next(m for m in self.json()["members"] if m["name"] == name)

    def ready(self, master=True):
        """All members probed, and a master adopted if there is to be one."""
        return eventually(
            lambda: all(m["status"] != "no check" for m in self.json()["members"])
            and (not master or self.json()["master"])
        )

    def rss_kb(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")


def refused(port):
    try:
        Conn(port).close()
        return False
    except ConnectionRefusedError:
        return True


class LateRoom:
    """A Proxy before whose name this stands: its sockets take in a later try what they refused a moment
    before, because the peer has read in between."""
    times = 1

    def env(self):
        build = os.environ.get("BRAMBLE_BUILD", "build")
        return {**super().env(), "LD_PRELOAD": os.path.abspath(f"{build}/preload/late_room.so"),
                "LATE_ROOM": str(self.times)}


def cluster(n=3, master=0):
    return [FakeMember(f"pi{i + 1}", "master" if i == master else "slave") for i in range(n)]


def main(tests):
    """Runs the functions named test_...; those whose name holds an argument, if there are any."""
    for name, function in list(tests.items()):
        if not name.startswith("test_") or not callable(function):
            continue
        if sys.argv[1:] and not any(w in name for w in sys.argv[1:]):
            continue
        print(f"# {name}", flush=True)
        try:
            function()
        except Exception as e:  # a test that breaks must not hide the others
            ok(False, f"{name}: {type(e).__name__}: {e}")
    print(f"1..{count}")
    return failed != 0
