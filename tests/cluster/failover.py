#!/usr/bin/env python3
"""Cuts the master's power under a writer and accounts for every acknowledged write.

Used by the demo (prints a summary) and by the cluster test (--tap). Everything is real: Neo4j,
proxy, agents and the power cut of `bramble rehearse cut`. The writer speaks plain HTTP to the
proxy, one write at a time, and never repeats one:

  acknowledged  200 or 201 with an empty list of errors
  unknown       502 or no answer: the write may or may not be there, and may not be counted
  refused       anything else

Threads that talk to the machines enter the rehearsal's network namespace, or a member's own to ask its Neo4j, which
not everybody may (direct_access); the main thread stays outside and runs bramble.
"""
import argparse
import json
import os
import subprocess
import sys
import threading
import time

from client import cypher, enter, leader, request, values


class Writer(threading.Thread):
    def __init__(self, args):
        super().__init__(daemon=True)
        self.args, self.stop = args, threading.Event()
        self.acked, self.unknown, self.refused, self.answers = [], [], [], []

    def run(self):
        enter("/run/netns/" + self.args.netns)
        n = 0
        while not self.stop.is_set():
            n += 1
            begin = time.monotonic()
            status, answer, text = cypher(self.args.proxy, 8090, "CREATE (w:Write {id: {id}})",
                                          {"id": n}, {"X-Write": "1"})
            end = time.monotonic()
            if status in (200, 201) and answer.get("errors") == []:
                self.acked.append(n)
                self.answers.append((begin, end))
            elif status in (0, 502):
                self.unknown.append((n, text.strip()[:100]))
            else:
                self.refused.append((n, "%d %s" % (status, text.strip()[:100])))
            time.sleep(0.02)


class Roles(threading.Thread):
    """Asks every member for its role ten times a second, as a proxy would."""

    def __init__(self, args):
        super().__init__(daemon=True)
        self.args, self.stop = args, threading.Event()
        self.now = {}
        self.masters = []  # (time, name) whenever somebody answers "master"

    def role(self, name, addr):
        if not enter_member(self.args, name):
            return "down"
        status, text = request(addr, 7474, "GET", "/db/manage/server/ha/available", timeout=1)
        return text.strip() if status == 200 else ("unknown" if status else "down")

    def ask(self, name, addr):
        while not self.stop.is_set():
            self.now[name] = self.role(name, addr)
            if self.now[name] == "master":
                self.masters.append((time.monotonic(), name))
            time.sleep(0.1)

    def run(self):
        for name, addr in list(self.args.data.items()):
            threading.Thread(target=self.ask, args=(name, addr), daemon=True).start()


def enter_member(args, name):
    """Moves the calling thread into that machine's network namespace. False: it has no power."""
    try:
        enter("/proc/%s/ns/net" % leader(args.netns[len("bramble-"):], name))
    except OSError:
        return False
    return True


def inside(way_in, fn):
    """Runs fn in a thread that has entered somewhere and returns what it returns."""
    out = []

    def work():
        way_in()
        out.append(fn())

    t = threading.Thread(target=work)
    t.start()
    t.join()
    return out[0]


def in_netns(args, fn):
    return inside(lambda: enter("/run/netns/" + args.netns), fn)


def say(args, text):
    if args.say:
        print("  " + text, flush=True)


def wait_until(what, seconds, test):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = test()
        if value:
            return value
        time.sleep(0.1)
    raise SystemExit("failover: waited %d s for %s" % (seconds, what))


def eventually(test):
    end = time.monotonic() + 20
    while not test() and time.monotonic() < end:
        time.sleep(0.5)
    return test()


def wait_for_writes(what, writer, number):
    """Waits until so many more are acknowledged; a busy disk makes each one slow, not wrong."""
    goal = len(writer.acked) + number
    try:
        wait_until(what, 240, lambda: len(writer.acked) >= goal)
    except SystemExit as e:
        raise SystemExit("%s: %d of %d acknowledged, unknown: %s, refused: %s" % (
            e, len(writer.acked), goal, writer.unknown[-2:], writer.refused[-2:]))


def rehearse(args, verb, node):
    cluster = args.netns[len("bramble-"):]
    subprocess.run([args.bramble, "rehearse", verb, "--cluster", cluster, node],
                   check=True, stdout=subprocess.DEVNULL)


def one_master(roles):
    masters = [n for n, r in roles.now.items() if r == "master"]
    slaves = [n for n, r in roles.now.items() if r == "slave"]
    return masters[0] if len(masters) == 1 and len(slaves) == len(roles.args.data) - 1 else None


def missing_on(args, name, acked):
    """Acknowledged ids a member does not have; a slave gets half a minute to catch up."""
    end = time.monotonic() + 30
    while True:
        _, answer, text = inside(lambda: enter_member(args, name), lambda: cypher(
            args.data[name], 7474, "MATCH (w:Write) RETURN w.id"))
        if "results" in answer and answer.get("errors") == []:
            ids = values(answer)
            gone = set(acked) - set(ids)
            doubled = len(ids) - len(set(ids))
            if not gone or time.monotonic() > end:
                return sorted(gone), doubled
        elif time.monotonic() > end:
            return ["no answer: " + text[:80]], 0
        time.sleep(0.5)


def connections_end(args, lost):
    """Do the others' connections to what has lost its power end, on which they have said something since? While one
    is held, its next Neo4j is not told what they say."""
    cluster = args.netns[len("bramble-"):]
    end = time.monotonic() + 60
    while time.monotonic() < end:
        held = [line for name in args.data if name != lost for line in subprocess.run(
            [args.bramble, "rehearse", "exec", "--cluster", cluster, name, "--", "ss", "-tnH", "state", "established",
             "dst", args.data[lost]], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()]
        if all(line.split()[1] == "0" for line in held):  # Send-Q: said, and not acknowledged
            return True
        time.sleep(1)
    return False


def waits_for(args, master, node):
    """Would the master's Neo4j wait for that one, or is what it says to it refused by its own firewall?"""
    cluster = args.netns[len("bramble-"):]
    return subprocess.run(
        [args.bramble, "rehearse", "exec", "--cluster", cluster, master, "--", "nft", "list", "set", "inet", "bramble",
         "silent"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.find(args.data[node]) < 0


def boot_again(args, roles, name):
    """Seconds from power-on until the node is a slave."""
    booted = time.monotonic()
    say(args, "powering %s on again" % name)
    rehearse(args, "boot", name)
    wait_until(name + " as slave", 240, lambda: one_master(roles) and roles.now[name] == "slave")
    return time.monotonic() - booted


def play(args):
    roles, writer = Roles(args), Writer(args)
    roles.start()
    r = {"first_master": wait_until("a cluster", 180, lambda: one_master(roles))}
    say(args, "%s is master; a writer sends one write at a time to the proxy" % r["first_master"])
    writer.start()
    wait_for_writes("the first writes", writer, args.writes)
    old = r["first_master"]
    say(args, "%d writes acknowledged; cutting the power of %s" % (len(writer.acked), old))
    cut = time.monotonic()
    rehearse(args, "cut", old)
    new = wait_until("a new master", 400, lambda: next(
        (n for t, n in list(roles.masters) if t > cut and n != old), None))
    took = next(t for t, n in roles.masters if t > cut and n == new)
    r["new_master"], r["no_master_s"] = new, took - cut
    say(args, "%s is master after %.1f s" % (new, r["no_master_s"]))
    wait_until("a write after the new master", 120,
               lambda: any(e > took for _, e in writer.answers))
    again = next(e for _, e in writer.answers if e > took)
    r["writes_again_s"], r["proxy_lag_s"] = again - cut, again - took
    wait_for_writes("more writes", writer, args.writes)
    say(args, "writes go on after %.1f s" % r["writes_again_s"])
    r["ended"] = not args.tap_from or connections_end(args, old)
    r["cut_off"] = eventually(lambda: not waits_for(args, new, old))
    r["rejoin_s"] = boot_again(args, roles, old)
    r["back"] = eventually(lambda: waits_for(args, new, old))
    writer.stop.set()
    writer.join(90)
    r.update(acked=len(writer.acked), unknown=writer.unknown, refused=writer.refused)
    r["missing"], r["doubled"] = {}, 0
    for name in args.data:
        gone, doubled = missing_on(args, name, writer.acked)
        r["missing"][name] = gone
        r["doubled"] += doubled
    r["reads"] = in_netns(args, lambda: cypher(
        args.proxy, 8090, "MATCH (w:Write) RETURN count(w)")[1])
    roles.stop.set()
    return r


def summary(r):
    lost = sorted({n for ids in r["missing"].values() for n in ids}, key=str)
    print("  writes acknowledged            %d" % r["acked"])
    print("  writes lost                    %d" % len(lost))
    print("  writes with unknown outcome    %d (in flight when the power went)" % len(r["unknown"]))
    print("  writes refused                 %d" % len(r["refused"]))
    print("  without a writable master      %.1f s" % r["no_master_s"])
    print("  until the proxy took writes    %.1f s (%.2f s after the new master answered)" % (
        r["writes_again_s"], r["proxy_lag_s"]))
    print("  until the cut node was back    %.1f s" % r["rejoin_s"])
    return 3 if lost else 0


def tap(r, args):
    tests = [
        (r["new_master"] != r["first_master"], "another node became master"),
        (r["acked"] >= 2 * args.writes, "writes were acknowledged before and after"),
        (len(r["unknown"]) <= 1, "at most the one write in flight has an unknown outcome",
         r["unknown"]),
        # Held for 45 s: an election that takes longer is Neo4j's own.
        (r["refused"] == [] or r["no_master_s"] > 40, "no write was refused", r["refused"]),
        (r["doubled"] == 0, "no write was doubled"),
        (r["ended"], "connections to the lost node ended before it was back"),
        (r["cut_off"], "the master's Neo4j was not to wait for it"),
        (r["back"], "until it was back"),
        (bool(r["reads"].get("results")), "a read through the proxy is answered", r["reads"]),
    ]
    for name, gone in r["missing"].items():
        tests.append((gone == [], "every acknowledged write is on " + name, gone))
    for i, t in enumerate(tests, args.tap_from):
        print("%s %d - %s" % ("ok" if t[0] else "not ok", i, t[1]))
        if not t[0] and len(t) > 2:
            print("#", str(t[2])[:500])
    print("# " + json.dumps({k: v for k, v in r.items() if k.endswith("_s")}))
    return 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--bramble", required=True)
    p.add_argument("--netns", required=True)
    p.add_argument("--proxy", required=True, help="address of a proxy node")
    p.add_argument("--data", required=True, help="pi1=192.168.2.7,...")
    p.add_argument("--writes", type=int, default=100, help="before the cut, and after")
    p.add_argument("--tap-from", type=int, default=0, help="print TAP, numbered from here")
    p.add_argument("--json", help="write the figures there")
    args = p.parse_args()
    args.data = dict(x.split("=") for x in args.data.split(","))
    args.say = not args.tap_from
    r = play(args)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(r, f)
    sys.stdout.flush()
    status = tap(r, args) if args.tap_from else summary(r)
    sys.stdout.flush()
    os._exit(status)  # daemon threads may sit in a request


if __name__ == "__main__":
    main()
