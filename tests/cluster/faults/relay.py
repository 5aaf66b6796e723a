#!/usr/bin/env python3
"""A bad cable: takes a machine's port out of the bridge and carries its frames by hand.

    relay.py PORT BRIDGE DELAY_MS LOSS_PERCENT SEED

Each frame, either way, is lost with that chance or arrives that much later. Runs in the
rehearsal's network namespace; puts the port back when standard input ends. (The kernel's own netem
is not built everywhere.)
"""
import collections
import random
import select
import socket
import subprocess
import sys
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
FRAME_MAX = 1 << 17
NEAR, FAR = "bad-cable0", "bad-cable1"  # NEAR takes the port's place in the bridge


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def open_port(name):
    """Frames come and go with their offloads, as if the two ends were one."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    s.bind((name, 0))
    s.setblocking(False)
    return s


def carry(ends, delay_s, loss, rng):
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    waiting = collections.deque()  # (when, where to, frame)
    while True:
        patience = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([*ends, sys.stdin], [], [], patience)
        if sys.stdin in ready:
            return
        for s in ready:
            frame = receive(s)
            if frame and rng.random() >= loss:
                waiting.append((time.monotonic() + delay_s, other[s], frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, s, frame = waiting.popleft()
            send(s, frame)


def receive(s):
    try:
        return s.recv(FRAME_MAX)
    except OSError:
        return b""


def send(s, frame):
    try:
        s.send(frame)
    except OSError:
        pass  # a full queue loses frames, and so does a cable


def main():
    port, bridge = sys.argv[1:3]
    delay_ms, loss_percent, seed = (int(a) for a in sys.argv[3:])
    ip("link", "add", NEAR, "type", "veth", "peer", "name", FAR)
    try:
        # No answers of the host's own on the ports that now stand outside the bridge.
        ip("link", "set", port, "nomaster", "arp", "off")
        ip("link", "set", FAR, "up", "arp", "off")
        ip("link", "set", NEAR, "master", bridge, "up")
        print("carries", flush=True)
        carry([open_port(port), open_port(FAR)], delay_ms / 1000, loss_percent / 100,
              random.Random(seed))
    finally:
        ip("link", "set", port, "master", bridge, "arp", "on")
        ip("link", "del", NEAR)


main()
