# SPDX-License-Identifier: GPL-3.0-or-later
"""Headless Chromium over its debugging pipe (descriptors 3 and 4, JSON with NULs between)."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-pipe"]
PATIENCE_S = 60


def found():
    return shutil.which("chromium")


class Page:
    """One browser with one page. Everything it asked for and complained of is kept."""

    def __init__(self, user=None, password=None):
        self.home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        here_in, there_out = os.pipe()
        there_in, here_out = os.pipe()
        log = open(os.path.join(self.home.name, "log"), "w")

        def wire():  # far above 4 first: neither overwrites the other, and dup2() onto itself would leave it close-on-exec
            a, b = (fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (there_in, there_out))
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            [found(), *FLAGS, f"--user-data-dir={self.home.name}/data", "about:blank"],
            preexec_fn=wire, close_fds=False, stdout=log, stderr=log,
            env={**os.environ, "HOME": self.home.name})
        os.close(there_in)
        os.close(there_out)
        self.out, self.into = here_out, os.fdopen(here_in, "rb", buffering=0)
        self.data, self.id, self.session = b"", 0, None
        self.requests, self.complaints = [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility", "DOM"):
            self.call(f"{domain}.enable")
        if user:
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            self.call("Network.setExtraHTTPHeaders", headers={"Authorization": "Basic " + token})

    def close(self):
        os.close(self.out)
        self.into.close()
        self.process.kill()
        self.process.wait()
        self.home.cleanup()

    def receive(self):
        while b"\0" not in self.data:
            got = self.into.read(65536)
            if not got:
                raise ConnectionError("chromium ended")
            self.data += got
        text, self.data = self.data.split(b"\0", 1)
        return json.loads(text)

    def note(self, m):
        p = m.get("params", {})
        if m.get("method") == "Network.requestWillBeSent":
            self.requests.append(p["request"]["url"])
        elif m.get("method") == "Log.entryAdded" and p["entry"]["level"] in ("error", "warning"):
            self.complaints.append(p["entry"]["text"] + " " + p["entry"].get("url", ""))
        elif m.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(p["exceptionDetails"])[:400])

    def call(self, method, **params):
        self.id += 1
        m = {"id": self.id, "method": method, "params": params}
        if self.session:
            m["sessionId"] = self.session
        os.write(self.out, json.dumps(m).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.note(answer)

    def run(self, script):
        r = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in r:
            raise RuntimeError(json.dumps(r["exceptionDetails"])[:400])
        return r["result"].get("value")

    def until(self, script):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                if self.run(script):
                    return True
            except RuntimeError:
                pass  # between two documents
            time.sleep(0.1)
        return False

    def open(self, url):
        self.call("Page.navigate", url=url)
        return self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def look(self, width, height, dark=False, still=False, phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=phone)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}])

    def scripts(self, on):
        self.call("Emulation.setScriptExecutionDisabled", value=not on)

    def key(self, name, code, text=""):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, text=text,
                      windowsVirtualKeyCode=code)

    def picture(self, path):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        got = self.call("Page.captureScreenshot", captureBeyondViewport=True,
                        clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1})
        with open(path, "wb") as f:
            f.write(base64.b64decode(got["data"]))

    def accessible(self):
        """(role, name) of all nodes that assistive technology is told of."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [(n.get("role", {}).get("value"), n.get("name", {}).get("value", ""))
                for n in nodes if not n.get("ignored")]
