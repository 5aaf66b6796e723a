#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall that bramble-helper sets, asked by others on the same switch.  Prints TAP.

Real nft, a real kernel and a namespace per host: a member, a proxy and a stranger knock at each
port of a node; the node's services are listeners that do nothing. Without the right to make
namespaces all is skipped.

usage: nft_test.py [path of bramble-agent]
"""
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import agent_test as t  # noqa: E402
from agent_test import ok, wait_for  # noqa: E402
from discover_test import sh  # noqa: E402

NODE, MEMBER, PROXY, STRANGER = "192.168.84.11", "192.168.84.12", "192.168.84.13", "192.168.84.99"
BETWEEN_MEMBERS = (5001, 6001, 6362, 3637)
CLIENTS = (7474, 7687)
FOR_ALL = (22, 7470, 7471, 8090)
ROLE_DATA, ROLE_PROXY = 1, 2  # enum role
HELPER_VERSION, HELPER_FIREWALL = 3, 7
PROXY_UID = 7480  # common/card_users.h

LISTEN = """
import selectors, socket, sys
ready = selectors.DefaultSelector()
held = []
for port in sys.argv[2:]:
    s = socket.create_server(("", int(port)), backlog=64)
    ready.register(s, selectors.EVENT_READ)
print("listens", flush=True)
while True:
    for key, _ in ready.select():
        held.append(key.fileobj.accept()[0])
        if sys.argv[1] == "close":
            held.pop().close()
"""
HOLD = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20)
print("holds", flush=True)
sys.stdin.readline()
try:
    s.sendall(b"push")
    print("heard" if s.recv(1) else "closed")
except ConnectionResetError:
    print("refused")
except OSError as e:
    print(e)
"""
KNOCK = """
import socket, sys
answers = []
for port in sys.argv[2:]:
    try:
        socket.create_connection((sys.argv[1], int(port)), timeout=3).close()
        answers.append("in")
    except ConnectionRefusedError:
        answers.append("refused")
    except OSError:
        answers.append("lost")
print(*answers)
"""


def host(name, address):
    sh("ip", "netns", "add", name)
    sh("ip", "link", "add", "v" + name, "type", "veth", "peer", "name", "eth0", "netns", name)
    sh("ip", "link", "set", "v" + name, "master", "br0", "up")
    sh("ip", "-n", name, "addr", "add", address + "/24", "dev", "eth0")
    sh("ip", "-n", name, "link", "set", "lo", "up")
    sh("ip", "-n", name, "link", "set", "eth0", "up")


def knock(name, ports, address=NODE):
    """What a host hears at these ports of the node: in, refused, lost."""
    return subprocess.check_output(
        ["ip", "netns", "exec", name, sys.executable, "-c", KNOCK, address, *map(str, ports)],
        text=True).split()


def all_are(word, name, ports, address=NODE):
    heard = knock(name, ports, address)
    if set(heard) != {word}:
        print("# %s at %s: %s" % (name, ports, heard))
    return set(heard) == {word}


class Helper:
    """The helper of the node, with the machine's own nft behind a script: it has another root."""

    def __init__(self, top):
        self.root = os.path.join(top, "pi1")
        self.conf("")
        with open(os.path.join(self.root, "nft"), "w") as f:
            f.write("#!/bin/sh\nexec nft \"$@\"\n")
        os.chmod(os.path.join(self.root, "nft"), 0o755)
        with open(os.path.join(self.root, "etc/bramble/cluster.secret"), "w") as f:
            f.write(t.SECRET + "\n")
        os.makedirs(os.path.join(self.root, "run"))
        self.path = os.path.join(self.root, "run/bramble-helper")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", "node", t.AGENT, "--root", self.root, "--nft",
             os.path.join(self.root, "nft"), "helper"])
        wait_for(lambda: os.path.exists(self.path))

    def conf(self, more, roles='"data"'):
        os.makedirs(os.path.join(self.root, "etc/bramble"), exist_ok=True)
        with open(os.path.join(self.root, "etc/bramble/node.conf"), "w") as f:
            f.write('cluster { id = "%s"  name = "garden"  generation = 1 }\n'
                    'node { name = "pi1" }\n'
                    'neo4j { version = "3.5.0-beta03"  profile = "3.x-ha"%s }\n'
                    'member "pi1" { id = 1  roles = {%s}  address = "%s" }\n'
                    'member "pi2" { id = 2  roles = {"data"}  address = "%s" }\n'
                    'member "px" { id = 0  roles = {"proxy"}  address = "%s" }\n'
                    % (t.CLUSTER_ID, more, roles, NODE, MEMBER, PROXY))

    def firewall(self, is_open, hosts, shut=0, silent=()):
        """struct helper_request; 0 or an errno."""
        wire = struct.pack("=IIIII", HELPER_VERSION, HELPER_FIREWALL, is_open, shut, len(hosts))
        for address, roles in hosts:
            wire += socket.inet_aton(address) + struct.pack("=II", roles, address in silent)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.settimeout(20)
        s.connect(self.path)
        s.send(wire)
        version, code = struct.unpack("=Ii", s.recv(40000)[:8])
        s.close()
        return code if version == HELPER_VERSION else -1


ALL = [(NODE, ROLE_DATA), (MEMBER, ROLE_DATA), (PROXY, ROLE_PROXY)]


def test_closed(helper):
    ok(all_are("in", "stranger", CLIENTS + BETWEEN_MEMBERS), "without rules everybody comes in")
    ok(helper.firewall(0, ALL) == 0, "the rules are set: no lease")
    ok(all_are("refused", "member", CLIENTS), "a member gets no query in")
    ok(all_are("refused", "px", CLIENTS), "nor does a proxy")
    ok(all_are("in", "node", CLIENTS, "127.0.0.1"), "this node itself does")
    ok(all_are("in", "member", BETWEEN_MEMBERS), "members' Neo4js talk to each other")
    ok(all_are("refused", "px", BETWEEN_MEMBERS), "no proxy is one of them")
    ok(all_are("refused", "stranger", BETWEEN_MEMBERS + CLIENTS), "no stranger is, either")
    ok(all_are("in", "stranger", FOR_ALL), "what is everybody's stays so")


def test_open(helper):
    ok(helper.firewall(1, ALL) == 0, "the rules are set: the node serves")
    ok(all_are("in", "member", CLIENTS) and all_are("in", "px", CLIENTS),
       "members and proxies get in")
    ok(all_are("refused", "stranger", CLIENTS), "a stranger does not")
    ok(all_are("refused", "stranger", BETWEEN_MEMBERS), "nor between members")


def test_shut(helper):
    ok(helper.firewall(0, ALL, shut=1) == 0, "the rules are set: its Neo4j begins alone")
    ok(all_are("refused", "member", [5001]), "no member reaches its cluster port")
    ok(all_are("in", "member", [p for p in BETWEEN_MEMBERS if p != 5001]), "the other ones it does")
    ok(all_are("in", "node", [5001], "127.0.0.1"), "as this node itself does")
    ok(helper.firewall(0, ALL) == 0 and all_are("in", "member", BETWEEN_MEMBERS), "until it is up")


def test_silent(helper):
    """A member without power: its end of the cable is pulled, so nothing of it answers."""
    held = subprocess.Popen(
        ["ip", "netns", "exec", "node", sys.executable, "-c", HOLD, MEMBER, "6001"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    ok(held.stdout.readline() == "holds\n", "Neo4j has a connection to a member's")
    sh("ip", "-n", "member", "link", "set", "eth0", "down")
    ok(helper.firewall(1, ALL, silent=[MEMBER]) == 0, "the rules are set: the member is silent")
    ok(held.communicate("\n")[0] == "refused\n", "what goes over that connection is refused")
    ok(all_are("refused", "node", [6001], MEMBER), "and so is a new one")
    sh("ip", "-n", "member", "link", "set", "eth0", "up")
    ok(all_are("refused", "node", [6001], MEMBER), "also when it is back")
    ok(all_are("in", "node", [p for p in BETWEEN_MEMBERS if p != 6001], MEMBER),
       "on no other port")
    ok(all_are("in", "member", BETWEEN_MEMBERS), "and itself it comes in")
    ok(helper.firewall(1, ALL) == 0 and all_are("in", "node", [6001], MEMBER), "until it is heard")


def test_direct(helper):
    helper.conf("  direct_access = true")
    ok(helper.firewall(1, ALL) == 0, "the rules are set: direct_access")
    ok(all_are("in", "stranger", CLIENTS), "a stranger gets its queries in")
    ok(all_are("refused", "stranger", BETWEEN_MEMBERS), "and nothing else")
    ok(helper.firewall(0, ALL) == 0, "the rules are set: no lease")
    ok(all_are("refused", "stranger", CLIENTS), "not while the node has no lease")


def knock_as_proxy(address, port):
    return subprocess.check_output(
        ["ip", "netns", "exec", "node", "setpriv", "--reuid", str(PROXY_UID), "--clear-groups",
         "python3", "-c", KNOCK, address, str(port)], text=True).strip()


def test_own_proxy(helper):
    """A data node's own proxy comes over the loopback; closed is closed for it, too."""
    helper.conf("", '"data", "proxy"')
    ok(helper.firewall(1, ALL) == 0 and knock_as_proxy(NODE, 7474) == "in",
       "the node serves: its own proxy gets in")
    ok(helper.firewall(0, ALL) == 0, "the rules are set: no lease")
    ok({knock_as_proxy(NODE, p) for p in CLIENTS} == {"refused"}, "its own proxy is refused")
    ok(all_are("in", "node", CLIENTS, NODE), "its agent is not")
    ok(knock_as_proxy(MEMBER, 6001) == "in", "nor is the proxy anywhere else")


def test_member_goes(helper):
    helper.conf("")
    ok(helper.firewall(1, ALL[:1] + ALL[2:]) == 0, "the rules are set: a member is gone")
    ok(all_are("refused", "member", BETWEEN_MEMBERS + CLIENTS), "it is a stranger now")
    ok(helper.firewall(1, [("127.0.0.1", ROLE_DATA)]) != 0, "nobody's address is refused")
    ok(all_are("in", "px", CLIENTS), "and the rules before it stay")


def listen(name, ports, hold=False):
    listener = subprocess.Popen(
        ["ip", "netns", "exec", name, sys.executable, "-c", LISTEN, "hold" if hold else "close",
         *map(str, ports)], stdout=subprocess.PIPE)
    listener.stdout.readline()
    return listener


def play(top):
    for name, address in (("node", NODE), ("member", MEMBER), ("px", PROXY),
                          ("stranger", STRANGER)):
        host(name, address)
    listeners = [listen("node", CLIENTS + BETWEEN_MEMBERS + FOR_ALL),
                 listen("member", BETWEEN_MEMBERS, hold=True)]
    helper = Helper(top)
    try:
        for part in (test_closed, test_open, test_shut, test_silent, test_direct, test_own_proxy,
                     test_member_goes):
            part(helper)
    finally:
        for listener in listeners:
            listener.kill()
        helper.process.kill()
        helper.process.wait(10)


def main():
    if os.environ.get("BRAMBLE_UNSHARED") != "net":
        unshare = ["unshare", "-mn"] if os.geteuid() == 0 else ["unshare", "-rmn"]
        probe = ("mount -t tmpfs run /run && ip netns add x && ip link add br0 type bridge && "
                 "nft add table inet x")
        if subprocess.call(unshare + ["sh", "-c", probe], stderr=subprocess.DEVNULL) != 0:
            print("1..0 # SKIP no network namespaces, bridges and nft of one's own here")
            return 0
        os.environ["BRAMBLE_UNSHARED"] = "net"
        os.execvp(unshare[0], unshare + [sys.executable] + sys.argv)
    sh("mount", "-t", "tmpfs", "run", "/run")
    sh("ip", "link", "add", "br0", "type", "bridge")
    sh("ip", "link", "set", "br0", "up")
    top = tempfile.mkdtemp(prefix="bramble-nft-")
    try:
        play(top)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print("1..%d" % t.count)
    return t.failed != 0


if __name__ == "__main__":
    sys.exit(main())
