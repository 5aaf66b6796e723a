"""What can be wrong with the network: each machine's cable ends in a port of one bridge."""
import os
import subprocess
import sys

from machines import BRIDGE

RELAY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "relay.py")


def unplug(machines, node):
    machines.ip("link", "set", machines.port(node), "down")


def plug(machines, node):
    machines.ip("link", "set", machines.port(node), "up")


class Relay:
    """Delay and loss on one machine's cable until it is taken away again (relay.py). When all is
    lost nobody is told: the carrier stays, as with a broken switch."""

    def __init__(self, machines, node, delay_ms, loss_percent, seed):
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", machines.netns, sys.executable, RELAY, machines.port(node),
             BRIDGE, str(delay_ms), str(loss_percent), str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "carries\n":
            raise OSError("relay on " + node + " failed")

    def remove(self):
        self.process.stdin.close()
        self.process.wait(10)
