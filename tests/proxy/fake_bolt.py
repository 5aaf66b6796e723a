# SPDX-License-Identifier: GPL-3.0-or-later
"""A mock of a Neo4j 3.5 HA member that speaks Bolt 1 to 3 besides its mock of HTTP, and a raw client.

It is no Neo4j: tests/drivers has real ones. A statement's text says what becomes of it:

    RECORDS n size   n records of size bytes
    FAIL             FAILURE
    WRITES           one record, and that the statement writes
    BREACH           FAILURE, and then the connection ends, as behind a message that is out of place
    HANG             no answer before RESET, or until the connection ends
    anything else    one record: the member's name
"""

import os
import socket
import struct
import subprocess
import threading

from fake_member import FakeMember, Reader
from harness import Proxy, free_port

MAGIC = b"\x60\x60\xb0\x17"
HELLO, GOODBYE, ACK_FAILURE, RESET, RUN, BEGIN, COMMIT, ROLLBACK, DISCARD, PULL = (
    0x01, 0x02, 0x0E, 0x0F, 0x10, 0x11, 0x12, 0x13, 0x2F, 0x3F)
SUCCESS, RECORD, IGNORED, FAILURE = 0x70, 0x71, 0x7E, 0x7F
BOOKMARK = "neo4j:bookmark:v1:tx"
LOST = "Neo.TransientError.Transaction.InstanceStateChanged"
INVALID = "Neo.ClientError.Request.Invalid"
SYNTAX = "Neo.ClientError.Statement.SyntaxError"


def pack(v):
    if v is None:
        return b"\xc0"
    if isinstance(v, bool):
        return b"\xc3" if v else b"\xc2"
    if isinstance(v, int):
        return struct.pack(">b", v) if -16 <= v < 128 else b"\xcb" + struct.pack(">q", v)
    if isinstance(v, str):
        b = v.encode()
        return (bytes([0x80 | len(b)]) if len(b) < 16 else b"\xd2" + struct.pack(">I", len(b))) + b
    if isinstance(v, list):
        return b"\xd6" + struct.pack(">I", len(v)) + b"".join(map(pack, v))
    return b"\xda" + struct.pack(">I", len(v)) + b"".join(pack(k) + pack(x) for k, x in v.items())


class Unpacker:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        part = self.data[self.at:self.at + n]
        assert len(part) == n, "a value is cut short"
        self.at += n
        return part

    def number(self, n):
        return int.from_bytes(self.take(n), "big")

    def sized(self, kind, n):
        if kind == "string":
            return self.take(n).decode()
        if kind == "list":
            return [self.value() for _ in range(n)]
        return {self.value(): self.value() for _ in range(n)}

    def value(self):
        b = self.number(1)
        tiny = {0x80: "string", 0x90: "list", 0xA0: "map"}.get(b & 0xF0)
        if b < 0x80 or b >= 0xF0:
            return b if b < 0x80 else b - 256
        if tiny:
            return self.sized(tiny, b & 15)
        if b in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[b]
        if 0xC8 <= b <= 0xCB:
            return int.from_bytes(self.take(1 << (b - 0xC8)), "big", signed=True)
        kind = {0xD0: "string", 0xD4: "list", 0xD8: "map"}[b & 0xFC]
        return self.sized(kind, self.number(1 << (b & 3)))


def message(tag, *fields, chunk=65535):
    data = bytes([0xB0 | len(fields), tag]) + b"".join(map(pack, fields))
    parts = [data[i:i + chunk] for i in range(0, len(data), chunk)]
    return b"".join(struct.pack(">H", len(p)) + p for p in parts) + b"\0\0"


def read_message(reader):
    data = bytearray()  # drivers cut 50 MB into chunks of 1400 bytes
    while True:
        n = int.from_bytes(reader.exactly(2), "big")
        if n == 0 and data:
            break
        data += reader.exactly(n)
    u = Unpacker(bytes(data))
    u.at = 2
    return data[1], [u.value() for _ in range(data[0] & 15)]


class BoltMember(FakeMember):
    def __init__(self, name, role="slave", password="pw", latest=3, server="Neo4j/3.5.0"):
        self.password, self.tx, self.messages, self.logins = password, 1, [], 0
        self.latest, self.server = latest, server  # of Bolt's versions, and what it calls itself
        self.hanging = threading.Event()
        self.links, self.versions = [], []
        super().__init__(name, role)
        self.bolt_listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.bolt = self.bolt_listener.getsockname()[1]
        threading.Thread(target=self.accept_bolt, daemon=True).start()

    def accept_bolt(self):
        while True:
            try:
                sock, _ = self.bolt_listener.accept()
            except OSError:
                return
            self.links.append(sock)
            threading.Thread(target=self.serve_bolt, args=(sock,), daemon=True).start()

    def break_links(self):
        """Every connection ends, as when the process dies."""
        for sock in self.links:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.links = []

    def did(self, tag):
        return [f for t, f in self.messages if t == tag]

    def serve_bolt(self, sock):
        reader = Reader(sock)
        try:
            proposals = reader.exactly(20)
            assert proposals[:4] == MAGIC
            version = next((v for v in proposals[7::4] if 1 <= v <= self.latest), 0)
            sock.sendall(bytes([0, 0, 0, version]))
            if not version:
                return
            tag, fields = read_message(reader)
            assert len(fields) == (1 if version == 3 else 2), "HELLO of another version"
            hello = fields[-1]
            self.versions.append(version)
            odd = version == 3 and "user_agent" not in hello  # as HelloMessageDecoder of 3.5
            if odd or hello.get("principal") == "odd":
                sock.sendall(message(FAILURE, {"code": INVALID, "message": "no user_agent"}))
                return
            if hello.get("credentials") != self.password:
                sock.sendall(message(FAILURE, {"code": "Neo.ClientError.Security.Unauthorized",
                                               "message": "wrong"}))
                return
            self.logins += 1
            sock.sendall(message(SUCCESS, {"server": self.server, "connection_id": "bolt-1"} if self.server else {}))
            self.converse(sock, reader) if version == 3 else self.converse_early(sock, reader)
        except (ConnectionError, OSError):
            pass
        finally:
            sock.close()

    def converse(self, sock, reader):
        failed, text, rows = False, "", []
        while True:
            tag, fields = read_message(reader)
            self.messages.append((tag, fields))
            if tag == GOODBYE:
                return
            if tag == RESET:
                failed = False
                sock.sendall(message(SUCCESS, {}))
            elif failed:
                sock.sendall(message(IGNORED))
            elif tag == RUN and fields[0] in ("FAIL", "BREACH"):
                failed = True
                sock.sendall(message(FAILURE, {"code": SYNTAX,
                                               "message": "no"}))
                if fields[0] == "BREACH":
                    return
            elif tag == RUN and fields[0] == "HANG":
                self.hanging.set()
                tag, fields = read_message(reader)
                while tag != RESET:
                    sock.sendall(message(IGNORED))
                    tag, fields = read_message(reader)
                sock.sendall(message(IGNORED) + message(SUCCESS, {}))
            elif tag == RUN:
                text = fields[0]
                answer = self.answer_run(*fields)
                failed = answer is None
                sock.sendall(message(FAILURE, {"code": SYNTAX, "message": "no"})
                             if failed else message(SUCCESS, {"fields": answer[0]}))
                rows = answer and answer[1]
            elif tag in (PULL, DISCARD):
                self.stream(sock, text if tag == PULL else "RECORDS 0 0", rows)
            elif tag == COMMIT:
                if text == "DIE":
                    return
                self.tx += 1
                sock.sendall(message(SUCCESS, {"bookmark": BOOKMARK + str(self.tx)}))
            else:
                sock.sendall(message(SUCCESS, {}))

    def converse_early(self, sock, reader):
        """Versions 1 and 2; a failure leaves the transaction open until ROLLBACK or RESET."""
        failed = open_tx = False
        text = ""
        while True:
            tag, fields = read_message(reader)
            self.messages.append((tag, fields))
            if tag == RESET:
                failed = open_tx = False
                sock.sendall(message(SUCCESS, {}))
            elif failed and tag == ACK_FAILURE:
                failed = False
                sock.sendall(message(SUCCESS, {}))
            elif failed:
                sock.sendall(message(IGNORED))
            elif tag == RUN:
                assert len(fields) == 2, "RUN of another version"
                text = fields[0]
                if text == "DIE":
                    return
                failed = text == "FAIL" or (text in ("COMMIT", "ROLLBACK") and not open_tx)
                open_tx = text == "BEGIN" or (open_tx and text not in ("COMMIT", "ROLLBACK"))
                sock.sendall(message(FAILURE, {"code": SYNTAX, "message": "no"})
                             if failed else message(SUCCESS, {"fields": ["x"], "result_available_after": 5}))
            elif tag in (PULL, DISCARD):
                words = text in ("BEGIN", "COMMIT", "ROLLBACK")
                self.tx += text == "COMMIT"
                self.stream(sock, text, [] if words or tag == DISCARD else [[self.name, open_tx]])
            else:
                assert False, f"a tag {tag} of another version"

    def answer_run(self, text, parameters, extra):
        """The names of the fields and the records; None: it fails."""
        return ["x"], [[self.name]]

    consumed = "t_last"

    def stream(self, sock, text, rows):
        words = text.split()
        if words[0] == "RECORDS":
            n, size = int(words[1]), int(words[2])
            one = message(RECORD, ["x" * size])
            for _ in range(0, n, 100):
                sock.sendall(one * min(100, n))
        else:
            for i in range(0, len(rows), 500):
                sock.sendall(b"".join(message(RECORD, row) for row in rows[i:i + 500]))
        sock.sendall(message(SUCCESS, {"bookmark": BOOKMARK + str(self.tx), "type": "w" if words[0] == "WRITES" else "r", self.consumed: 7}))


def certificate(folder, name, kind="DNS"):
    """A self-signed certificate and its key, put into their places."""
    new = [os.path.join(folder, f) for f in ("new.crt", "new.key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName={kind}:{name}", "-days", "2",
                    "-out", new[0], "-keyout", new[1]], check=True, stderr=subprocess.DEVNULL)
    os.chmod(new[1], 0o600)
    paths = [os.path.join(folder, f) for f in ("proxy.crt", "proxy.key")]
    for a, b in zip(new, paths):
        os.rename(a, b)
    return paths


class WebSocket:
    """A client's end of a WebSocket, as a socket: what Bolt sends goes into masked binary frames."""

    KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 1.3
    ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    def __init__(self, sock, path="/"):
        self.sock = sock
        self.reader = Reader(sock)
        sock.sendall((f"GET {path} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade"
                      f"\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {self.KEY}\r\n\r\n").encode())
        self.line, fields = self.reader.head()
        self.accept = dict((k.lower(), v) for k, v in fields).get("sec-websocket-accept")
        self.control = []

    def frame(self, data, opcode=2, fin=True, mask=b"\x01\x02\xf3\x04"):
        n = len(data)
        head = bytes([(0x80 if fin else 0) | opcode])
        if n < 126:
            head += bytes([0x80 | n])
        else:
            head += b"\xfe" + struct.pack(">H", n) if n < 65536 else b"\xff" + struct.pack(">Q", n)
        body = bytes(b ^ mask[i & 3] for i, b in enumerate(data)) if n < 100000 else data
        self.sock.sendall(head + (mask if n < 100000 else bytes(4)) + body)

    def sendall(self, data):
        self.frame(data)

    def recv(self, _):
        while True:
            a, b = self.reader.exactly(2)
            n = b & 127
            if n > 125:
                n = int.from_bytes(self.reader.exactly(2 if n == 126 else 8), "big")
            data = self.reader.exactly(n)
            if a & 8:
                self.control.append((a & 15, data))
                if a & 15 == 8:
                    return b""
            elif n:
                return data

    def close(self):
        self.sock.close()


class BoltClient:
    """Sends what it is told, byte for byte, and reads answers."""

    def __init__(self, port, login="pw", proposals=b"\0\0\0\3" + bytes(12), timeout=60, wrap=None):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        if wrap:
            self.sock = wrap(self.sock)
        self.reader, self.early = Reader(self.sock), False
        if proposals:
            self.sock.sendall(MAGIC + proposals)
            self.version = self.reader.exactly(4)
        if login:
            auth = {"scheme": "basic", "principal": "neo4j", "credentials": login}
            self.early = proposals and self.version[3] < 3
            self.hello = self.ask(HELLO, "test", auth) if self.early else self.ask(HELLO, {"user_agent": "test", **auth})

    def send(self, *messages, chunk=65535):
        self.sock.sendall(b"".join(message(*m, chunk=chunk) for m in messages))

    def answers(self, n):
        return [read_message(self.reader) for _ in range(n)]

    def ask(self, *m):
        self.send(m)
        return self.answers(1)[0]

    def run(self, text, mode=None, parameters=None, bookmarks=None):
        """An auto-commit transaction: its records, or the FAILURE's code."""
        extra = {"mode": mode} if mode else {}
        if bookmarks:
            extra["bookmarks"] = bookmarks
        self.send((RUN, text, parameters or {}) if self.early else (RUN, text, parameters or {}, extra), (PULL,))
        tag, fields = self.answers(1)[0]
        if tag != SUCCESS:
            self.answers(1)
            return fields[0]["code"]
        records = []
        while True:
            tag, fields = self.answers(1)[0]
            if tag != RECORD:
                self.last = fields
                return records
            records.append(fields[0])

    def closed(self):
        try:
            return self.sock.recv(1) == b""
        except ConnectionError:
            return True

    def close(self):
        self.sock.close()


class BoltProxy(Proxy):
    def __init__(self, members, bolt="", tls="", **kwargs):
        self.bolt = free_port()
        super().__init__(members, more=f'bolt {{ listen = "127.0.0.1:{self.bolt}" {bolt} }}\n{tls}', **kwargs)
        self.ready(master=any(m.role == "master" for m in members))

    def write_conf(self, members, **kwargs):
        text = super().write_conf(members, **kwargs)
        for m in members:
            text = text.replace(f'http = "127.0.0.1:{m.port}"',
                                f'http = "127.0.0.1:{m.port}" bolt = "127.0.0.1:{m.bolt}"')
        return text

    def client(self, port=None, **kwargs):
        return BoltClient(port or self.bolt, **kwargs)
