#!/usr/bin/env python3
"""The judge of the rounds of faults, judged: what is pure of watch.py, book.py and results.py.

Prints TAP; needs no root and no machines.
"""
import glob
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

import results  # noqa: E402 (their folders come first)
from book import Book  # noqa: E402
from table import FAULTS, slave_in_turn  # noqa: E402
from watch import has_address, longest_silence, longest_together, own_row, seconds_without, spans, \
    two_at_once  # noqa: E402

count = failed = 0


def same(got, want, what):
    global count, failed
    count += 1
    failed += got != want
    print("%sok %d - %s" % ("" if got == want else "not ", count, what))
    if got != want:
        print("# got %r, want %r" % (got, want))


def answers(text, begin=0):
    """A poll per second, each taking half of it: "y" yes, "n" no."""
    return [(begin + i, begin + i + 0.5, c == "y") for i, c in enumerate(text)]


def test_watch():
    same(spans(answers("nyyyn")), [(1.5, 3)], "writable from its first yes to its last")
    same(spans(answers("ynny")), [(0.5, 0.5), (3.5, 3.5)], "a yes alone has no length")
    same(spans([]), [], "nobody asked")
    same(two_at_once({"a": answers("yyyy"), "b": answers("nnnn")}), [], "one master")
    same(two_at_once({"a": answers("yynn"), "b": answers("nnyy")}), [], "one after the other")
    same(two_at_once({"a": answers("yyyynn"), "b": answers("nnyyyy", 0.1)}), [2.1, 3],
         "two at once: a poll of one between two of the other")
    same(two_at_once({"a": answers("yynnyy"), "b": answers("nnyynn")}), [], "there and back")
    same(seconds_without({"a": answers("nnnyyyyyyy")}, 0, 9), 3.5, "until the first yes")
    same(seconds_without({"a": answers("yyynnnnnnn"), "b": answers("nnnnnyyyyy")}, 0.5, 9), 3.5,
         "between two masters")
    same(seconds_without({"a": []}, 0, 9), 9, "all the time")


def test_two_addresses():
    same(longest_together({"a": answers("yyyyyn"), "b": answers("nnyyyy")}), 1.5, "for so long two have it")
    same(longest_together({"a": answers("yyn"), "b": answers("nny")}) > 0, False, "one after the other")
    same(longest_together({"a": answers("yyy"), "b": []}), 0, "one alone")
    same([has_address(t) for t in ('{"from": "a", "vip": {"at": "a"}}', '{"from": "a", "vip": {"at": "b"}}',
                                   '{"from": "a", "vip": null}', "", "[]")],
         [True, False, False, False, False], "who says that it has it")


def test_own_row():
    nodes = '"nodes": [{"name": "a", "why": "x"}, {"name": "b", "why": "y"}]}'
    same(own_row('{"from": "b", ' + nodes), {"name": "b", "why": "y"}, "the row of who answers")
    same([own_row(t) for t in ("", "refused", "{" + nodes, '{"from": "c", ' + nodes)], [{}] * 4,
         "no answer, a complaint, nobody, somebody who is not in it")


def test_turn():
    same(results.turn("abcdefg", 1, 5), "abcdefg", "all in one share")
    same(sorted("".join(results.turn("abcdefg", 3, n) for n in range(3))), list("abcdefg"),
         "each fault is in one of the shares")
    same(results.turn("abcdefg", 3, 10), "be", "a share by a number")
    same(max(len(results.turn(FAULTS, 8, n)) for n in range(8)), 4, "of the table, three or four in an eighth")


def test_says():
    """What a victim is to say of itself is what the agent says."""
    agent = ""
    for path in glob.glob(os.path.join(HERE, "../../../node-agent/**/*.c"), recursive=True):
        with open(path) as f:
            agent += f.read()
    same({f.name: f.says in agent for f in FAULTS if f.says},
         {"secret-mismatch": True, "duplicate-id": True, "clone": True}, "who is refused says why")


def test_victims():
    same([slave_in_turn("abcd", "b", n) for n in range(1, 5)], list("cdac"), "each slave in its turn")
    same([slave_in_turn("ab", None, n) for n in range(2)], list("ab"), "any of them while none is master")


def test_book():
    book = Book()
    said = [(200, {"errors": []}, ""), (201, {"errors": []}, ""), (200, {"errors": [1]}, "{}"),
            (502, {}, "unknown"), (0, {}, "timed out"), (0, {}, "not sent: refused"),
            (503, {}, "no master"), (200, {}, "half an ans")]
    for n, (status, answer, text) in enumerate(said):
        book.enter(n, "pi1", status, answer, text)
    same(sorted(book.acked), [0, 1], "acknowledged: 200 or 201 without errors")
    same(sorted(book.unknown), [3, 4, 7], "unknown: 502, no answer, half an answer")
    same(sorted(book.refused), [2, 5, 6], "refused: errors, never sent, anything else")
    book.acked = {1: (10, "pi1", ""), 2: (13, "pi2", ""), 3: (14, "pi3", "")}
    same(book.longest_gap(9, 20), 6, "the longest time without an acknowledged write")


def test_silence():
    same(longest_silence([1, 2, 5, 6], 0, 7), 3, "the longest silence")
    same(longest_silence([1, 2], 0, 9), 7, "until the end")
    same(longest_silence([], 0, 9), 9, "nobody ever answers")


def test_results():
    r = {"fault": "power-cut", "round": 1, "seed": 1, "commit": "abc", "date": "2024-01-01",
         "no_master_s": 3.0, "no_write_s": 4.0, "acked": 10, "unknown": 1, "refused": 2, "lost": 0,
         "doubled": 0, "two_masters": 0, "wedged": 0, "notes": ["a|b"]}
    bad = {**r, "round": 2, "no_master_s": 5.0, "lost": 1}
    same(results.good(r), True, "a good round")
    same([results.good({**r, k: 1}) for k in ("lost", "doubled", "two_masters", "wedged")],
         [False] * 4, "lost, twice, two masters, wedged: not good")
    same(results.good({**r, "untold": 1}), False, "nor where a node said not what is wrong with it")
    same(results.good({**r, "failed": 1}), False, "nor where a write failed though all was planned")
    same(results.played([r], "power-cut", 1, 1, "abc"), True, "played")
    same(results.played([r], "power-cut", 1, 1, "def"), False, "not with these programs")
    page = results.page([r, bad], FAULTS)
    same("| 2 | 4.0, 5.0 | 4.0, 4.0 |  | 20 | 2 | 1 | 0 | 0 | 0 |" in page, True,
         "a row: median and worst, and sums")
    four = {**r, "nodes": 4, "no_vip_s": 3.5}
    page = results.page([r, bad, four], FAULTS)
    same("in turn, 4 nodes | 1 | 3.0, 3.0 | 4.0, 4.0 | 3.5, 3.5 | 10 |" in page, True,
         "a cluster of four has a row of its own")
    same(results.played([r], "power-cut", 1, 1, "abc", 4), False, "one of three is none of four")
    same("- power-cut, round 2: a/b" in page, True, "and what was seen when it was not good")
    same(len({f.name for f in FAULTS}), len(FAULTS), "every fault has a name of its own")


test_watch()
test_own_row()
test_two_addresses()
test_turn()
test_says()
test_victims()
test_book()
test_silence()
test_results()
print("1..%d" % count)
sys.exit(failed != 0)
