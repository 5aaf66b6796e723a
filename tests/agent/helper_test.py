#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An agent that was taken over asks root's programs for what is none of its business.  Prints TAP.

The real bramble-helper and the real programs of the units, as root, with an agent's user and a
Neo4j's user of their own; systemctl is a MOCK. Users of one's own are root's to have: without it
all is skipped.

usage: helper_test.py [path of bramble-agent]
"""
import contextlib
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import agent_test as t  # noqa: E402
from agent_test import Node, ok, wait_for  # noqa: E402

AGENT_USER, NEO4J_USER = 12345, 23456
VERSION, NEO4J_SHOW, USERS = 3, 0, 16  # helper_wire.h
SHADOW = "root:$6$salt$hash:18000:0:99999:7:::\n"
# As systemd starts it: with its socket as the descriptor 3, which programs it runs would get, too.
INHERIT = 'exec 3<&"$1"; shift; LISTEN_PID=$$ LISTEN_FDS=1; export LISTEN_PID LISTEN_FDS; exec "$@"'


@contextlib.contextmanager
def agents_user():
    os.setegid(AGENT_USER)
    os.seteuid(AGENT_USER)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def ask(node, verb):
    """(errno, text) of the helper."""
    with agents_user(), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(20)
        s.connect(os.path.join(node.root, "run/bramble-helper"))
        s.send(struct.pack("=II", VERSION, verb))
        answer = s.recv(40000)
    return struct.unpack("=i", answer[4:8])[0], answer[8:].decode()


def link(node, path):
    """The agent's user has this file, and puts a link to root's in its place."""
    path = os.path.join(node.root, path)
    with agents_user():
        if os.path.exists(path):
            os.unlink(path)
        os.symlink(os.path.join(node.root, "etc/shadow"), path)
    return path


def prepare(node):
    node.prepare([node])
    node.write("etc/shadow", SHADOW, 0o600)
    node.write("systemctl", "#!/bin/sh\nls -l /proc/$$/fd >%s/fds\n" % node.root, 0o755)
    os.chown(os.path.join(node.root, "etc/bramble/cluster.secret"), AGENT_USER, AGENT_USER)
    os.chown(os.path.join(node.root, "run/bramble"), AGENT_USER, AGENT_USER)
    node.mount()
    os.chown(node.store, 0, AGENT_USER)
    os.chmod(node.store, 0o1775)
    os.chown(os.path.join(node.store, "bramble.marker"), AGENT_USER, AGENT_USER)
    node.write("srv/bramble/neo4j/data/dbms/auth", "neo4j:SHA-256,AA,BB:\n", 0o600)
    for folder, _, files in os.walk(os.path.join(node.store, "neo4j")):
        for name in [folder] + [os.path.join(folder, f) for f in files]:
            os.chown(name, NEO4J_USER, NEO4J_USER)


def test_users(node):
    code, text = ask(node, USERS)
    ok(code == 0 and text.startswith("auth neo4j:"), "Neo4j's users are told: " + text.strip())
    link(node, "srv/bramble/bramble.marker")
    code, text = ask(node, USERS)
    ok(code != 0 and "root:" not in text, "what is root's is not: " + text.strip())


def test_units(node):
    """What systemd runs as root reads files of the agent's."""
    link(node, "run/bramble/addresses")
    for command in ("hosts", "proxy", "adopt", "grow", "prepare"):
        p = subprocess.run([t.AGENT, "--root", node.root, command], capture_output=True, text=True)
        ok(p.returncode != 0 and "root" not in p.stderr.replace(node.root, ""),
           "nor does %s tell it: %s" % (command, p.stderr.strip()))


def test_inherited(node):
    node.stop_helper()
    path = os.path.join(node.root, "run/bramble-helper")
    os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.bind(path)
        os.chown(path, AGENT_USER, AGENT_USER)
        s.listen(4)
        s.setblocking(False)
        node.helper = subprocess.Popen(
            ["/bin/sh", "-c", INHERIT, "sh", str(s.fileno()), t.AGENT, "--root", node.root,
             "--service-manager", os.path.join(node.root, "systemctl"), "helper"],
            pass_fds=[s.fileno()])
    code, text = ask(node, NEO4J_SHOW)
    fds = node.read("fds")
    ok(code == 0 and fds, "a helper takes the socket of systemd's: %d %s" % (code, text))
    ok("socket:" not in fds, "and what it runs does not")


def main():
    t.enter_namespace()
    with open("/proc/self/uid_map") as f:
        if int(f.read().split()[2]) <= NEO4J_USER:
            print("1..0 # SKIP only root has users of its own")
            return 0
    top = tempfile.mkdtemp(prefix="helper-test-")
    os.chmod(top, 0o755)
    node = Node(top, "pi1", 1)
    try:
        prepare(node)
        node.start_helper()
        wait_for(lambda: os.path.exists(os.path.join(node.root, "run/bramble-helper")))
        test_users(node)
        test_units(node)
        test_inherited(node)
    finally:
        node.clean()
        shutil.rmtree(top, ignore_errors=True)
    print("1..%d" % t.count)
    return t.failed != 0


if __name__ == "__main__":
    sys.exit(main())
