#!/usr/bin/env python3
"""Hurts a rehearsed cluster in every way of table.py and accounts for every acknowledged write.

    faults.py [--rounds N] [--fault NAME,...] [--seed S]     plays what is not in the results yet
    faults.py --tap ...                                      prints TAP and records nothing
    faults.py --nodes 4 ...                                  four data nodes
    faults.py --quick ...                                    faults last no longer than they must
    faults.py --turn 8 ...                                   an eighth of the faults: another one after each commit
    faults.py --lab 1 ...                                    beside another run: machines and addresses of its own
    faults.py --page                                         writes docs/RESULTS.md anew

The seed of a round is that of the run, its fault and its number, so a round can be played again.
Rounds that were not good leave the machines' journals, consoles and events in build/faults/logs.
"""
import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(1, os.path.join(TOP, "tests", "cluster"))

import book as books  # noqa: E402 (client.py is in the folder above)
import results  # noqa: E402
from machines import Machines, missing_input, wait_until  # noqa: E402
from table import FAULTS  # noqa: E402
from watch import Watch, longest_silence, longest_together, seconds_without, two_at_once  # noqa: E402

SAY_S = 10         # for a node to say what is wrong with it, where it must
SERVE_S = 300      # from healing until all serve and writes are acknowledged
WRITES = 20        # acknowledged before a fault strikes, and again afterwards
QUICK_JAVA = ["dbms.jvm.additional=-XX:TieredStopAtLevel=1"]  # for who records nothing: see tests/lib.sh


class Round:
    def __init__(self, lab, fault, number, seed):
        self.lab, self.machines, self.watch, self.fault = lab, lab.machines, lab.watch, fault
        self.number, self.seed, self.notes, self.drawer = number, seed, [], {}
        self.rng = random.Random("%d %s %d" % (seed, fault.name, number))
        self.victim, self.quick, self.untold = None, lab.quick, False

    def note(self, text):
        self.notes.append(text)
        self.lab.say("    " + text)

    def writes_go_on(self):
        """All serve, and each client was answered since."""
        goal = len(self.lab.book.acked) + WRITES
        return lambda: len(self.lab.book.acked) >= goal and self.watch.all_serve()

    def victim_says(self):
        return self.fault.says in self.watch.now.get(self.victim, {}).get("why", "")

    def play(self):
        """Strikes and heals; returns when that was, and whether the cluster served again."""
        time.sleep(self.rng.uniform(0, 3))
        self.victim = self.fault.victim(self)
        self.note("%s strikes %s, the master is %s" % (
            self.fault.name, self.victim or "all", self.watch.master()))
        begin = time.monotonic()
        self.fault.strike(self)
        least, most = self.fault.seconds
        time.sleep(least if self.quick else self.rng.uniform(least, most))
        self.untold = not wait_until(SAY_S, self.victim_says)
        self.note("before it heals: " + self.watch.why())
        self.fault.heal(self)
        healed = time.monotonic()
        serves = wait_until(SERVE_S, lambda: self.watch.all_serve()) and \
            wait_until(SERVE_S / 2, self.writes_go_on())
        self.note("serves after %.0f s" % (time.monotonic() - healed) if serves else
                  "does not serve after %.0f s: %s" % (time.monotonic() - healed,
                                                       self.watch.why()))
        return begin, bool(serves)

    def result(self):
        before = self.lab.book.count()
        clients = books.Clients(self.machines, self.lab.book)
        wait_until(SERVE_S, self.writes_go_on())
        self.watch.begin()
        begin, serves = self.play()
        end = time.monotonic()
        clients.end()
        acked, unknown, refused = (a - b for a, b in zip(self.lab.book.count(), before))
        lost, doubled, asked = self.lab.account(self)
        return {
            "fault": self.fault.name, "round": self.number, "seed": self.seed,
            "commit": self.lab.tested, "date": time.strftime("%Y-%m-%d"),
            "nodes": len(self.machines.nodes), "quick": self.quick,
            "no_vip_s": round(longest_silence(self.watch.at_vip, begin, end), 1),
            "no_master_s": round(seconds_without(self.watch.history, begin, end), 1),
            "no_write_s": round(self.lab.book.longest_gap(begin, end), 1),
            "acked": acked, "unknown": unknown, "refused": refused, "lost": lost,
            "doubled": doubled, "two_masters": len(two_at_once(self.watch.history)),
            "two_addresses_s": round(max(0, longest_together(self.watch.held)), 1),
            "wedged": 0 if serves and asked else 1, "untold": int(self.untold),
            "failed": unknown + refused if self.fault.planned else 0, "notes": self.notes,
        }


class Lab:
    """The cluster all rounds share, and the book of all it has acknowledged."""

    def __init__(self, bramble, folder, tested, say, args):
        self.machines = Machines(bramble, folder, "faults%s" % (args.lab or ""),
                                 "10.85.%d" % args.lab, args.nodes,
                                 QUICK_JAVA if args.tap else ())
        self.tested, self.say, self.quick = tested, say, args.quick
        self.watch = self.book = None

    def open(self):
        self.machines.build()
        self.begin()

    def begin(self):
        self.machines.start()
        self.watch, self.book = Watch(self.machines), books.Book()
        if not wait_until(SERVE_S, self.watch.all_serve):
            raise SystemExit("faults: the cluster does not form: " + self.watch.why())

    def close(self):
        if self.watch:
            self.watch.stop.set()
        self.machines.stop()

    def account(self, r):
        """(lost, doubled, did all answer?); what is lost is not counted again."""
        lost, doubled, asked = set(), 0, True
        for node in self.machines.nodes:
            found = books.account(self.machines, self.book, node)
            if found is None:
                r.note("%s cannot be asked what it has" % node)
                asked = False
                continue
            for n in found[0]:
                r.note("%s has not %d, acknowledged to %s" % (node, n, self.book.acked[n][1]))
            lost.update(found[0])
            doubled += found[1]
        for n in lost:
            del self.book.acked[n]
        return len(lost), doubled, asked

    def rescue(self):
        """After a round that wedged: all power off and on; if that is no help, a new cluster."""
        self.say("    power off and on for all")
        self.machines.cut(*[n for n in self.machines.nodes if n not in self.machines.off])
        self.machines.boot(*self.machines.nodes)
        if not wait_until(SERVE_S, self.watch.all_serve):
            self.say("    a new cluster")
            self.close()
            self.begin()


def keep_logs(lab, r, seconds):
    folder = os.path.join(TOP, "build", "faults", "logs", "%s-%s-%d-%d" % (
        lab.tested, r.fault.name, r.seed, r.number))
    os.makedirs(folder, exist_ok=True)
    for node in lab.machines.nodes:
        with open(os.path.join(folder, node + ".journal"), "w") as f:
            f.write(lab.machines.journal(node, seconds))
        shutil.copy(lab.machines.record(node)["console"], os.path.join(folder, node + ".console"))
    shutil.copy(lab.machines.rehearsal, folder)
    with open(os.path.join(folder, "notes"), "w") as f:
        f.write("\n".join(r.notes) + "\n")
    lab.say("    what there was to see: " + folder)


def play(lab, fault, number, seed):
    r = Round(lab, fault, number, seed)
    begin = time.monotonic()
    result = r.result()
    lab.say("  %s %d: %s" % (fault.name, number, ", ".join(
        "%s %s" % (k, result[k]) for k in ("no_master_s", "no_write_s", "no_vip_s", "acked",
                                           "unknown", "refused", "lost", "two_masters",
                                           "wedged"))))
    if not results.good(result):
        keep_logs(lab, r, int(time.monotonic() - begin) + 5)
    if result["wedged"]:
        lab.rescue()
    return result


def tap(number, result):
    good = results.good(result)
    print("%s %d - %s: every acknowledged write is on every member" % (
        "ok" if good else "not ok", number, result["fault"]))
    for n in result["notes"]:
        print("# " + n)
    print("# %s" % {k: v for k, v in result.items() if k != "notes"}, flush=True)
    return good


def run(args, lab, faults):
    """True when every round was good."""
    done = [] if args.tap else results.load(args.results)
    good = True
    for number in range(1, args.rounds + 1):
        for i, fault in enumerate(faults, 1):
            if results.played(done, fault.name, number, args.seed, lab.tested, args.nodes, args.quick):
                continue
            if not lab.watch:
                lab.open()
            result = play(lab, fault, number, args.seed)
            good &= results.good(result)
            if args.tap:
                tap((number - 1) * len(faults) + i, result)
            else:
                results.add(args.results, result)
                write_page(args)
    if args.tap:
        print("1..%d" % (args.rounds * len(faults)))
    return good


def write_page(args):
    with open(os.path.join(TOP, "docs", "RESULTS.md"), "w") as f:
        f.write(results.page(results.load(args.results), FAULTS))


def parse():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--fault", help="NAME,...; all")
    p.add_argument("--tap", action="store_true")
    p.add_argument("--nodes", type=int, default=3, choices=range(3, 8))
    p.add_argument("--quick", action="store_true")
    p.add_argument("--turn", type=int, default=1, choices=range(1, len(FAULTS) + 1))
    p.add_argument("--lab", type=int, default=0, choices=range(10))
    p.add_argument("--page", action="store_true")
    p.add_argument("--results", default=os.path.join(HERE, "rounds.jsonl"))
    args = p.parse_args()
    names = args.fault.split(",") if args.fault else [f.name for f in FAULTS]
    unknown = set(names) - {f.name for f in FAULTS}
    if unknown:
        p.error("no such fault: %s; there are: %s" % (
            ", ".join(unknown), ", ".join(f.name for f in FAULTS)))
    faults = [f for f in FAULTS if f.name in names]
    return args, results.turn(faults, args.turn, results.head(TOP))


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    args, faults = parse()
    for s in signal.SIGINT, signal.SIGTERM:
        signal.signal(s, interrupted)
    if args.page:
        return write_page(args)
    lack = "root" if os.geteuid() != 0 else missing_input()
    if lack:
        print("1..0 # SKIP rehearsals need " + lack)
        return 0 if args.tap else 1
    folder = tempfile.mkdtemp(prefix="bramble-faults.", dir="/var/tmp")
    say = (lambda text: None) if args.tap else lambda text: print(text, flush=True)
    bramble = os.environ.get("BRAMBLE") or os.path.join(
        os.environ.get("BRAMBLE_BUILD") or os.path.join(TOP, "build"), "bramble")
    lab = Lab(bramble, folder, results.commit(TOP), say, args)
    good = False
    try:
        good = run(args, lab, faults)
    except KeyboardInterrupt:
        pass
    finally:
        lab.close()
        shutil.rmtree(folder, ignore_errors=True)
        sys.stdout.flush()
    os._exit(0 if good else 1)  # threads may sit in a request


main()
