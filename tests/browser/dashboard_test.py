#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy's dashboard in real Chromium: as phones and desktops show it, light and dark, with members
that come and go (mocks), by keyboard, by what a screen reader is told, without script. Prints TAP.
Screenshots go to $BRAMBLE_BUILD/test-logs/browser/, for people to look at."""

import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "proxy"))

import chromium  # noqa: E402
import harness  # noqa: E402
from fake_bolt import BoltMember, BoltProxy  # noqa: E402
from harness import Proxy, cluster, eventually, ok, same  # noqa: E402

WRITE = "X-Write: 1\r\n"
PICTURES = os.path.join(os.environ.get("BRAMBLE_BUILD", "build"), "test-logs", "browser")
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
LOOK = open(os.path.join(HERE, "look.js")).read()


class Dashboard:
    def __init__(self, members, kind=Proxy, **options):
        self.proxy = kind(members, **options)
        self.proxy.ready()
        self.page = chromium.Page("admin", self.proxy.password)
        self.page.look(*SIZES["desktop"])
        self.page.open(f"http://127.0.0.1:{self.proxy.stats_port}/")

    def __enter__(self):
        return self.proxy, self.page

    def __exit__(self, kind, value, trace):
        self.page.close()
        self.proxy.__exit__(kind, value, trace)


def headline(page):
    return page.run("document.querySelector('h1').textContent")


def look_at(page, state):
    """Four pictures of this state; what is wrong with them."""
    os.makedirs(PICTURES, exist_ok=True)
    for size, (w, h) in SIZES.items():
        for dark in (False, True):
            page.look(w, h, dark=dark, still=True, phone=size == "phone")
            faults = page.run(LOOK)
            same(faults, [], f"{state}, {size}, {'dark' if dark else 'light'}: all can be read and reached")
            page.picture(os.path.join(PICTURES, f"{state}-{size}-{'dark' if dark else 'light'}.png"))
    page.look(*SIZES["desktop"])


def traffic(proxy, stop):
    i = 0
    while not stop.is_set():
        i += 1
        try:
            proxy.once("POST" if i % 3 else "GET", "/slow" if i % 5 else "/echo", WRITE if i % 3 else "")
        except OSError:
            pass
        time.sleep(0.02)


def test_states():
    members = [BoltMember(f"pi{i + 1}", "slave" if i else "master") for i in range(3)]
    for m, tx in zip(members, (1204, 1204, 1198)):
        m.last_tx = tx
    with Dashboard(members, kind=BoltProxy) as (proxy, page):
        drivers = [proxy.client() for _ in range(4)]
        for c in drivers:
            c.run("WHO", mode="r")
        stop = threading.Event()
        for _ in range(3):
            threading.Thread(target=traffic, args=(proxy, stop), daemon=True).start()
        same(headline(page), "pi1 is the master", "it says who the master is")
        page.run("window.same = true")
        eventually(lambda: proxy.json()["history"]["requests"][1:])
        ok(page.until("document.querySelector('#requests .main').getAttribute('d').split('L').length > 1"),
           "the curves grow")
        ok(page.until("document.querySelector('[data-member=pi2] [data-t=behind]').textContent.match(/transaction/)"),
           "how far a slave is behind the master shows")
        ok(page.until("document.querySelector('[data-t=bolt_sessions]').textContent === '4'"), "and who came by Bolt")
        look_at(page, "well")
        members[2].down()
        ok(page.until("document.querySelector('[data-member=pi3]').className === 'member down'"),
           "a member that is down is shown as down")
        same(page.run("document.querySelector('[data-t=detail]').textContent"),
             "2 of 3 members serve: pi3 is down.", "and told")
        same(page.run("document.querySelector('[data-member=pi3] .badge').textContent"), "down",
             "in a word, not by colour alone")
        look_at(page, "one-down")
        members[0].down()
        ok(page.until("document.querySelector('h1').textContent === 'Writes wait: no member is master'"),
           "during a failover it says why writes wait")
        ok(page.until("document.querySelector('[data-t=held_now]').textContent > 0"), "and how many")
        look_at(page, "failover")
        ok(page.until("document.querySelector('#live').textContent.includes('Writes wait')"),
           "a screen reader is told, once")
        members[1].role = "master"
        ok(page.until("document.querySelector('h1').textContent === 'pi2 is the master'"), "the new master")
        ok(page.until("[...document.querySelectorAll('#events li')].some("
                      "e => e.textContent.includes('pi2: is the master'))"), "the events tell")
        ok(page.run("window.same"), "all that without loading the page again")
        look_at(page, "new-master")
        stop.set()
        here = f"http://127.0.0.1:{proxy.stats_port}/"
        same([u for u in page.requests if not u.startswith(here)], [], "nothing is asked of anybody else")
        same([c for c in page.complaints if "favicon" not in c], [], "no error, and no breach of the CSP")


def test_reader_and_keyboard():
    with Dashboard(cluster(2)) as (_, page):
        told = page.accessible()
        roles = [r for r, _ in told]
        for role in ("banner", "navigation", "main", "contentinfo"):
            same(roles.count(role), 1, f"one landmark: {role}")
        same([(r, n) for r, n in told if r in ("link", "button", "DisclosureTriangle") and not n], [],
             "whatever can be pressed has a name")
        headings = [n for r, n in told if r == "heading"]
        ok({"pi1 is the master", "Cluster", "pi1", "The last hour", "Events"} <= set(headings), f"headings: {headings}")
        ok(("region", "Cluster") in told and ("region", "Events") in told, "regions have names")
        page.key("Tab", 9)
        same(page.run("document.activeElement.className"), "skip", "the first Tab offers to skip")
        page.key("Enter", 13, "\r")
        ok(page.until("location.hash === '#main'"), "and does")
        page.run("document.querySelector('.manage summary').focus()")
        page.key("Enter", 13, "\r")
        seen = []
        for _ in range(9):
            page.key("Tab", 9)
            seen.append(page.run("document.activeElement.textContent.trim()"))
        ok("Drain pi1" in seen and "Weight +1 pi1" in seen, f"the orders are reached by keyboard: {seen[:6]}")
        page.look(1280, 900, still=True)
        same(page.run("getComputedStyle(document.querySelector('.card')).transitionDuration"), "0s",
             "who wants no motion gets none")
        page.run("document.querySelector('#pause').click()")
        before = len(page.requests)
        time.sleep(2.5)
        page.run("1")
        same([u for u in page.requests[before:] if u.endswith("/json")][1:], [], "updates can be paused")


def test_orders():
    with Dashboard(cluster(2)) as (proxy, page):
        page.run("document.querySelector('[data-member=pi2] .manage').open = true")
        page.run("[...document.querySelectorAll('[data-member=pi2] button')]"
                 ".find(b => b.textContent.startsWith('Drain')).click()")
        eventually(lambda: proxy.member("pi2")["admin"] == "drain", "the button drains")
        ok(page.until("document.querySelector('[data-member=pi2] .badge').textContent === 'draining'"),
           "the page comes back and shows it")


def test_without_script():
    members = cluster(2)
    with Dashboard(members) as (proxy, page):
        page.scripts(False)
        page.open(f"http://127.0.0.1:{proxy.stats_port}/?again")
        url = f"http://127.0.0.1:{proxy.stats_port}/"
        page.call("Page.navigate", url=url)
        page.scripts(True)
        page.until("document.readyState === 'complete'")
        html = proxy.stats("/")
        ok('<noscript><meta http-equiv="refresh"' in html, "without script it loads itself again")
        for part in ("pi1 is the master", "data-member=\"pi2\"", "</table>", "is the master, writes go there"):
            ok(part in html, f"and is complete as served: {part}")


if not chromium.found():
    print("1..0 # SKIP chromium is not installed")
    sys.exit(0)
sys.exit(harness.main(globals()))
