"""Small HTTP requests to machines of a rehearsal, made from inside a network namespace."""
import ctypes
import http.client
import json

CLONE_NEWNET = 0x40000000
COMMIT = "/db/data/transaction/commit"
NOT_SENT = "not sent: "


def enter(path):
    """Moves the calling thread into the network namespace at path."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path) as f:
        if libc.setns(f.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns " + path)


def is_leader(pid):
    with open("/proc/%s/status" % pid) as f:
        return any(line.startswith("NSpid:") and line.split()[-1] == "1" for line in f)


def leader(cluster, node):
    """Process 1 of a machine of that rehearsal; None while there is none."""
    try:
        with open("/run/bramble/rehearsal-%s.json" % cluster) as f:
            pid = next(m["pid"] for m in json.load(f)["machines"] if m["node"] == node)
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return next((p for p in f.read().split() if is_leader(p)), None)
    except (OSError, ValueError, KeyError, StopIteration):
        return None


def request(addr, port, method, path, body=None, headers=None, timeout=60):
    """(status, text), or (0, why); why begins with NOT_SENT when nobody can have heard it."""
    c = http.client.HTTPConnection(addr, port, timeout=timeout)
    try:
        c.connect()
    except OSError as e:
        return 0, NOT_SENT + str(e)
    try:
        h = {"Content-Type": "application/json", "Accept": "application/json"}
        h.update(headers or {})
        c.request(method, path, body, h)
        r = c.getresponse()
        return r.status, r.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as e:
        return 0, str(e)
    finally:
        c.close()


def cypher(addr, port, statement, params=None, headers=None, timeout=60):
    """(status, the answer as JSON or {}, its text)."""
    body = json.dumps({"statements": [{"statement": statement, "parameters": params or {}}]})
    status, text = request(addr, port, "POST", COMMIT, body, headers, timeout)
    try:
        answer = json.loads(text) if status in (200, 201) else {}
    except ValueError:
        answer = {}
    return status, answer, text


def values(answer):
    return [row["row"][0] for row in answer["results"][0]["data"]]


def slowly(seconds):
    """A shell's text: for so long Neo4j's JVM gets a seventh of a processor. No cpu controller is to be had in every
    machine."""
    return """end=$(($(date +%%s) + %d))
while [ $(date +%%s) -lt $end ]; do
  systemctl kill -s STOP neo4j.service; sleep 0.85
  systemctl kill -s CONT neo4j.service; sleep 0.15
done""" % seconds
