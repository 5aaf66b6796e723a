"""Clients that write without pause, and the book of what became of every write.

One client on each node writes through that node's own proxy, so that there is one on either side
of every rift. It never repeats a write:

  acknowledged  200 or 201 with an empty list of errors
  unknown       502, or sent and no whole answer: it may or may not be there
  refused       anything else, and what could not even be sent
"""
import threading
import time

from client import NOT_SENT, cypher, values
from machines import Inside, wait_until
from watch import longest_silence

PAUSE_S = 0.15
TIMEOUT_S = 60


class Book:
    def __init__(self):
        self.lock, self.last, self.forgotten = threading.Lock(), 0, 0
        self.acked, self.unknown, self.refused = {}, {}, {}  # number -> (when, node, words)

    def number(self):
        with self.lock:
            self.last += 1
            return self.last

    def enter(self, number, node, status, answer, text):
        page = self.refused
        if status in (200, 201) and "errors" in answer:
            page = self.refused if answer["errors"] else self.acked
        elif status in (200, 201, 502) or (status == 0 and not text.startswith(NOT_SENT)):
            page = self.unknown
        page[number] = (time.monotonic(), node, "%d %s" % (status, text.strip()[:200]))

    def forget(self):
        """All cards are new: what was acknowledged is nobody's any more."""
        self.forgotten += len(self.acked)
        self.acked = {}

    def count(self):
        return self.forgotten + len(self.acked), len(self.unknown), len(self.refused)

    def longest_gap(self, since, until):
        """Seconds without an acknowledged write."""
        return longest_silence(sorted(t for t, _, _ in list(self.acked.values())), since, until)


class Clients:
    def __init__(self, machines, book):
        self.machines, self.book, self.stop = machines, book, threading.Event()
        self.threads = [threading.Thread(target=self.write, args=(n,), daemon=True)
                        for n in machines.nodes]
        for t in self.threads:
            t.start()

    def write(self, node):
        inside = Inside(self.machines, node)
        while not self.stop.is_set():
            if inside.go():
                number = self.book.number()
                self.book.enter(number, node, *cypher(
                    "127.0.0.1", 8090, "CREATE (w:Write {id: {id}})", {"id": number},
                    {"X-Write": "1"}, TIMEOUT_S))
            time.sleep(PAUSE_S)

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join(TIMEOUT_S + 10)


def read_all(machines, node):
    """The numbers a member has; None when it does not answer."""
    out = []

    def work():
        if Inside(machines, node).go():
            _, answer, _ = cypher("127.0.0.1", 7474, "MATCH (w:Write) RETURN w.id")
            if answer.get("errors") == []:
                out.append(values(answer))

    t = threading.Thread(target=work)
    t.start()
    t.join()
    return out[0] if out else None


def account(machines, book, node, seconds=60):
    """(lost, doubled) of a member, which gets a while to catch up; None without an answer."""
    found = []

    def whole():
        ids = read_all(machines, node)
        if ids is None:
            return False
        lost = sorted(set(book.acked) - set(ids))
        found[:] = [(lost, len(ids) - len(set(ids)))]
        return not lost

    wait_until(seconds, whole)
    return found[0] if found else None
