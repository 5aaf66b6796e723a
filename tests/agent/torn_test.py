#!/usr/bin/env python3
"""The agent's state files are old or new, never torn: whichever call was its last.

Each save runs with tests/preload/record.c in front of libc, once killed (SIGKILL) before each of
its calls, and once whole with every call written down. From that record comes what a card may hold
when the power goes after each call: a file's bytes count once it was synced, a name once its
folder was, and either may have reached the card earlier by itself. Every such card is read back.
Prints TAP.
"""
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BRAMBLE_BUILD") or os.path.join(TOP, "build")
RECORD = os.path.join(BUILD, "preload", "record.so")
STEPS = os.path.join(BUILD, "torn_steps")
SAVES = ["memory_save", "runtime_save", "lease_save", "marker_set", "marker_set_neo4j", "task_save"]
CARELESS = ["careless-unsynced", "careless-in-place"]
SOURCES = ["tests/agent/torn_steps.c", *("node-agent/%s.c" % m for m in (
    "memory", "runtime", "marker", "quorum/wire", "quorum/manifest", "hello",
    "task/task", "task/task_file"))]
# Likewise of a whole card, and the folder there in which it is saved.
BELOW = {"pin_check": "srv/bramble", "book_save": "srv/bramble", "users_own_password": "srv/bramble",
         "replace_file": "etc/bramble", "place_commit": "etc/bramble",
         "record_save": "var/lib/bramble", "switch_run": "opt",
         "shelf_end": "srv/bramble/apply", "shelf_keep": "srv/bramble/apply",
         "rewrite_kept": "var/lib/bramble/before", "save_before": "var/lib/bramble",
         "user_files_write": "srv/bramble/neo4j/data/dbms"}
FOLDERS = ["save_before"]  # a folder takes another one's place: only killed, for Card knows files only
SOURCES += ["node-agent/%s.c" % m for m in (
    "pin", "discover/book", "users/users", "users/account", "users/account_file",
    "users/account_json", "helper/helper_deed", "helper/helper_rules", "helper/helper_vip",
    "helper/helper_wire", "identity", "discover/interfaces", "clock/clock_set", "apply/place",
    "apply/record", "upgrade/install", "apply/enact", "proxy_conf", "apply/shelf", "users/user_files", "secrets",
    "backup/unpack")]
CALLS_MAX = 100


def build():
    common = ["common/" + f for f in sorted(os.listdir(TOP + "/common")) if f.endswith(".c")]
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-O1", "-g",
                    "-ffunction-sections", "-Wl,--gc-sections",  # only what is saved by
                    "-Wl,--wrap=marker_check",
                    "-Wall", "-Wextra", "-DBRAMBLE_VERSION=\"torn\"", "-Icommon", "-Inode-agent",
                    *SOURCES, *common, "-lconfuse", "-ljansson", "-lsodium", "-o", STEPS],
                   cwd=TOP, check=True)
    os.makedirs(os.path.dirname(RECORD), exist_ok=True)
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-D_LARGEFILE64_SOURCE", "-O1", "-fPIC",
                    "-shared", "-Wall", "-o", RECORD, "tests/preload/record.c", "-ldl"],
                   cwd=TOP, check=True)


def folder_of(kind, card):
    return os.path.join(card, BELOW[kind]) if kind in BELOW else card


def save(kind, card, state, **environment):
    env = {**os.environ, **environment}
    if environment:
        env.update(LD_PRELOAD=RECORD, RECORD_DIR=folder_of(kind, card))
    return subprocess.run([STEPS, "save", kind, card, state], env=env).returncode


def load(kind, card):
    return subprocess.run([STEPS, "load", kind, card], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.strip()


class Card:
    """What a folder holds in memory, and what of it a card surely holds."""

    def __init__(self, folder):
        self.names, self.bytes = {}, {}  # name -> inode; inode -> what was written
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                self.link(name, os.readlink(path))
            elif os.path.isfile(path):
                inode = self.names[name] = os.stat(path).st_ino
                with open(path, "rb") as f:
                    self.bytes[inode] = f.read()
        self.sure_names, self.sure_bytes = dict(self.names), dict(self.bytes)

    def link(self, name, target):
        """Its target is on the card as soon as its name is: ext4 keeps it in the inode."""
        self.names[name], self.bytes[target] = target, target

    def play(self, line):
        call, *args = line.split()
        if call == "create":
            self.names[args[1]] = int(args[0])
            self.bytes[int(args[0])] = b""
        elif call == "write":
            self.bytes[int(args[0])] += bytes.fromhex(args[1])
        elif call == "sync":
            self.sure_bytes[int(args[0])] = self.bytes[int(args[0])]
        elif call == "sync-names":
            self.sure_names = dict(self.names)
        elif call == "rename":
            self.names[args[1]] = self.names.pop(args[0])
        elif call == "symlink":
            self.link(*args)
            self.sure_bytes[args[1]] = args[1]
        elif call == "unlink":
            self.names.pop(args[0], None)

    def after_power_loss(self):
        """Everything the card may hold: old names or new, bytes that were not synced or half."""
        for names in (self.sure_names, self.names):
            for part in (lambda b: b, lambda b: b[:len(b) // 2], lambda b: b""):
                yield {n: self.sure_bytes[i] if self.sure_bytes.get(i) == self.bytes[i]
                       else part(self.bytes[i]) for n, i in names.items()}


def read_card(kind, files):
    with tempfile.TemporaryDirectory() as card:
        folder = folder_of(kind, card)
        os.makedirs(folder, exist_ok=True)
        for name, content in files.items():
            path = os.path.join(folder, name)
            if isinstance(content, str):
                os.symlink(content, path)
                continue
            with open(path, "wb") as f:
                f.write(content)
        return load(kind, card)


def fresh(kind, scratch):
    card = os.path.join(scratch, "card")
    shutil.rmtree(card, ignore_errors=True)
    os.makedirs(folder_of(kind, card))
    assert save(kind, card, "old") == 0
    return card


def killed_at_each(kind, scratch):
    """What is read after kill -9 before the 1st, 2nd ... call, and after all of them."""
    found = []
    for n in range(1, CALLS_MAX):
        whole = fresh(kind, scratch)
        status = save(kind, whole, "new", RECORD_KILL=str(n))
        found.append(load(kind, whole))
        if status == 0:
            return found
    raise SystemExit(kind + ": does not end")


def cut_at_each(kind, scratch):
    """[what may be read after a loss of power] before the first call, after the first ..."""
    whole, record = fresh(kind, scratch), os.path.join(scratch, "record")
    card = Card(folder_of(kind, whole))
    if os.path.exists(record):
        os.unlink(record)
    assert save(kind, whole, "new", RECORD_TO=record) == 0
    found = [{"old"}]
    with open(record) as f:
        for line in f:
            card.play(line)
            found.append({read_card(kind, files) for files in card.after_power_loss()})
    return found


class Tap:
    def __init__(self):
        self.n, self.bad = 0, 0

    def ok(self, good, name, why=""):
        self.n += 1
        self.bad += not good
        print("%sok %d - %s" % ("" if good else "not ", self.n, name))
        if not good:
            print("# %s" % (why,))


def main():
    build()
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="bramble-torn.") as scratch:
        for kind in [*SAVES, *BELOW]:
            kills = killed_at_each(kind, scratch)
            tap.ok(set(kills) <= {"old", "new"} and kills[-1] == "new" and len(kills) > 5,
                   "%s: killed before each of %d calls" % (kind, len(kills) - 1), kills)
            if kind in FOLDERS:
                continue
            cuts = cut_at_each(kind, scratch)
            tap.ok(set().union(*cuts) <= {"old", "new"} and cuts[-1] == {"new"},
                   "%s: power lost after each of them, and what was saved stays" % kind, cuts)
        for kind in CARELESS:
            cuts = cut_at_each(kind, scratch)
            tap.ok("torn" in set().union(*cuts), "%s: is found" % kind, cuts)
    print("1..%d" % tap.n)
    return tap.bad != 0


sys.exit(main())
