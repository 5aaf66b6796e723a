#!/usr/bin/env python3
"""A web server for fetch_test.sh that does wrong what servers do wrong.

    fetch_server.py FOLDER KEYS    prints its ports, plain and TLS, then serves /MODE/NAME out of FOLDER

MODE says how (see the methods below); /ok/NAME is served well. Every request is a line of FOLDER/log:
the path, its Range and If-Range. KEYS has cert.pem and key.pem. Ends with its parent.
"""
import os
import re
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = sys.argv[1]
PIECE = 65536
seen = {}  # requests for each path so far


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        wanted = self.headers.get("Range")
        seen[self.path] = seen.get(self.path, 0) + 1
        with open(os.path.join(ROOT, "log"), "a") as log:
            log.write("%s %s %s\n" % (self.path, wanted, self.headers.get("If-Range")))
        mode, _, name = self.path.lstrip("/").partition("/")
        try:
            with open(os.path.join(ROOT, os.path.basename(name)), "rb") as f:
                self.data = f.read()
        except OSError:
            return self.fail(404)
        self.nth = seen[self.path]
        getattr(self, "mode_" + mode.replace("-", "_"), lambda: self.fail(404))()

    def fail(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def start(self, ranges=True, etag='"v1"'):
        """Where the range asked for begins; 0: all of it."""
        m = re.match(r"bytes=(\d+)-$", self.headers.get("Range") or "")
        if not m or not ranges or self.headers.get("If-Range", etag) != etag:
            return 0
        return int(m[1])

    def head(self, at, length=None, etag='"v1"', total=None):
        total = total or len(self.data)
        self.send_response(206 if at else 200)
        if at:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (at, total - 1, total))
        if etag:
            self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(self.data) - at if length is None else length))
        self.end_headers()

    def body(self, data):
        self.wfile.write(data)
        self.wfile.flush()

    def hang_up(self):
        self.close_connection = True
        self.connection.shutdown(2)

    def mode_ok(self):
        at = self.start()
        if at >= len(self.data):
            return self.fail(416)
        self.head(at)
        self.body(self.data[at:])

    def mode_norange(self):
        """Knows no ranges; breaks off the first answer."""
        self.head(0, etag=None)
        self.body(self.data if self.nth > 1 else self.data[: len(self.data) // 2])
        if self.nth == 1:
            self.hang_up()

    def mode_cut(self):
        """Breaks off every answer after a million bytes."""
        at = self.start()
        self.head(at)
        self.body(self.data[at : at + 1000000])
        if at + 1000000 < len(self.data):
            self.hang_up()

    def mode_mute(self):
        """Breaks off every answer before the first byte."""
        self.head(self.start())
        self.hang_up()

    def mode_short(self):
        """Announces and sends half of the file, and calls it all."""
        self.data = self.data[: len(self.data) // 2]
        self.head(0)
        self.body(self.data)

    def mode_long(self):
        """Sends more than there is, in chunks."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in (self.data, b"more"):
            self.body(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.body(b"0\r\n\r\n")

    def mode_lies(self):
        """Announces more than it has, and hangs up."""
        at = self.start()
        if at >= len(self.data):
            return self.fail(416)
        self.head(at, length=len(self.data) + 1000 - at, total=len(self.data) + 1000)
        self.body(self.data[at:])
        self.hang_up()

    def mode_unknown(self):
        """Announces nothing: the end is where it hangs up."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.body(self.data)
        self.close_connection = True

    def mode_early(self):
        """The same, and the first time it hangs up in the middle of the file."""
        at = self.start()
        self.send_response(206 if at else 200)
        if at:
            self.send_header("Content-Range", "bytes %d-%d/*" % (at, len(self.data) - 1))
        self.send_header("Connection", "close")
        self.end_headers()
        self.body(self.data[at:] if self.nth > 1 else self.data[: len(self.data) // 2])
        self.close_connection = True

    def mode_newer(self):
        """Another version of the file with each answer; the first is broken off."""
        etag = '"v%d"' % self.nth
        at = self.start(etag=etag)
        data = self.data if self.nth > 1 else bytes(len(self.data))
        self.head(at, etag=etag)
        self.body(data[at:] if self.nth > 1 else data[: len(data) // 2])
        if self.nth == 1:
            self.hang_up()

    def mode_mixed(self):
        """The same without telling: the parts do not belong together."""
        at = self.start()
        self.head(at, etag=None)
        data = self.data if self.nth > 1 else bytes(len(self.data))
        self.body(data[at:] if self.nth > 1 else data[: len(data) // 2])
        if self.nth == 1:
            self.hang_up()

    def mode_part(self):
        """Breaks off the first answer, and answers a range with another one."""
        at = min(self.start(), 1)
        self.head(at)
        self.body(self.data[at:] if self.nth > 1 else self.data[:1000000])
        if self.nth == 1:
            self.hang_up()

    def mode_corrupt(self):
        self.data = self.data[:-1] + bytes([self.data[-1] ^ 1])
        self.mode_ok()

    def mode_stall(self):
        """Sends some and then nothing."""
        at = self.start()
        self.head(at)
        if self.nth > 1:
            return self.body(self.data[at:])
        self.body(self.data[:PIECE])
        self.wait_for("never", 120)

    def mode_gate(self):
        """Sends a million bytes, the rest once there is a file `open`."""
        at = self.start()
        self.head(at)
        self.body(self.data[at : at + 1000000])
        if self.wait_for("open", 30):
            self.body(self.data[at + 1000000 :])

    def wait_for(self, name, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if os.path.exists(os.path.join(ROOT, name)):
                return True
            time.sleep(0.05)
        self.close_connection = True
        return False

    def mode_busy(self):
        """Has no time at first."""
        self.fail(503) if self.nth < 3 else self.mode_ok()

    def redirect(self, to):
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def mode_moved(self):
        self.redirect("/ok/" + self.path.rpartition("/")[2])

    def mode_moved_to_http(self):
        self.redirect("http://127.0.0.1:%d/ok/%s" % (plain.server_address[1], self.path.rpartition("/")[2]))

    def mode_loop(self):
        self.redirect(self.path)

    def mode_tofile(self):
        self.redirect("file://" + os.path.join(ROOT, self.path.rpartition("/")[2]))

    def mode_mirror(self):
        self.mode_ok()


def watch_parent():
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients hang up: that is what is tested


plain, tls = Server(("127.0.0.1", 0), Handler), Server(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.path.join(sys.argv[2], "cert.pem"), os.path.join(sys.argv[2], "key.pem"))
tls.socket = context.wrap_socket(tls.socket, server_side=True, do_handshake_on_connect=False)
print(plain.server_address[1], tls.server_address[1], flush=True)
threading.Thread(target=watch_parent, daemon=True).start()
threading.Thread(target=tls.serve_forever, daemon=True).start()
plain.serve_forever()
