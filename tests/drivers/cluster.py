# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Neo4j 3.5 HA servers on loopback, three as a rule, and bramble-proxy in front of them."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from free_port import free_port  # noqa: E402 (its folder comes first)

BUILD = os.environ.get("BRAMBLE_BUILD", "build")
CACHE = os.environ.get("BRAMBLE_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "bramble")
VERSION = "3.5.0-beta03"
BUNDLE = os.path.join(CACHE, "inputs", f"neo4j-enterprise-{VERSION}.tar.gz")
PASSWORD = "brambleberry"
PATIENCE_S = 120

CONF = """
dbms.mode=HA
ha.server_id={id}
ha.initial_hosts={hosts}
ha.host.coordination=127.0.0.1:{cluster}
ha.host.data=127.0.0.1:{data}
ha.pull_interval=500ms
ha.tx_push_factor=1
ha.join_timeout=120s
ha.heartbeat_interval=1s
ha.heartbeat_timeout=4s
ha.slave_read_timeout=3s
dbms.connector.http.listen_address=127.0.0.1:{http}
dbms.connector.bolt.listen_address=127.0.0.1:{bolt}
dbms.connector.bolt.tls_level=DISABLED
dbms.backup.enabled=false
dbms.security.ha_status_auth_enabled=false
dbms.jvm.additional=-XX:TieredStopAtLevel=1
"""


class Node:
    def __init__(self, root, number, conf, ports):
        self.name, self.id = f"pi{number}", number
        self.http, self.bolt = ports["http"], ports["bolt"]
        self.home = os.path.join(root, self.name)
        self.process = None
        shutil.copytree(os.path.join(root, "neo4j"), self.home, symlinks=True)
        os.symlink(os.path.join(root, "lib"), os.path.join(self.home, "lib"))
        with open(os.path.join(self.home, "conf", "neo4j.conf"), "a") as f:
            f.write(conf)
        auth = os.path.join(self.home, "data", "dbms", "auth")
        os.makedirs(os.path.dirname(auth))
        shutil.copy(os.path.join(root, "auth"), auth)
        os.makedirs(os.path.join(self.home, "data", "databases", "branched"))  # as bramble-agent prepare does

    def start(self):
        log = open(os.path.join(self.home, "console.log"), "a")
        self.process = subprocess.Popen([os.path.join(self.home, "bin", "neo4j"), "console"],
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def kill(self):
        """As a power cut does it, as far as a process can be cut from its power."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def role(self):
        try:
            with urllib.request.urlopen(
                    f"http://127.0.0.1:{self.http}/db/manage/server/ha/available", timeout=3) as r:
                return r.read().decode()
        except urllib.error.HTTPError as e:
            return e.read().decode()
        except OSError:
            return "down"


class Cluster:
    """with Cluster() as c: c.nodes, c.master(); needs the bundle of images/neo4j/bundle.sh."""

    def __init__(self, n=3):
        self.root = tempfile.mkdtemp(prefix="bramble-ha.")
        self.nodes = []
        try:
            self.unpack()
            self.lay_out(n)
        except BaseException:
            shutil.rmtree(self.root, ignore_errors=True)
            raise

    def unpack(self):
        with tarfile.open(BUNDLE) as t:
            t.extractall(self.root)
        home = os.path.join(self.root, "neo4j")
        os.rename(os.path.join(self.root, f"neo4j-enterprise-{VERSION}"), home)
        os.rename(os.path.join(home, "lib"), os.path.join(self.root, "lib"))
        os.symlink(os.path.join(self.root, "lib"), os.path.join(home, "lib"))
        subprocess.run([os.path.join(home, "bin", "neo4j-admin"), "set-initial-password", PASSWORD],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # The file Neo4j makes the user from at its first start is already the user, but for a flag.
        with open(os.path.join(home, "data", "dbms", "auth.ini")) as f:
            user = f.read().replace(":password_change_required", ":")
        with open(os.path.join(self.root, "auth"), "w") as f:
            f.write(user)
        shutil.rmtree(os.path.join(home, "data"))
        os.unlink(os.path.join(home, "lib"))

    def lay_out(self, n):
        ports = [{name: free_port() for name in ("http", "bolt", "cluster", "data")} for _ in range(n)]
        hosts = ",".join(f"127.0.0.1:{p['cluster']}" for p in ports)
        for i, p in enumerate(ports):
            self.nodes.append(Node(self.root, i + 1, CONF.format(id=i + 1, hosts=hosts, **p), p))

    def __enter__(self):
        try:
            for node in self.nodes:
                node.start()
            self.wait()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exc):
        if exc[0]:
            for node in self.nodes:
                with open(os.path.join(node.home, "console.log")) as f:
                    print("\n".join(f"# {node.name}: {line.rstrip()}" for line in f.readlines()[-8:]))
        for node in self.nodes:
            if node.process and node.process.poll() is None:
                node.kill()
        shutil.rmtree(self.root, ignore_errors=True)

    def wait(self, available=None):
        """Until there is one master and all that should be there are."""
        want = available or len(self.nodes)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            roles = [n.role() for n in self.nodes]
            if roles.count("master") == 1 and sum(r in ("master", "slave") for r in roles) >= want:
                return
            time.sleep(0.3)
        raise RuntimeError(f"the cluster did not form: {roles}")

    def master(self):
        return next((n for n in self.nodes if n.role() == "master"), None)


class Proxy:
    """bramble-proxy in front of nodes with .name, .id, .http and .bolt."""

    def __init__(self, nodes, bolt="maxconn = 100", members="hold_ms = 45000", limits="", ready=True):
        self.ready = ready
        self.http, self.bolt, self.stats = free_port(), free_port(), free_port()
        self.dir = tempfile.TemporaryDirectory(prefix="bramble-proxy.")
        password = os.path.join(self.dir.name, "password")
        with open(os.open(password, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
            f.write(PASSWORD + "\n")
        conf = os.path.join(self.dir.name, "proxy.conf")
        with open(conf, "w") as f:
            f.write(f'limits {{ {limits} }}\nhttp {{ listen = "127.0.0.1:{self.http}" }}\n'
                    f'bolt {{ listen = "127.0.0.1:{self.bolt}" {bolt} }}\n'
                    f'stats {{ listen = "127.0.0.1:{self.stats}" user = "admin" '
                    f'password_file = "{password}" }}\n'
                    f"members {{ check_interval_ms = 100 {members} }}\n")
            for n in nodes:
                f.write(f'member "{n.name}" {{ id = {n.id} http = "127.0.0.1:{n.http}" '
                        f'bolt = "127.0.0.1:{n.bolt}" }}\n')
        self.log = os.path.join(self.dir.name, "log")
        env = {k: v for k, v in os.environ.items() if k != "JOURNAL_STREAM"}
        self.process = subprocess.Popen([os.path.join(BUILD, "bramble-proxy"), "-f", conf],
                                        stderr=open(self.log, "w"), env=env)

    def __enter__(self):
        end = time.monotonic() + PATIENCE_S
        while self.ready and time.monotonic() < end and not self.health():
            time.sleep(0.05)
        return self

    def __exit__(self, *exc):
        self.process.send_signal(signal.SIGTERM)
        self.code = self.process.wait(30)
        with open(self.log) as f:
            text = f.read()
        if self.code or exc[0] or os.environ.get("VERBOSE"):
            print("# proxy: " + text.replace("\n", "\n# proxy: "), flush=True)
        assert PASSWORD not in text, "the password is in the log"
        self.dir.cleanup()

    def health(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.stats}/health", timeout=3) as r:
                return r.status == 200
        except OSError:
            return False

    def json(self):
        request = urllib.request.Request(f"http://127.0.0.1:{self.stats}/json")
        token = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
        request.add_header("Authorization", "Basic " + token)
        with urllib.request.urlopen(request, timeout=10) as r:
            return json.loads(r.read())
