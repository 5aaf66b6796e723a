#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""bramble-proxy reloads under load, 0 requests lost; wrong files and wrong programs change nothing.
Against mocks of members. Prints TAP.

    RELOADS=100 reload_test.py     how many reloads under load (12 by default)
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import harness
from fake_bolt import BEGIN, COMMIT, HELLO, IGNORED, MAGIC, RESET, SUCCESS, BoltMember, BoltProxy
from harness import PROXY, Conn, Proxy, cluster, eventually, free_port, ok, refused, same
from members_test import Cluster

WRITE = "X-Write: 1\r\n"
RELOADS = int(os.environ.get("RELOADS", 12))


class Reloaded(Proxy):
    """Follows the process that serves; ends all of them."""

    def write_conf(self, members, more, **rest):
        self.socket = os.path.join(self.dir.name, "ctl")
        return super().write_conf(members, more=more + f'admin {{ socket = "{self.socket}" }}', **rest)

    def pid(self):
        r = subprocess.run([PROXY, "--ctl", self.socket, "show info"], capture_output=True, text=True)
        found = re.search(r"Pid: (\d+)", r.stdout)
        return int(found[1]) if found else 0

    def order(self, text):
        return subprocess.run([PROXY, "--ctl", self.socket, text], capture_output=True, text=True).stdout

    def reload(self, signo=signal.SIGHUP):
        before = self.pid()
        os.kill(before, signo)
        return eventually(lambda: self.pid() not in (0, before))

    def rewrite(self, change):
        with open(self.conf) as f:
            text = change(f.read())
        with open(self.conf, "w") as f:
            f.write(text)

    def said(self, text):
        with open(self.log.name) as f:
            return text in f.read()

    def times(self, pattern):
        with open(self.log.name) as f:
            return len(re.findall(pattern, f.read()))

    def __exit__(self, kind, value, trace):
        last = self.pid()
        if last and last != self.process.pid:
            os.kill(last, signal.SIGTERM)
            eventually(lambda: not alive(last))
        super().__exit__(kind, value, trace)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Load:
    """Clients that keep their connections as long as they may and count what fails."""

    def __init__(self, proxy, clients=8):
        self.proxy, self.stop = proxy, threading.Event()
        self.done, self.failures, self.lock = 0, [], threading.Lock()
        self.threads = [threading.Thread(target=self.client, args=(i,), daemon=True) for i in range(clients)]
        for t in self.threads:
            t.start()

    def client(self, i):
        conn = None
        n = 0
        while not self.stop.is_set():
            n += 1
            try:
                conn = conn or Conn(self.proxy.port)
                write = (n + i) % 3 == 0
                conn.request("POST" if write else "GET", "/slow" if n % 4 else "/echo",
                             WRITE if write else "", b"x" if write else b"")
                a = conn.answer()
                if a.status != 200:
                    raise ValueError(f"{a.status} {a.body[:80]}")
                with self.lock:
                    self.done += 1
                if a.field("Connection") == "close":
                    conn.close()
                    conn = None
            except Exception as e:
                with self.lock:
                    self.failures.append(f"{type(e).__name__}: {e}")
                conn = None

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join(harness.PATIENCE_S)


def test_under_load():
    members = cluster(3)
    with Reloaded(members) as proxy:
        proxy.ready()
        load = Load(proxy)
        pids = {proxy.pid()}
        for i in range(RELOADS):
            served = load.done
            if not proxy.reload(signal.SIGUSR2 if i % 4 == 3 else signal.SIGHUP):
                break
            pids.add(proxy.pid())
            eventually(lambda: load.done > served + 10)
        load.end()
        same(load.failures[:5], [], f"{RELOADS} reloads, {load.done} requests: none failed")
        same(len(pids), RELOADS + 1, "each time another process serves")
        last = proxy.pid()
        eventually(lambda: not any(alive(p) for p in pids - {last}), "those before have ended")


def test_changes():
    members = cluster(3)
    with Reloaded(members[:2]) as proxy:
        proxy.ready()
        proxy.order("set server pi2 state drain; set server pi1 weight 7")
        new = f'member "pi3" {{ id = 3 http = "127.0.0.1:{members[2].port}" }}\n'
        proxy.rewrite(lambda text: text + new)
        ok(proxy.reload(), "a file with one more member")
        eventually(lambda: proxy.json()["master"] == "pi1" and proxy.member("pi3")["up"])
        eventually(lambda: "pi3" in {proxy.once().member() for _ in range(6)}, "which then serves")
        same((proxy.member("pi2")["admin"], proxy.member("pi1")["weight"]), ("drain", 7), "orders stay")
        proxy.rewrite(lambda text: re.sub(r'member "pi2".*\n', "", text).replace(
            f"127.0.0.1:{proxy.stats_port}", f"127.0.0.1:{harness.free_port()}"))
        old_stats, proxy.stats_port = proxy.stats_port, 0
        with open(proxy.conf) as f:
            proxy.stats_port = int(re.search(r'stats { listen = "127.0.0.1:(\d+)"', f.read())[1])
        ok(proxy.reload(), "one member less, another address")
        eventually(lambda: [m["name"] for m in proxy.json()["members"]] == ["pi1", "pi3"], "as the file says")
        eventually(lambda: refused(old_stats), "the old address is closed")


def test_long_request():
    members = cluster(1)
    with Reloaded(members, timeouts="server_ms = 70000", pool="hold_ms = 50000") as proxy:
        proxy.ready()
        busy, idle = proxy.connect(), proxy.connect()
        busy.request("POST", "/hang", WRITE)
        eventually(lambda: members[0].now == 1)
        idle.request()
        idle.answer()
        first = proxy.pid()
        proxy.reload()
        same(proxy.once().status, 200, "the next process serves")
        eventually(lambda: proxy.said("this one leaves, within 150 s"), "the one before has as long as any request may take")
        idle.request()
        same(idle.answer().field("Connection"), "close", "a kept connection ends with its next answer")
        members[0].release()
        same(busy.answer().status, 200, "what was under way is finished by the one before")
        eventually(lambda: not alive(first), "which then ends")
        busy.close()
        idle.close()


def test_open_transaction():
    """It is never taken for lost because the next process has not heard of its member yet."""
    members = cluster(2)
    lost, done = [], 0
    with Reloaded(members) as proxy:
        proxy.ready()
        opened = []
        for _ in range(4):
            a = proxy.once("POST", "/db/data/transaction", "", b'{"statements": []}')
            opened.append(re.sub("^http://[^/]+", "", a.field("Location")))
        stop = threading.Event()

        def keep(path):
            nonlocal done
            while not stop.is_set():
                try:
                    a = proxy.once("POST", path, "", b'{"statements": []}')
                    lost.extend([a.body] if a.status != 200 else [])
                    done += 1
                except OSError as e:
                    lost.append(str(e))

        keepers = [threading.Thread(target=keep, args=(p,), daemon=True) for p in opened]
        for k in keepers:
            k.start()
        for _ in range(5):
            before = done
            proxy.reload()
            eventually(lambda: done > before + 10)
        stop.set()
        for k in keepers:
            k.join(harness.PATIENCE_S)
        same(lost[:3], [], f"5 reloads, {done} requests about open transactions: all found theirs")


def test_orders_by_word():
    """About members that no proxy.conf has: the agents tell of them after the next process began."""
    agents = Cluster(3)
    with Reloaded(agents.members()[:1]) as proxy:
        eventually(lambda: len(proxy.json()["members"]) == 3)
        proxy.order("set server pi3 state drain; set server pi2 weight 7")
        ok(proxy.reload(), "members that the agents tell of")
        eventually(lambda: len(proxy.json()["members"]) == 3)
        same((proxy.member("pi3")["admin"], proxy.member("pi2")["weight"]), ("drain", 7), "orders about them stay")


def test_orders_twice():
    """About members that nobody tells of while two processes come and go."""
    agents = Cluster(2)
    with Reloaded(agents.members()[:1]) as proxy:
        eventually(lambda: len(proxy.json()["members"]) == 2)
        proxy.order("set server pi2 state maint")
        for n in agents.nodes:
            n.agent.down()
        for _ in range(2):
            ok(proxy.reload(), "no agent tells of members")
            same([m["name"] for m in proxy.json()["members"]], ["pi1"], "so there is one")
        for n in agents.nodes:
            n.agent.up()
        eventually(lambda: len(proxy.json()["members"]) == 2)
        same(proxy.member("pi2")["admin"], "maint", "the order was kept for the other")


def next_process(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(child) for child in f.read().split()]


def test_silent_member():
    """While the next process hears of the members, one of them says nothing."""
    members = cluster(2)
    with Reloaded(members) as proxy:
        proxy.ready()
        members[0].role, members[1].role = "slave", "master"
        eventually(lambda: proxy.json()["master"] == "pi2")
        a = proxy.once("POST", "/db/data/transaction", WRITE, b'{"statements": []}')
        path = re.sub("^http://[^/]+", "", a.field("Location"))
        before = proxy.pid()
        members[1].frozen = True
        os.kill(before, signal.SIGHUP)
        eventually(lambda: "reload is under way" in proxy.order("set server pi1 weight 7"),
                   "no order that the next process would not hear of")
        time.sleep(1.2)  # its first question is one without an answer now
        c = proxy.connect()
        c.request("POST", path + "/commit", "", b'{"statements": []}')
        time.sleep(0.2)
        members[1].frozen = False
        same(c.answer().status, 200, "the member's transaction is not taken for lost")
        c.close()
        eventually(lambda: proxy.pid() not in (0, before), "then the next one serves")
        same(proxy.order("set server pi1 weight 7").strip(), "", "and takes orders")


def add(proxy, member, number):
    """Only in the file. As a whole: the next process may read it at any moment."""
    with open(proxy.conf) as f:
        text = f.read() + f'member "{member.name}" {{ id = {number} http = "{member.host}:{member.port}" }}\n'
    with open(proxy.conf + ".new", "w") as f:
        f.write(text)
    os.rename(proxy.conf + ".new", proxy.conf)


def names(proxy):
    return [m["name"] for m in proxy.json()["members"]]


def hear_slowly(proxy, frozen, members):
    """Begins a reload; its next process has read the file, with as many members, and waits for one of them."""
    pid = proxy.pid()
    frozen.frozen = True
    before = proxy.times(f"listening on .* for {members} members")
    os.kill(pid, signal.SIGHUP)
    eventually(lambda: proxy.times(f"listening on .* for {members} members") > before)
    return pid


def test_again():
    """Wanted once more when the next process has read the file already."""
    members = cluster(4)
    with Reloaded(members[:2]) as proxy:
        proxy.ready()
        pid = hear_slowly(proxy, members[1], 2)
        add(proxy, members[2], 3)
        for signo in signal.SIGHUP, signal.SIGUSR2, signal.SIGHUP:
            os.kill(pid, signo)
            time.sleep(0.1)
        same(proxy.pid(), pid, "wanted again, and again, while a reload is under way")
        members[1].frozen = False
        eventually(lambda: names(proxy) == ["pi1", "pi2", "pi3"], "the last file is what counts")
        time.sleep(0.5)
        same(proxy.times("this one leaves"), 2, "with one reload for all who wanted it meanwhile")
        pid = hear_slowly(proxy, members[1], 3)
        good = open(proxy.conf).read()
        proxy.rewrite(lambda text: text + "frob = 1\n")
        os.kill(pid, signal.SIGHUP)
        members[1].frozen = False
        eventually(lambda: proxy.times("reload refused"), "a wrong file in the midst of a reload is refused")
        last = proxy.pid()
        time.sleep(0.5)
        same((proxy.times("reload refused"), proxy.pid() == last != pid), (1, True), "once, by the next process")
        proxy.rewrite(lambda _: good)
        add(proxy, members[3], 4)
        ok(proxy.reload(), "and a good one is taken")
        same(names(proxy), ["pi1", "pi2", "pi3", "pi4"], "as ever")


def test_again_by_one_that_left():
    """A service manager that does not know the new MAINPID yet signals the process before."""
    members = cluster(2)
    with Reloaded(members[:1]) as proxy:
        proxy.ready()
        busy = proxy.connect()
        busy.request("POST", "/hang", WRITE)
        eventually(lambda: members[0].now == 1)
        first = proxy.pid()
        ok(proxy.reload(), "reloaded while a request is under way")
        add(proxy, members[1], 2)
        os.kill(first, signal.SIGHUP)
        eventually(lambda: names(proxy) == ["pi1", "pi2"], "the process before passes on what it is told")
        same(proxy.times("this one leaves"), 2, "to the one that serves")
        members[0].release()
        same(busy.answer().status, 200, "and finishes its request")
        busy.close()


def test_stopped_in_reload():
    members = cluster(2)
    with Reloaded(members) as proxy:
        proxy.ready()
        members[1].frozen = True
        pid = proxy.pid()
        os.kill(pid, signal.SIGHUP)
        eventually(lambda: next_process(pid))
        comes = next_process(pid)
        for _ in range(8):
            proxy.once("POST", "/echo", WRITE)
        ok(all(proxy.json()["requests"] >= 8 for _ in range(30)), "the one before answers on the stats page, too")
        busy = proxy.connect()
        busy.request("POST", "/hang", WRITE)
        eventually(lambda: members[0].now == 1)
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not any(alive(p) for p in comes), "SIGTERM ends the next process as well")
        members[1].frozen = False
        members[0].release()
        same(busy.answer().status, 200, "what is under way is finished")
        same(proxy.process.wait(harness.PATIENCE_S), 0, "then nothing is left")
        busy.close()


def test_refused():
    members = cluster(1)
    with Reloaded(members) as proxy:
        proxy.ready()
        pid = proxy.pid()
        good = open(proxy.conf).read()
        for bad, want in ((good + "frob = 1\n", "no such option 'frob'"), ("", "http { listen")):
            proxy.rewrite(lambda _, text=bad: text)
            os.kill(pid, signal.SIGHUP)
            eventually(lambda want=want: any("reload refused" in e["text"] and want in e["text"]
                                             for e in proxy.json()["events"]), f"refused: {want}")
            same((proxy.pid(), proxy.once().status), (pid, 200), "the old goes on")
        proxy.rewrite(lambda _: good.replace(f"127.0.0.1:{proxy.stats_port}", f"127.0.0.1:{members[0].port}"))
        os.kill(pid, signal.SIGHUP)
        eventually(lambda: any("ended before it served" in e["text"] for e in proxy.json()["events"]),
                   "a next process that cannot start changes nothing")
        same((proxy.pid(), proxy.once().status), (pid, 200), "the old goes on")
        proxy.rewrite(lambda _: good)
        ok(proxy.reload(), "and a good file is taken after all that")


def test_upgrade():
    """The program is replaced on disk, as a package does it."""
    global PROXY
    members = cluster(1)
    mine = os.path.join(harness.tempfile.mkdtemp(), "bramble-proxy")
    shutil.copy(PROXY, mine)
    before, harness.PROXY = harness.PROXY, mine
    try:
        with Reloaded(members) as proxy:
            proxy.ready()
            pid = proxy.pid()
            shutil.copy(PROXY, mine + ".new")
            os.rename(mine + ".new", mine)
            inode = os.stat(mine).st_ino
            ok(proxy.reload(signal.SIGUSR2), "SIGUSR2: a new program takes over")
            same(os.stat(f"/proc/{proxy.pid()}/exe").st_ino, inode, "it is the new one")
            same(proxy.once().status, 200, "and serves")
            eventually(lambda: not alive(pid))
            with open(mine + ".new", "w") as f:
                f.write("#!/bin/false\n")
            os.chmod(mine + ".new", 0o755)
            os.rename(mine + ".new", mine)
            pid = proxy.pid()
            os.kill(pid, signal.SIGUSR2)
            eventually(lambda: any("ended before" in e["text"] for e in proxy.json()["events"]),
                       "a program that does not work")
            same((proxy.pid(), proxy.once().status), (pid, 200), "does not take over")
            with open(mine + ".new", "w") as f:
                f.write("#!/bin/sh\nsleep 1\nexit 1\n")
            os.chmod(mine + ".new", 0o755)
            os.rename(mine + ".new", mine)
            os.kill(pid, signal.SIGUSR2)
            eventually(lambda: any(next_process(sh) for sh in next_process(pid)))  # it has been read
            shutil.copy(PROXY, mine + ".new")
            os.rename(mine + ".new", mine)
            os.kill(pid, signal.SIGUSR2)
            eventually(lambda: proxy.pid() not in (0, pid), "one that is mended while the wrong one is tried, does")
    finally:
        harness.PROXY = before


def test_notify():
    import socket

    members = cluster(1)
    path = os.path.join(harness.tempfile.mkdtemp(), "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(harness.PATIENCE_S)
        os.environ["NOTIFY_SOCKET"] = path

        def heard(want):
            end = time.monotonic() + harness.PATIENCE_S
            while time.monotonic() < end:
                got = manager.recv(4096).decode()
                if re.search(want, got):
                    return got
            return ""

        try:
            with Reloaded(members) as proxy:
                ok(heard("^READY=1$"), "READY=1")
                ok(heard("STATUS=pi1 is the master"), "STATUS=")
                os.kill(proxy.pid(), signal.SIGHUP)
                ok(heard(r"^RELOADING=1\nMONOTONIC_USEC=\d+"), "RELOADING=1")
                got = heard("MAINPID=")
                ok("READY=1" in got, "READY=1 with the new MAINPID")
                same(int(got.split("MAINPID=")[1]), proxy.pid(), "which serves")
        finally:
            del os.environ["NOTIFY_SOCKET"]


class ReloadedBolt(Reloaded, BoltProxy):
    pass


def test_bolt_waits():
    """For a master, while the process that took it has no time left for those who wait for nothing."""
    members = [BoltMember("pi1", "master"), BoltMember("pi2")]
    with ReloadedBolt(members, pool="hold_ms = 90000", timeouts="client_ms = 600000") as proxy:
        idle, waits, gives_up, beside = proxy.client(), proxy.client(), proxy.client(), proxy.connect()
        members[0].role = "slave"
        eventually(lambda: not proxy.json()["master"])
        for c in waits, gives_up:
            c.send((BEGIN, {}))
        beside.request("POST", "/echo", WRITE)
        eventually(lambda: proxy.json()["bolt_waiting"] == 2)
        ok(proxy.reload(), "reloaded while a Bolt transaction waits for a master")
        ok(idle.closed(), "who waits for nothing is closed in the end")
        gives_up.send((RESET,))
        same([t for t, _ in gives_up.answers(2)], [IGNORED, SUCCESS], "who gives it up is told so")
        ok(gives_up.closed(), "and closed, too")
        members[0].role = "master"
        same(waits.answers(1)[0][0], SUCCESS, "who waits gets one")
        same((waits.run("WHO")[0], waits.ask(COMMIT)[0]), (["pi1"], SUCCESS), "for all of the transaction")
        ok(waits.closed(), "and ends with it")
        same(beside.answer().status, 200, "as a write by HTTP does")
        beside.close()
    for m in members:
        m.down()


class ReloadedPorts(ReloadedBolt):
    """Bolt by port."""

    def __init__(self, members, **kwargs):
        self.read = free_port()
        super().__init__(members, bolt=f'mode = "port" read_listen = "127.0.0.1:{self.read}"', **kwargs)


def test_bolt_by_port():
    members = [BoltMember("pi1", "master"), BoltMember("pi2")]
    with ReloadedPorts(members, pool="hold_ms = 90000", timeouts="client_ms = 600000") as proxy:
        idle, busy, new = proxy.client(), proxy.client(port=proxy.read), proxy.client()
        idle.run("WHO")
        busy.ask(BEGIN, {})
        members[0].role = "UNKNOWN"
        eventually(lambda: not proxy.json()["master"])
        waits = proxy.client(login=None, proposals=None)
        waits.sock.sendall(MAGIC + b"\0\0\0\3" + bytes(12))
        eventually(lambda: proxy.json()["bolt_waiting"] == 1)
        ok(proxy.reload(), "reloaded with connections of Bolt")
        ok(idle.closed(), "who is in no transaction is closed")
        members[0].role = "master"
        for port in (proxy.bolt, proxy.read):
            ok(proxy.client(port=port).run("WHO")[0][0] in ("pi1", "pi2"), "the next process serves the port")
        ok(busy.run("WHO")[0][0] in ("pi1", "pi2"), "the one before goes on with a transaction")
        same(busy.ask(COMMIT)[0], SUCCESS, "to its end")
        ok(busy.closed(), "and then")
        same(waits.reader.exactly(4)[3], 3, "who waited for a master gets it")
        same(waits.ask(HELLO, {"user_agent": "test", "credentials": "pw"})[0], SUCCESS, "logs in")
        for c, what in ((waits, "and has a transaction"), (new, "so has who had only logged in")):
            same(c.run("WHO")[0], ["pi1"], what)
            ok(c.closed(), "of which there is one")
    for m in members:
        m.down()


sys.exit(harness.main(globals()))
