"""Asks every agent, from inside its own machine, what it is: five times a second; and, from outside,
whether a proxy answers at the floating address."""
import json
import threading
import time

from client import enter, request
from machines import Inside

PAUSE_S = 0.2


class Watch:
    def __init__(self, machines):
        self.machines, self.stop = machines, threading.Event()
        self.now = {n: {} for n in machines.nodes}      # what its agent says of itself
        self.history = {n: [] for n in machines.nodes}  # (asked, answered, is it writable?)
        self.held = {n: [] for n in machines.nodes}     # (asked, answered, has it the floating address?)
        self.at_vip = []  # moments at which a proxy answered there
        for n in machines.nodes:
            threading.Thread(target=self.ask, args=(n,), daemon=True).start()
        threading.Thread(target=self.ask_vip, daemon=True).start()

    def ask(self, node):
        inside = Inside(self.machines, node)
        while not self.stop.is_set():
            begin = time.monotonic()
            text = request("127.0.0.1", 7470, "GET", "/cluster", timeout=1)[1] if inside.go() else ""
            end, row = time.monotonic(), own_row(text)
            self.now[node] = row
            self.history[node].append((begin, end, bool(row.get("writable"))))
            self.held[node].append((begin, end, has_address(text)))
            time.sleep(PAUSE_S)

    def ask_vip(self):
        """As a client of the cluster that is on none of its nodes: at the bridge."""
        enter("/run/netns/" + self.machines.netns)
        while not self.stop.is_set():
            if request(self.machines.vip, 8080, "GET", "/health", timeout=1)[0]:
                self.at_vip.append(time.monotonic())
            time.sleep(PAUSE_S)

    def begin(self):
        """A new round: what was is forgotten."""
        self.at_vip = []
        for n in self.machines.nodes:
            self.history[n] = []
            self.held[n] = []

    def masters(self):
        return [n for n, row in self.now.items() if row.get("writable")]

    def master(self):
        found = self.masters()
        return found[0] if len(found) == 1 else None

    def all_serve(self):
        return bool(self.master()) and all(
            row.get("state") == "serving" for row in self.now.values())

    def why(self):
        return "; ".join("%s: %s" % (n, " ".join(
            str(row.get(k, "")) for k in ("state", "neo4j", "why")).strip() or "silent")
            for n, row in self.now.items())


# --- what an answer tells, and a history (pure)

def own_row(cluster):
    """Of the agent that answered, whichever node it takes itself for."""
    try:
        answer = json.loads(cluster)
        return next(n for n in answer["nodes"] if n["name"] == answer["from"])
    except (ValueError, KeyError, StopIteration, TypeError):
        return {}


def has_address(cluster):
    """The agent that answered: does it say that it has the floating address itself?"""
    try:
        answer = json.loads(cluster)
        return answer["vip"]["at"] == answer["from"]
    except (ValueError, KeyError, TypeError):
        return False


def spans(answers):
    """[(begin, end)]: from the first to the last "yes" without a "no" between them."""
    out, begin, end = [], None, None
    for asked, answered, yes in [*answers, (0, 0, False)]:
        if yes:
            begin, end = begin or answered, asked
        elif begin:
            out.append((begin, max(begin, end)))
            begin = None
    return out


def two_at_once(history):
    """Moments at which a node said yes while another had before, and still did afterwards."""
    found = []
    for node, answers in history.items():
        others = [s for n, a in history.items() if n != node for s in spans(a)]
        found += [begin for begin, end, yes in answers
                  if yes and any(a < begin and end < b for a, b in others)]
    return sorted(found)


def longest_together(history):
    """Seconds for which two said yes at a time."""
    all_of = [(n, *s) for n, answers in history.items() for s in spans(answers)]
    return max((min(b, d) - max(a, c) for n, a, b in all_of for m, c, d in all_of if n < m), default=0)


def seconds_without(history, since, until):
    """How long nobody was writable."""
    total, at = 0.0, since
    for begin, end in sorted(s for a in history.values() for s in spans(a)):
        total += max(0.0, min(begin, until) - at)
        at = max(at, min(end, until))
    return total + max(0.0, until - at)


def longest_silence(moments, since, until):
    """Seconds between two of them, or the ends."""
    times = [since] + [t for t in moments if since < t < until] + [until]
    return max(b - a for a, b in zip(times, times[1:]))
