"""The faults: whom they strike, how, for how long, and what heals them.

strike and heal get the round: its machines, watch, seeded rng, victim and a drawer of its own.
"""
import subprocess
import time
from dataclasses import dataclass
from typing import Callable

import cable
from client import slowly
from machines import wait_until

SKEW_S = 120        # how far apart machines get power in the worst case
QUICK_SKEW_S = 40   # and where time is short
FLAP_S, QUICK_FLAP_S = 30, 10
GRACE_S = 240       # a start with a member missing waits for it first
LOSS_PERCENT = 20
DELAY_MS = 200
CONF, MARKER, MEMORY = ("/etc/bramble/node.conf", "/srv/bramble/bramble.marker",
                        "/srv/bramble/bramble.quorum")
SECRET = "/etc/bramble/cluster.secret"


@dataclass(frozen=True)
class Fault:
    name: str
    what: str
    victim: Callable
    strike: Callable
    heal: Callable
    seconds: tuple = (15, 45)  # at least and at most, between strike and heal
    says: str = ""             # in what the victim's agent says of itself before that
    planned: bool = False      # then no write may fail


# --- whom

def in_turn(r):
    return r.machines.nodes[r.number % len(r.machines.nodes)]


def the_master(r):
    return wait_until(60, r.watch.master)


def slave_in_turn(nodes, master, number):
    slaves = [n for n in nodes if n != master]
    return slaves[number % len(slaves)]


def a_slave(r):
    return slave_in_turn(r.machines.nodes, r.watch.master(), r.number)


def nobody(_):
    return None


# --- power

def power_off(r):
    r.machines.cut(r.victim)


def power_on(r):
    r.machines.boot(r.victim)


def power_off_again(r):
    """A slave's first; the master's as soon as that one is back, and the others may still hold connections to what it
    was."""
    slave = slave_in_turn(r.machines.nodes, r.victim, r.number)
    r.machines.cut(slave)
    time.sleep(62)  # what others say to it is sent again after some 55 s, and then after 107
    r.machines.boot(slave)
    if not wait_until(120, lambda: r.watch.now[slave].get("state") == "serving"):
        r.note(slave + " does not come back: " + r.watch.why())
    r.machines.cut(r.victim)


def all_off(r):
    """Within two seconds, each at a moment of its own."""
    for node in shuffled(r):
        r.machines.cut(node)
        time.sleep(r.rng.uniform(0, 0.7))


def all_on(r):
    r.machines.boot(*shuffled(r))


def all_off_at_once(r):
    r.machines.cut(*r.machines.nodes)


def all_on_with_skew(r):
    skew = QUICK_SKEW_S if r.quick else SKEW_S
    moments = sorted((r.rng.uniform(0, skew), n) for n in r.machines.nodes)
    r.note("powered on after " + ", ".join("%s %.0f s" % (n, t) for t, n in moments))
    begin = time.monotonic()
    for moment, node in moments:
        time.sleep(max(0.0, begin + moment - time.monotonic()))
        r.machines.boot(node)


def all_new(r):
    """As flashed: what was acknowledged before is nobody's any more."""
    r.machines.cut(*r.machines.nodes)
    for node in r.machines.nodes:
        r.machines.new_card(node)
    r.lab.book.forget()


def all_but_one(r):
    r.machines.cut(*r.machines.nodes)
    r.machines.boot(*[n for n in shuffled(r) if n != r.victim])
    formed = wait_until(GRACE_S, r.watch.master)
    r.note("the others started without %s" % r.victim if formed else
           "the others did not start without " + r.victim + ": " + r.watch.why())


def slows_down(r, node):
    """False while it boots."""
    try:
        r.machines.run(node, "systemd-run", "--quiet", "--collect", "sh", "-c", slowly(120))
    except subprocess.CalledProcessError:
        return False
    return True


def all_but_the_master(r):
    """One of the others misses the last writes; the one that has them is slow."""
    behind, ahead = [n for n in shuffled(r) if n != r.victim][:2]
    cable.unplug(r.machines, behind)
    goal = len(r.lab.book.acked) + 5
    wait_until(8, lambda: len(r.lab.book.acked) >= goal)
    r.note("%s has not the last writes, %s is slow" % (behind, ahead))
    all_off_at_once(r)
    r.machines.boot(*[n for n in shuffled(r) if n != r.victim])
    wait_until(60, lambda: slows_down(r, ahead))
    formed = wait_until(2 * GRACE_S, r.watch.master)  # up to three begin, one after the other
    r.note("%s is master" % formed if formed else "nobody is: " + r.watch.why())


def shuffled(r):
    return r.rng.sample(r.machines.nodes, len(r.machines.nodes))


# --- network

def bad_cable(delay_ms, loss_percent):
    def strike(r):
        r.drawer["relay"] = cable.Relay(r.machines, r.victim, delay_ms, loss_percent,
                                        r.rng.randrange(1 << 30))
    return strike


def good_cable(r):
    r.drawer["relay"].remove()


def flap(r):
    """Up and down for a while; what the fault then lasts it is down."""
    end = time.monotonic() + (QUICK_FLAP_S if r.quick else FLAP_S)
    while time.monotonic() < end:
        cable.unplug(r.machines, r.victim)
        time.sleep(r.rng.uniform(0.2, 4))
        cable.plug(r.machines, r.victim)
        time.sleep(r.rng.uniform(0.2, 4))
    cable.unplug(r.machines, r.victim)


def plug(r):
    cable.plug(r.machines, r.victim)


# --- processes

def signals(unit, signal):
    return lambda r: r.machines.signal(r.victim, unit, signal)


def nothing(_):
    pass


AVAHI = ("avahi-daemon.socket", "avahi-daemon.service")


def kill_avahi(r):
    """And systemd starts it no more; but the victim's comes back with the victim."""
    for n in r.machines.nodes:
        r.machines.run(n, "systemctl", "mask", "--runtime", *AVAHI)
        r.machines.signal(n, AVAHI[1], "KILL")
    power_off(r)


def start_avahi(r):
    power_on(r)
    for n in r.machines.nodes:
        if n != r.victim:
            r.machines.run(n, "systemctl", "unmask", "--runtime", *AVAHI)
            r.machines.run(n, "systemctl", "start", *AVAHI)


# --- the card

def fill(r):
    """Room for one more file is never all that df tells: what fallocate cannot have cat fills."""
    r.machines.shell(r.victim, "avail=$(df --output=avail -B1 /srv/bramble | tail -n 1); "
                     "fallocate -l $((avail * 9 / 10)) /srv/bramble/fill || true; "
                     "cat /dev/zero >>/srv/bramble/fill || true")


def empty(r):
    r.machines.run(r.victim, "rm", "/srv/bramble/fill")


def read_only(r):
    """As after an error of the card: ext4 aborts its journal and only a mount heals it."""
    # By fstab's line mount would do nothing: its device is not there, and it says nofail.
    r.machines.run(r.victim, "mount", "--options-mode", "ignore", "-o", "remount,abort", "none",
                   "/srv/bramble")


def power_cycle(r):
    r.machines.cut(r.victim)
    r.machines.boot(r.victim)


# --- identity

def keep(r, *paths):
    for p in paths:
        r.machines.run(r.victim, "cp", "-p", p, p + ".kept")


def put_back(*paths):
    def heal(r):
        r.machines.run(r.victim, "systemctl", "stop", "bramble-agent", "neo4j")
        for p in paths:
            r.machines.run(r.victim, "mv", p + ".kept", p)
        r.machines.run(r.victim, "systemctl", "start", "bramble-agent")
    return heal


def other_secret(r):
    keep(r, SECRET)
    r.machines.shell(r.victim, "tr 0-9a-f 1-9a-f0 <%s.kept >%s" % (SECRET, SECRET))
    r.machines.run(r.victim, "systemctl", "restart", "bramble-agent")


def another(r):
    return r.rng.choice([n for n in r.machines.nodes if n != r.victim])


def other_id(r):
    """The card says that it is another node, its p3 that it is not."""
    keep(r, CONF)
    r.machines.run(r.victim, "sed", "-i", "s/^node { name = \"%s\"/node { name = \"%s\"/" % (
        r.victim, another(r)), CONF)
    r.machines.run(r.victim, "systemctl", "restart", "bramble-agent")


def clone(r):
    """A card copied from a living node's: its name, its marker and what it remembers."""
    original = another(r)
    r.note("%s is a copy of %s" % (r.victim, original))
    r.machines.run(r.victim, "systemctl", "stop", "bramble-agent", "neo4j")
    keep(r, CONF, MARKER, MEMORY)
    for p in CONF, MARKER, MEMORY:
        text = r.machines.run(original, "base64", "-w0", p)
        r.machines.shell(r.victim, "echo %s | base64 -d >%s" % (text, p))
    r.machines.run(r.victim, "systemctl", "start", "bramble-agent")


def switch_over(r):
    """By a person's word; it is over when another one is master, and the former one is its slave."""
    r.note(r.machines.command("switchover", another(r)).strip().splitlines()[-1])


FAULTS = [
    Fault("power-cut", "one node loses power, in turn", in_turn, power_off, power_on),
    Fault("power-cut-again", "a slave loses power, comes back, and at once the master loses it", the_master,
          power_off_again, power_on),
    Fault("power-cut-all", "all lose power within two seconds", nobody, all_off, all_on, (0, 5)),
    Fault("power-on-skew", "all lose power at once, and get it back in random order within 120 s",
          nobody, all_off_at_once, all_on_with_skew, (0, 5)),
    Fault("first-power-on", "all get new cards, and power in random order within 120 s", nobody, all_new,
          all_on_with_skew, (0, 5)),
    Fault("cold-boot-missing", "all lose power at once, all but one get it back, later that one",
          in_turn, all_but_one, power_on, (5, 20)),
    Fault("cold-boot-behind", "all lose power at once, all but the master get it back: one that misses "
          "the last writes, and one that is slow; later the master", the_master,
          all_but_the_master, power_on, (5, 20)),
    Fault("partition-master", "nothing gets through the master's cable", the_master,
          bad_cable(0, 100), good_cable, (20, 60)),
    Fault("partition-slave", "nothing gets through a slave's cable", a_slave,
          bad_cable(0, 100), good_cable, (20, 60)),
    Fault("flapping-link", "a node's link goes up and down for 30 s", in_turn, flap, plug, (0, 15)),
    Fault("packet-loss", "20 % of a node's frames are lost, either way", in_turn,
          bad_cable(0, LOSS_PERCENT), good_cable, (40, 60)),
    Fault("delay", "a node's frames are 200 ms late, either way", in_turn,
          bad_cable(DELAY_MS, 0), good_cable, (40, 60)),
    Fault("java-stop-short", "the master's Neo4j is stopped for less than the lease", the_master,
          signals("neo4j", "STOP"), signals("neo4j", "CONT"), (4, 8)),
    Fault("java-stop", "the master's Neo4j is stopped for 30 s", the_master,
          signals("neo4j", "STOP"), signals("neo4j", "CONT"), (30, 30)),
    Fault("agent-stop-short", "the master's agent is stopped for less than the lease", the_master,
          signals("bramble-agent", "STOP"), signals("bramble-agent", "CONT"), (3, 8)),
    Fault("agent-stop", "the master's agent is stopped for 30 s; its watchdog may end it",
          the_master, signals("bramble-agent", "STOP"), signals("bramble-agent", "CONT"), (30, 30)),
    Fault("agent-kill", "the master's agent is killed", the_master,
          signals("bramble-agent", "KILL"), nothing, (5, 15)),
    Fault("guard-kill", "the master's guard is killed", the_master,
          signals("bramble-guard", "KILL"), nothing, (5, 15)),
    Fault("avahi-kill", "avahi-daemon is killed on all nodes, and one of them loses power", in_turn,
          kill_avahi, start_avahi),
    Fault("disk-full", "the master's p3 is full", the_master, fill, empty, (30, 60)),
    Fault("disk-read-only", "the master's p3 becomes read-only; a power cycle heals it", the_master,
          read_only, power_cycle, (30, 60)),
    Fault("secret-mismatch", "a slave has another cluster secret", a_slave, other_secret,
          put_back(SECRET), (20, 40), "another cluster secret"),
    Fault("duplicate-id", "a slave's card says that it is another node", a_slave, other_id,
          put_back(CONF), (20, 40), "the store belongs to"),
    Fault("clone", "a slave's card becomes a copy of another node's", a_slave, clone,
          put_back(CONF, MARKER, MEMORY), (30, 50), "its card is a copy"),
    Fault("switchover", "a person has another node be the master: no write may fail", the_master,
          switch_over, nothing, (5, 15), planned=True),
]
