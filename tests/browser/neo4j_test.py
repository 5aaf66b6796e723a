#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Neo4j Browser that a real Neo4j 3.5 brings along, in headless Chromium, through bramble-proxy to a
real HA cluster on loopback: connect, write, see the graph, `:sysinfo`. Prints TAP.

    neo4j_test.py [--direct]    --direct: to the master, without the proxy, to compare
"""

import os
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "drivers"))
import chromium  # noqa: E402
import cluster  # noqa: E402

BUILD = os.environ.get("BRAMBLE_BUILD", "build")
PICTURES = os.path.join(BUILD, "neo4j-browser")
NODES = 2  # a master and a slave
count = bad = 0

# React hears of a value only if the element's own setter was passed by.
FILL = """(() => {
  const own = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set
  const fill = (e, v) => { own.call(e, v)
    for (const what of ['input', 'change']) e.dispatchEvent(new Event(what, { bubbles: true })) }
  const secret = document.querySelector('input[type=password]')
  const text = [...document.querySelectorAll('input')].filter(e => e.type !== 'password').slice(-2)
  if (!secret || text.length < 2) return
  fill(text[0], 'bolt://%s'); fill(text[1], 'neo4j'); fill(secret, '%s')
})()"""
PRESS = "[...document.querySelectorAll('button')].filter(x => /^connect/i.test(x.innerText)).forEach(x => x.click())"
CONNECTED = "document.body.innerText.includes('to bolt://%s')"
EDIT = """(() => { const e = document.querySelector('.CodeMirror').CodeMirror
  e.focus(); e.setValue(%r) })()"""
GRAPH = "document.querySelectorAll('svg .node').length == 2 && document.querySelectorAll('svg .relationship').length == 1"
NAMES = "[...document.querySelectorAll('svg .node')].map(x => x.textContent.trim()).sort().join(' ')"
# The table of :sysinfo that has this heading, as rows of cells.
TABLE = """(() => {
  const t = [...document.querySelectorAll('table')].find(t => t.querySelector('th')?.innerText.trim() == '%s')
  return t ? [...t.querySelectorAll('tr')].map(r => [...r.querySelectorAll('td')].map(c => c.innerText.trim())) : []
})()"""
CTRL = 2


def ok(held, text, why=""):
    global count, bad
    count += 1
    bad += not held
    print(f"{'' if held else 'not '}ok {count} - {text}", flush=True)
    if not held and why:
        print("# " + str(why).replace("\n", "\n# "), flush=True)
    return held


def picture(page, name):
    os.makedirs(PICTURES, exist_ok=True)
    page.picture(os.path.join(PICTURES, name + ".png"))


def shows(page, held, name):
    if not held:
        picture(page, "failed")
        print("# " + "\n# ".join(page.complaints[-5:]), flush=True)
    return ok(held, name, page.run("document.body.innerText.slice(0, 1500)"))


def until(what):
    """Asked again and again, which costs the page something: not as often as Page.until does."""
    end = time.monotonic() + chromium.PATIENCE_S
    while not (held := what()) and time.monotonic() < end:
        time.sleep(1)
    return held


def command(page, text):
    """Types it into the editor and runs it."""
    page.run(EDIT % text)
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13,
                  modifiers=CTRL)


def connect(page, to):
    """The page first tries an address of its own, and empties its form when that fails: again, then."""
    bolt = f"127.0.0.1:{to.bolt}"

    def connected():
        if not page.run(CONNECTED % bolt):
            page.run(FILL % (bolt, cluster.PASSWORD))
            time.sleep(0.5)  # the button is one of the form as it is drawn next
            page.run(PRESS)
        return page.run(CONNECTED % bolt)

    ok(page.open(f"http://127.0.0.1:{to.http}/browser/"), "the Neo4j Browser's page comes")
    return shows(page, page.until("!!document.querySelector('input[type=password]') && "
                                  "!!document.querySelector('.CodeMirror')"), "it runs") and \
        shows(page, until(connected), "it connects by Bolt in a WebSocket, with the password")


def draw(page):
    command(page, "CREATE (a:Person {name: 'Ada'})-[r:KNOWS]->(b:Person {name: 'Bob'}) RETURN a, r, b")
    shows(page, page.until(GRAPH), "a query is run, its graph is drawn")
    shows(page, page.until(NAMES + " == 'Ada Bob'"), "with names on its nodes")
    picture(page, "graph")


def sysinfo(page):
    """A member answers what it knows at that moment, so it is asked until it knows all of them."""
    want = [["1", "true", "true"], ["2", "true", "true"]]

    def members():
        command(page, ":clear")
        command(page, ":sysinfo")
        page.until(f"({TABLE % 'Store Sizes'}).length > 1")
        rows = page.run(TABLE % "Cluster")
        return [r for r in rows if len(r) == 4 and r[0].isdigit()]

    def complete():
        rows = sorted(members())
        return [r[:3] for r in rows] == want and sorted(r[3] for r in rows) == ["-", "yes"]

    shows(page, until(complete), ":sysinfo shows the cluster's members, one of them as master")
    rows = dict(r for r in page.run(TABLE % "High Availability") if len(r) == 2)
    ok(rows.get("Role") in ("master", "slave"), "which of them is asked, and its role", rows)
    rows = dict(r for r in page.run(TABLE % "Store Sizes") if len(r) == 2)
    ok(rows.get("Total Store Size", "")[:1].isdigit(), "and how large its store is", rows)
    page.run("[...document.querySelectorAll('table')].pop().scrollIntoView({ block: 'nearest' })")
    picture(page, "sysinfo")


def browse(to):
    page = chromium.Page()
    try:
        page.look(1280, 900)
        if connect(page, to):
            draw(page)
            sysinfo(page)
    finally:
        page.close()


def main():
    if not chromium.found() or not shutil.which("java") or not os.path.exists(cluster.BUNDLE):
        print("1..0 # SKIP no chromium, no Java or no Neo4j (images/neo4j/bundle.sh)")
        return 0
    with cluster.Cluster(NODES) as c, cluster.Proxy(c.nodes) as p:
        browse(c.master() if "--direct" in sys.argv else p)
    print(f"1..{count}")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
