"""The file of results, one line of JSON per round, and the page made from it."""
import json
import os
import statistics
import subprocess

HEAD = """# Rounds of faults

`make faults ROUNDS=20` plays them, and this page is made from what was recorded; most rounds are quick ones
(tests/cluster/faults/faults.py --quick), in which a fault lasts no longer than it must. One rehearsed
cluster: the built images of three data nodes, or as many as the row says, with real Neo4j
3.5.0-beta03, each node with a proxy; a client on every node writes through its own node's proxy all
the while. After each fault the cluster must serve again by itself, and every acknowledged write
must be on every member exactly once. The faults and how each is made: tests/cluster/faults/table.py;
what each round came to: tests/cluster/faults/rounds.jsonl. Times are those of a machine of two cores
that did other things as well.

- **without a master**: seconds of the round in which no agent called its node writable.
- **no write**: the longest time between two acknowledged writes.
- **no address**: the longest time without a proxy that answers at the cluster's floating address.
- **unknown**: writes without an answer, or with 502; they may or may not be there, and are not lost.
- **lost**: acknowledged writes that a member does not have after all serve again.
- **twice**: writes of which a member has two.
- **two masters**: polls at which two nodes were writable at once.
- **wedged**: rounds after which the cluster did not serve within 300 s by itself.
- Not good is also a round in which two nodes had the floating address for more than 5 s at a time, one that
  failed a write where nothing had to, and one whose node did not say what was wrong with it.
- **quick**: faults lasted the least time of their row in the table; power came back within 40 s, links flapped for 10 s.
"""
TABLE = """
| fault | rounds | without a master, s (median, worst) | no write, s (median, worst) | no address, s (median, worst) | acknowledged | unknown | lost | twice | two masters | wedged |
|---|---|---|---|---|---|---|---|---|---|---|
"""
TWO_ADDRESSES_S = 5  # on two nodes at once, while each finds out that it is not alone
PROGRAMS = ["node-agent", "common", "proxy", "overlays", "builder"]


def git(top, *args):
    return subprocess.run(["git", "-C", top, *args], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


def commit(top):
    """What was tested: the last change of the programs, and whether there are more."""
    changed = git(top, "status", "--porcelain", "--", *PROGRAMS)
    return git(top, "log", "-1", "--format=%h", "--", *PROGRAMS) + ("+" if changed else "")


def head(top):
    """The number that chooses whose turn it is: of commits, so that the next one is another's; 0 where there is
    no history."""
    try:
        return int(git(top, "rev-list", "--count", "HEAD"))
    except (subprocess.CalledProcessError, FileNotFoundError):
        return 0


def turn(faults, shares, number):
    """One of so many shares of the faults, far from each other in the table: the like ones are near."""
    return faults[number % shares::shares]


def load(path):
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [json.loads(line) for line in f]


def add(path, result):
    with open(path, "a") as f:
        f.write(json.dumps(result) + "\n")
        f.flush()
        os.fsync(f.fileno())


def kind(r):
    """How many nodes, and whether the fault lasted no longer than it must."""
    return r.get("nodes", 3), r.get("quick", False)


def played(results, fault, number, seed, tested, count=3, quick=False):
    return any((r["fault"], r["round"], r["seed"], r["commit"], *kind(r)) == (
        fault, number, seed, tested, count, quick) for r in results)


def good(r):
    """Of the later keys rounds of before know nothing."""
    return not (r["lost"] or r["doubled"] or r["two_masters"] or r["wedged"] or r.get("untold") or
                r.get("failed") or r.get("two_addresses_s", 0) > TWO_ADDRESSES_S)


def pair(rounds, key):
    """Of what was measured in them; rounds of before there was an address have none."""
    numbers = [r[key] for r in rounds if key in r]
    return "%.1f, %.1f" % (statistics.median(numbers), max(numbers)) if numbers else ""


def row(fault, rounds):
    def total(key):
        return sum(r[key] for r in rounds)

    count, quick = kind(rounds[0])
    many = (", %d nodes" % count if count != 3 else "") + (", quick" if quick else "")
    return "| %s: %s%s | %d | %s | %s | %s | %d | %d | %d | %d | %d | %d |\n" % (
        fault.name, fault.what, many, len(rounds), pair(rounds, "no_master_s"),
        pair(rounds, "no_write_s"), pair(rounds, "no_vip_s"), total("acked"), total("unknown"),
        total("lost"), total("doubled"), total("two_masters"), total("wedged"))


def page(results, faults):
    out = HEAD
    for tested in reversed(list(dict.fromkeys(r["commit"] for r in results))):
        of = [r for r in results if r["commit"] == tested]
        out += "\n## Programs of commit %s, %s\n" % (tested, of[-1]["date"])
        out += "\nSeed %s.\n" % ", ".join(sorted({str(r["seed"]) for r in of})) + TABLE
        for fault in faults:
            for k in sorted({kind(r) for r in of}):
                rounds = [r for r in of if r["fault"] == fault.name and kind(r) == k]
                out += row(fault, rounds) if rounds else ""
        out += notes(of)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "found.md")) as f:
        return out + f.read()


def notes(rounds):
    """What was seen in rounds that were not good."""
    bad = [r for r in rounds if not good(r)]
    if not bad:
        return ""
    return "\nNot good:\n\n" + "".join("- %s, round %d: %s\n" % (
        r["fault"], r["round"], "; ".join(r["notes"]).replace("|", "/")) for r in bad)
