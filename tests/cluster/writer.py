#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes one number after the other to whichever node is writable, until SIGTERM, and then prints
what became of them as JSON: {"acknowledged": [...], "unknown": [...], "gap_s": longest time without
an acknowledged write}.  writer.py NETNS LABEL FIRST ADDRESS..."""
import json
import signal
import sys
import time

import client

ended = False


def end(*_):
    global ended
    ended = True


def writable(nodes):
    for n in nodes:
        if client.request(n, 7470, "GET", "/writable", timeout=3)[0] == 200:
            return n
    return None


def write(node, label, number):
    """True: acknowledged; False: refused or never sent; None: nobody knows."""
    # {i}, for 2.3 knows no $i, and 3.5 knows both.
    status, answer, _ = client.cypher(node, 7474, "CREATE (n:%s {i: {i}})" % label,
                                      {"i": number}, timeout=20)
    if status in (200, 201) and answer:
        return answer["errors"] == []
    return None if status == 0 or status >= 500 else False


def main():
    netns, label, number, nodes = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
    signal.signal(signal.SIGTERM, end)
    client.enter("/run/netns/" + netns)
    acknowledged, unknown, node, gap = [], [], None, 0.0
    last = time.monotonic()
    while not ended:
        node = node or writable(nodes)
        done = write(node, label, number) if node else False
        if done:
            acknowledged.append(number)
            gap, last = max(gap, time.monotonic() - last), time.monotonic()
        else:
            unknown += [number] if done is None else []
            node = None
            time.sleep(0.2)
        number += 1
    print(json.dumps({"acknowledged": acknowledged, "unknown": unknown, "gap_s": round(gap, 1)}))


main()
