# SPDX-License-Identifier: GPL-3.0-or-later
"""A mock of a Neo4j HA member: enough HTTP to be probed and to be misused, a role to be set.

It is no Neo4j: the cluster test has real ones. It answers the checks by its role and version and
everything else by the first part of the path:

    /echo       JSON with what arrived (also the default)
    /slow       the same after `slow_s`
    /hang       nothing, until the test lets go (release())
    /close      closes without an answer
    /big/N      N bytes with a length; /chunked/N in chunks; /until-close/N until close
    /surplus/N  N bytes with a length, and behind them an answer nobody has asked for
    /cut        closes in the middle of the body
    /raw/NAME   the bytes of RAW[NAME], then closes
    /streamed   the same in a chunk
    /continue   sends 100 Continue, then reads the body and echoes

Its transactional endpoints (/db/data/transaction, /db/{name}/tx, /db/{name}/query/v2/tx) count
transactions from 1 as every member does, look at no owner, and keep what was said in each.
"""

import base64
import hashlib
import json
import re
import socket
import threading
import time

PATTERN = bytes(range(256)) * 256

RAW = {
    "garbage": b"SSH-2.0-OpenSSH_9.2\r\n",
    "bare-lf": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "length-and-chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "folded": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "huge-head": b"HTTP/1.1 200 OK\r\nA: " + b"a" * 30000 + b"\r\n\r\n",
    "hop": b"HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
    b"Upgrade: h2c\r\nX-End: 1\r\nContent-Length: 2\r\n\r\nok",
    "early": b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig",
}


class Reader:
    """Reads heads and bodies from a socket."""

    def __init__(self, sock):
        self.sock, self.data, self.taken = sock, b"", 0

    def more(self):
        got = self.sock.recv(65536)
        if not got:
            raise ConnectionError("closed")
        self.data += got
        self.taken += len(got)

    def until(self, mark):
        while mark not in self.data:
            self.more()
        head, self.data = self.data.split(mark, 1)
        return head

    def exactly(self, n):
        while len(self.data) < n:
            self.more()
        part, self.data = self.data[:n], self.data[n:]
        return part

    def pieces(self, n):
        while n:
            if not self.data:
                self.more()
            part, self.data = self.data[:n], self.data[n:]
            n -= len(part)
            yield part

    def chunks(self):
        while True:
            size = int(self.until(b"\r\n"), 16)
            yield from self.pieces(size)
            self.exactly(2)
            if size == 0:
                return

    def head(self):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        fields = [tuple(line.split(": ", 1)) for line in lines[1:]]
        return lines[0], fields


class FakeMember:
    def __init__(self, name, role="slave", host="127.0.0.1", port=0):
        self.name, self.role, self.host = name, role, host
        self.slow_s = 0.02
        self.credentials = None  # "user:password" that checks must bring
        self.frozen = False  # takes connections, answers nothing: a power cut, seen from outside
        self.lock = threading.Lock()
        self.seen = []  # (method, target, fields) of each request but probes
        self.probes = self.now = self.most = 0
        self.socks = set()
        self.carriers = set()  # the connections that brought anything but probes
        self.transactions = {}  # id -> the statements sent so far, None once it is over
        self.committed = []  # the statements of each
        self.version = "3.5"
        self.agent, self.writable, self.agent_why = None, True, ""  # name, if it plays an agent
        self.agent_port = 0  # of the one that goes with this member
        self.last_tx = None  # of its store, if it tells; what X-Write: 1 comes with adds one
        self.of = None  # the member whose agent it plays, if it tells of its store
        self.nodes = None  # what it tells of all members, as an agent: [(id, name, host)]
        self.chunks = False  # do answers about transactions come in chunks?
        self.own_name = False  # does it ignore X-Forwarded-Host, as before 2.2?
        self.go = threading.Event()
        self.listener = None
        self.port = port
        self.up()

    def up(self):
        self.listener = socket.create_server((self.host, self.port), backlog=512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def refuse(self):
        """The port refuses; who is connected is answered. up() ends it."""
        listener, self.listener = self.listener, None
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    def down(self):
        """As a killed process: the port refuses, connections are reset."""
        self.refuse()
        self.cut()

    def cut(self):
        """Closes all connections; others are taken."""
        with self.lock:
            for sock in self.socks:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def basic(self):
        return "Basic " + base64.b64encode(self.credentials.encode()).decode()

    def release(self):
        self.go.set()

    def writes(self):
        return [t for _, t, f in self.seen if ("X-Write", "1") in f]

    def accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.socks.add(sock)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        reader = Reader(sock)
        try:
            while self.answer_one(sock, reader):
                pass
        except (OSError, ValueError):
            pass
        with self.lock:
            self.socks.discard(sock)
        sock.close()

    def answer_one(self, sock, reader):
        line, fields = reader.head()
        method, target, _ = line.split(" ")
        while self.frozen:
            time.sleep(0.01)
        probe = self.probe(target) if method == "GET" else None
        if probe:
            self.probes += 1
            if self.credentials and ("Authorization", self.basic()) not in fields and target != "/":
                probe = 401, ""
            status, text = probe
            sock.sendall(f"HTTP/1.1 {status} x\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
            return True
        with self.lock:
            self.seen.append((method, target, fields))
            self.carriers.add(reader)
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            return self.answer(sock, reader, method, target, fields)
        finally:
            with self.lock:
                self.now -= 1

    def probe(self, target):
        """What real ones say: (status, body), or None for what is no probe. version is 3.5 in HA,
        3.5-causal, 3.2-causal, 3.2-replica, 4.4, 5.26 (clusters) or 5.26-single; agent one's name. With
        -password behind it 3.x wants one for what it does not know below /db/manage."""
        kind, _, password = self.version.partition("-")[2].partition("-")
        kind = kind or ("ha" if self.version < "4" else "database")
        if target == "/cluster" and self.agent:
            nodes = [{"id": i, "name": n, "address": h, "roles": ["data"]} for i, n, h in self.nodes or []]
            if self.agent not in [node["name"] for node in nodes]:
                nodes.append({"name": self.agent})
            for node in nodes:
                if node["name"] == self.agent:
                    node |= {"writable": self.writable, "why": self.agent_why}
                    node |= {"last_tx": self.of.last_tx, "tx_age_ms": 0} if self.of else {}
            return 200, json.dumps({"from": self.agent, "lease": self.writable, "nodes": nodes})
        if target == "/":
            new = {"neo4j_version": self.version.partition("-")[0] + ".1"} if self.version >= "4" else {}
            return 200, json.dumps({"data": "http://x/db/data/"} | new)
        if target.startswith("/db/manage/server/jmx/"):
            if self.last_tx is None:
                return 404, ""
            return 200, json.dumps([{"attributes": [{"name": "LastCommittedTxId", "value": self.last_tx}]}])
        if target.startswith("/db/manage/server/ha/"):
            if kind != "ha" and password:
                return 401, '{\n "errors": []\n}'
            if kind != "ha":
                return (404, "") if self.version >= "4" else (403, "")
            asked = target.rpartition("/")[2]
            if self.role not in ("master", "slave"):
                return 404, "UNKNOWN"
            if asked == "available":
                return 200, self.role
            return (200, "true") if asked == self.role else (404, "false")
        writable = (200, "true") if self.role == "master" else (404, "false")
        if target.endswith("/causalclustering/writable"):
            return writable if kind == "causal" and self.version >= "3.4" else (401 if password else 404, "")
        if target.endswith("/core/writable"):
            return writable if kind == "causal" else (401 if password else 403, "")
        if target.endswith("/read-replica/available"):
            return (200, "true") if kind == "replica" else (403, "")
        if target == "/db/neo4j/cluster/writable":
            return writable if kind == "database" else (404, "{}")
        return None

    def answer(self, sock, reader, method, target, fields):
        kind, _, rest = target.lstrip("/").partition("/")
        if kind == "raw":
            sock.sendall(RAW[rest])
            time.sleep(0.2)
            return False
        if kind == "close":
            return False
        if kind == "hang":
            self.go.wait(60)
        if kind == "slow":
            time.sleep(self.slow_s)
        if kind == "continue":
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        tx = re.fullmatch(r"(/db/data/transaction|/db/\w+/tx|/db/\w+/query/v2/tx)(?:/(\w+))?(/commit)?",
                          target)
        if tx:
            return self.transaction(sock, self.body(reader, fields), method, fields, *tx.groups())
        size, digest = self.read_body(reader, fields)
        if kind == "big":
            return self.send_big(sock, int(rest), "Content-Length: " + rest)
        if kind == "surplus":
            n = int(rest)
            body = (PATTERN * (n // len(PATTERN) + 1))[:n]
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (n, body) +
                         b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            return True
        if kind == "chunked":
            return self.send_big(sock, int(rest), "Transfer-Encoding: chunked")
        if kind == "until-close":
            return self.send_big(sock, int(rest), "Connection: close")
        if kind == "cut":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
            return False
        if self.last_tx is not None and ("X-Write", "1") in fields:
            with self.lock:
                self.last_tx += 1
        body = json.dumps(
            {"member": self.name, "method": method, "target": target, "fields": fields,
             "size": size, "digest": digest, "tx": self.last_tx}
        ).encode()
        if kind == "streamed":
            head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            sock.sendall(head.encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
            return True
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        sock.sendall(head.encode() + (b"" if method == "HEAD" else body))
        return True

    def transaction(self, sock, body, method, fields, base, own, commit):
        """As Neo4j has it: 3.x says `commit` first, 4.x last, the Query API an id."""
        query, status, head = "query" in base, "200 OK", ""
        said = json.loads(body)["statements"] if body and not query else body.decode()
        with self.lock:
            if own == "commit":
                return self.send_json(sock, "200 OK", "", {"results": [], "errors": []})
            if own is None:
                number = len(self.transactions) + 1
                own = f"t{number}" if query else str(number)
                self.transactions[own] = []
                status = "202 Accepted" if query else "201 Created"
                low = {k.lower(): v for k, v in fields}
                host = f"127.0.0.1:{self.port}" if self.own_name else low["x-forwarded-host"]
                head = "" if query else f"Location: http://{host}{base}/{own}\r\n"
            if self.transactions.get(own) is None:
                return self.send_json(sock, "404 Not Found", "", {"results": [], "errors": [
                    {"code": "Neo.ClientError.Transaction.TransactionNotFound", "message": "it is " + self.name}]})
            self.transactions[own] += [said]
            over = commit or method == "DELETE"
            if over:
                if commit:
                    self.committed.append(self.transactions[own])
                self.transactions[own] = None
        low = {k.lower(): v for k, v in fields}
        host = f"127.0.0.1:{self.port}" if self.own_name else low["x-forwarded-host"]
        url = {} if over else {"commit": f"http://{host}{base}/{own}/commit"}
        results = {"results": [{"data": [{"row": [{"commit": "x" * 3000}]}]}], "member": self.name}
        if query:
            answer = {"data": {}} | ({} if over else {"transaction": {"id": own}})
        else:
            answer = url | results if "data" in base else results | url
        return self.send_json(sock, status, head, answer | {"errors": []})

    def send_json(self, sock, status, head, value):
        body = json.dumps(value).encode()
        head = f"HTTP/1.1 {status}\r\n{head}Content-Type: application/json\r\n"
        if not self.chunks:
            sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            return True
        sock.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for i in range(0, len(body), 7):
            sock.sendall(b"%x\r\n%s\r\n" % (len(body[i : i + 7]), body[i : i + 7]))
        sock.sendall(b"0\r\n\r\n")
        return True

    @staticmethod
    def body_pieces(reader, fields):
        low = {k.lower(): v for k, v in fields}
        if low.get("transfer-encoding") == "chunked":
            return reader.chunks()
        return reader.pieces(int(low.get("content-length", 0)))

    def body(self, reader, fields):
        return b"".join(self.body_pieces(reader, fields))

    def read_body(self, reader, fields):
        digest, size = hashlib.sha256(), 0
        for piece in self.body_pieces(reader, fields):
            digest.update(piece)
            size += len(piece)
        return size, digest.hexdigest()

    @staticmethod
    def send_big(sock, n, framing):
        sock.sendall(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
        chunked = "chunked" in framing
        while n:
            part = PATTERN[: min(n, len(PATTERN))]
            n -= len(part)
            sock.sendall(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
        if chunked:
            sock.sendall(b"0\r\n\r\n")
        return "close" not in framing
