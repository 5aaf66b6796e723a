"""The rehearsed cluster that is hurt: data nodes, each with a proxy of its own, or all with one beside them."""
import json
import os
import subprocess
import threading
import time
from pathlib import Path

from client import enter, leader

CONF = """cluster "{name}" {{
  base = "bookworm-amd64.img.zst"
  neo4j = "neo4j-enterprise-3.5.0-beta03.tar.gz"
  java = "openjdk-17-jre-headless"
  neo4j_settings = {{{settings}}}
  direct_access = true # the rounds read each member themselves
  vip = "{subnet}.50"
  network {{ subnet = "{subnet}.0/24" gateway = "{subnet}.1" }}
{nodes}}}
"""
NODE = '  node "{node}" {{ roles = {{{roles}}} address = "{address}" id = {id} }}\n'
INPUTS = ("bookworm-amd64.img.zst", "neo4j-enterprise-3.5.0-beta03.tar.gz",
          "openjdk-17-jre-headless-amd64.debs")
BRIDGE = "bramble0"


def missing_input():
    """The first input that is not there, or None."""
    cache = os.environ.get("BRAMBLE_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "bramble")
    return next((i for i in INPUTS if not os.path.exists(os.path.join(cache, "inputs", i))), None)


class Machines:
    def __init__(self, bramble, folder, name, subnet, count=3, settings=(), apart=False):
        """apart: the proxy is a machine of its own, without data."""
        self.bramble, self.folder, self.name = bramble, folder, name
        self.netns = "bramble-" + name
        self.address = {"pi%d" % i: "%s.1%d" % (subnet, i) for i in range(1, count + 1)}
        self.vip = subnet + ".50"
        self.proxy = "%s.1%d" % (subnet, count + 1) if apart else None
        self.nodes = list(self.address)
        self.conf = os.path.join(folder, name + ".conf")
        self.rehearsal = "/run/bramble/rehearsal-%s.json" % name
        self.leaders = {}  # node -> process 1 of the machine; missing: not known, or no power
        self.off = set(self.nodes)
        roles = '"data"' if apart else '"data", "proxy"'
        nodes = "".join(NODE.format(node=n, address=a, id=n[2:], roles=roles) for n, a in self.address.items())
        if apart:
            nodes += '  node "pi%d" { roles = {"proxy"} address = "%s" }\n' % (count + 1, self.proxy)
        with open(self.conf, "w") as f:
            f.write(CONF.format(name=name, subnet=subnet, nodes=nodes,
                                settings=", ".join('"%s"' % s for s in settings)))

    # --- life

    def build(self):
        subprocess.run([self.bramble, "build", self.conf], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self, seconds=240):
        subprocess.run([self.bramble, "rehearse", self.conf, "--detach", "--no-forward", "--wait",
                        str(seconds), "--dir", self.folder], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.leaders.clear()
        self.off.clear()

    def stop(self):
        self.rehearse("stop", "--now", check=False)
        self.leaders.clear()
        self.off = set(self.nodes)

    def rehearse(self, verb, *args, check=True):
        return subprocess.run(
            [self.bramble, "rehearse", verb, "--cluster", self.name, *args], check=check,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout

    def cut(self, *nodes):
        """All at one moment, as when somebody pulls the plug of the power strip."""
        for n in nodes:
            self.off.add(n)
        cuts = [threading.Thread(target=self.rehearse, args=("cut", n)) for n in nodes]
        for t in cuts:
            t.start()
        for t in cuts:
            t.join()
        for n in nodes:
            self.leaders.pop(n, None)

    def boot(self, *nodes):
        for n in nodes:
            self.rehearse("boot", n)
            self.off.discard(n)

    def new_card(self, node):
        """Of a machine without power: what its image has, as after the card was flashed."""
        image = os.path.join(self.folder, self.name + ".images", node + ".img")
        for number, part in (2, "root"), (3, "data"):
            where = subprocess.run(["partx", "-b", "-g", "-n", str(number), "-o", "START,SECTORS", image],
                                   check=True, stdout=subprocess.PIPE, text=True).stdout.split()
            file = next(p for p in Path(self.folder).rglob("%s.%s" % (node, part)))
            file.unlink()
            subprocess.run(["dd", "if=" + image, "of=%s" % file, "bs=1M", "conv=sparse", "status=none",
                            "iflag=skip_bytes,count_bytes", "skip=%d" % (512 * int(where[0])),
                            "count=%d" % (512 * int(where[1]))], check=True)

    def command(self, name, *words):
        """What a person would type on a PC in the cluster's network."""
        return subprocess.run(
            ["ip", "netns", "exec", self.netns, self.bramble, name, self.conf, *words], check=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout

    # --- inside

    def run(self, node, *argv, check=True):
        return self.rehearse("exec", node, "--", *argv, check=check)

    def shell(self, node, script):
        return self.run(node, "/bin/sh", "-ec", script)

    def signal(self, node, unit, signal):
        self.run(node, "systemctl", "kill", "--signal=" + signal, unit)

    def journal(self, node, since_s):
        return self.rehearse("logs", node, "--", "--since", "-%ds" % since_s, check=False)

    # --- the network

    def ip(self, *args):
        subprocess.run(["ip", "-n", self.netns, *args], check=True)

    def record(self, node):
        with open(self.rehearsal) as f:
            return next(m for m in json.load(f)["machines"] if m["node"] == node)

    def port(self, node):
        """The bridge's end of its cable."""
        return "vb-" + self.record(node)["machine"]

    def leader(self, node):
        """Process 1 of the machine; None while there is none."""
        if node in self.off:
            return None
        if node not in self.leaders:
            found = leader(self.name, node)
            if not found:
                return None
            self.leaders[node] = found
        return self.leaders[node]


class Inside:
    """Lets a thread make its requests from inside a machine, whatever becomes of the network."""

    def __init__(self, machines, node):
        self.machines, self.node = machines, node

    def go(self):
        """False while there is no machine to be in."""
        leader = self.machines.leader(self.node)
        try:
            # By the namespace, not by the process: one that has just begun may have yet to get its own.
            if leader and namespace(leader) != namespace("thread-self"):
                enter("/proc/%s/ns/net" % leader)
        except OSError:
            self.machines.leaders.pop(self.node, None)
            return False
        return leader is not None


def namespace(process):
    """The network's, of that process."""
    return os.stat("/proc/%s/ns/net" % process).st_ino


def wait_until(seconds, test):
    """What test() gives as soon as that is true, else its last answer."""
    end = time.monotonic() + seconds
    while True:
        value = test()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.2)
