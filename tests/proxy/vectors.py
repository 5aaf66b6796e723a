# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that two programs could read differently, and what a strict one does with them.

Our own data: the rules are RFC 9110 and RFC 9112, the ideas are common knowledge of request
smuggling. Each is (rule, name, bytes, want): want is REFUSED (a 4xx or 5xx of the proxy's own, the
connection closed, no member saw anything), STRICT (the same, but the RFC lets a lenient recipient
go on: nothing may be smuggled all the same), OWN (200, and no member saw anything), or PASSED (the
member saw one request; with a field behind it, that among its fields).
After each the proxy is sent nothing more; what a member sees beyond one request was smuggled.
"""

REFUSED, STRICT, OWN, PASSED = "refused", "strict", "own", "passed"

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: a\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def length(value, body=b"abcde"):
    return POST + b"Content-Length:" + value + b"\r\n\r\n" + body


def coding(field):
    """Bytes that are an empty body to those who see chunks and none to those who do not."""
    return POST + field + b"\r\n\r\n0\r\n\r\n"


def both(te, cl=b"Content-Length: 6"):
    return POST + cl + b"\r\n" + te + b"\r\n\r\n0\r\n\r\nG"


VECTORS = [
    # RFC 9112 6.3: both framings, more than one, or one that is no number
    ("9112 6.3", "length and chunked", both(b"Transfer-Encoding: chunked"), STRICT),
    ("9112 6.3", "chunked and length", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG", STRICT),
    ("9112 6.3", "length 0 and chunked", both(b"Transfer-Encoding: chunked", b"Content-Length: 0"), STRICT),
    ("9112 6.3", "two lengths", POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdeG", REFUSED),
    ("9112 6.3", "the same length twice", POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde", STRICT),
    ("9112 6.3", "a list of lengths", length(b" 5, 5"), STRICT),
    ("9112 6.3", "a list of different lengths", length(b" 5, 6"), REFUSED),
    ("9110 8.6", "length with a plus", length(b" +5"), REFUSED),
    ("9110 8.6", "negative length", length(b" -5"), REFUSED),
    ("9110 8.6", "hexadecimal length", length(b" 0x5"), REFUSED),
    ("9110 8.6", "empty length", length(b" "), REFUSED),
    ("9110 8.6", "length with a space inside", length(b" 5 5"), REFUSED),
    ("9110 8.6", "length with a letter", length(b" 5a"), REFUSED),
    ("9110 8.6", "length with a fraction", length(b" 5.0"), REFUSED),
    ("9110 8.6", "length of 2^64 + 5", length(b" 18446744073709551621"), REFUSED),
    ("9110 8.6", "length of 2^63", length(b" 9223372036854775808"), REFUSED),
    ("9110 8.6", "length of 60 digits", length(b" " + b"9" * 60), REFUSED),
    ("9110 8.6", "quoted length", length(b' "5"'), REFUSED),
    ("9112 5.1", "space before the length's colon", POST + b"Content-Length : 5\r\n\r\nabcde", REFUSED),
    ("9112 5.1", "tab before the length's colon", POST + b"Content-Length\t: 5\r\n\r\nabcde", REFUSED),
    ("9110 8.6", "vertical tab before the length", length(b"\x0b5"), REFUSED),
    # RFC 9112 6.1 and 7: codings
    ("9112 6.1", "chunked in HTTP/1.0", b"POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", STRICT),
    ("9112 6.1", "chunked not last", coding(b"Transfer-Encoding: chunked, gzip"), REFUSED),
    ("9112 6.1", "chunked twice", coding(b"Transfer-Encoding: chunked, chunked"), REFUSED),
    ("9112 6.1", "two codings fields", coding(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), REFUSED),
    ("9112 6.1", "identity and chunked fields", coding(b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"), REFUSED),
    ("9112 6.1", "gzip, chunked", coding(b"Transfer-Encoding: gzip, chunked"), STRICT),
    ("9112 6.1", "identity", coding(b"Transfer-Encoding: identity"), REFUSED),
    ("9112 7", "xchunked", coding(b"Transfer-Encoding: xchunked"), REFUSED),
    ("9112 7", "chunkedx", coding(b"Transfer-Encoding: chunkedx"), REFUSED),
    ("9112 7", "quoted chunked", coding(b'Transfer-Encoding: "chunked"'), REFUSED),
    ("9112 7", "chunked with a parameter", coding(b"Transfer-Encoding: chunked;q=1"), REFUSED),
    ("9112 7", "chunked behind a comma", coding(b"Transfer-Encoding: , chunked"), STRICT),
    ("9112 7", "empty coding", coding(b"Transfer-Encoding:"), REFUSED),
    ("9112 7", "chunked behind a vertical tab", coding(b"Transfer-Encoding: \x0bchunked"), REFUSED),
    ("9112 7", "chunked before a NUL", coding(b"Transfer-Encoding: chunked\x00"), REFUSED),
    ("9112 5.1", "space before the coding's colon", coding(b"Transfer-Encoding : chunked"), REFUSED),
    ("9112 5.2", "folded coding", coding(b"Transfer-Encoding:\r\n chunked"), REFUSED),
    ("9110 5.1", "no token for a coding's name", coding(b"Transfer Encoding: chunked"), REFUSED),
    ("9112 7", "CHUNKED in capitals", coding(b"Transfer-Encoding: CHUNKED"), PASSED),
    ("9110 5.1", "underscores are another name", both(b"Transfer_Encoding: chunked", b"Content-Length: 5"), PASSED),
    # RFC 9112 7.1: chunks
    ("9112 7.1", "chunks", CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", PASSED),
    ("9112 7.1", "upper case size, leading zeros", CHUNKED + b"00A\r\n0123456789\r\n000\r\n\r\n", PASSED),
    ("9112 7.1.1", "an extension", CHUNKED + b"3;a=b\r\nabc\r\n0\r\n\r\n", PASSED),
    ("9112 7.1.2", "a trailer", CHUNKED + b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", PASSED),
    ("9112 7.1", "bare LF after a size", CHUNKED + b"3\nabc\r\n0\r\n\r\n", REFUSED),
    ("9112 7.1", "bare LF after data", CHUNKED + b"3\r\nabc\n0\r\n\r\n", REFUSED),
    ("9112 7.1", "bare CR after a size", CHUNKED + b"3\rabc\r\n0\r\n\r\n", REFUSED),
    ("9112 7.1.1", "LF in an extension", CHUNKED + b"3;a\nabc\r\n0\r\n\r\n", REFUSED),
    ("9112 7.1.1", "CR in an extension", CHUNKED + b"3;a\rb\r\nabc\r\n0\r\n\r\n", REFUSED),
    ("9112 7.1", "size with 0x", CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", REFUSED),
    ("9112 7.1", "size with a plus", CHUNKED + b"+3\r\nabc\r\n0\r\n\r\n", REFUSED),
    ("9112 7.1", "negative size", CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n", REFUSED),
    ("9112 7.1", "size behind a space", CHUNKED + b" 3\r\nabc\r\n0\r\n\r\n", REFUSED),
    ("9112 7.1", "size before a space", CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n", STRICT),
    ("9112 7.1", "empty size", CHUNKED + b"\r\nabc\r\n0\r\n\r\n", REFUSED),
    ("9112 7.1", "size of 2^64 + 3", CHUNKED + b"10000000000000003\r\nabc\r\n0\r\n\r\n", REFUSED),
    ("9112 7.1", "size of 2^63", CHUNKED + b"8000000000000000\r\nabc\r\n0\r\n\r\n", REFUSED),
    ("9112 7.1", "data longer than its size", CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", REFUSED),
    ("9112 7.1", "underscore in a size", CHUNKED + b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n", REFUSED),
    ("9112 7.1.2", "a malformed trailer", CHUNKED + b"0\r\nX Sum: 1\r\n\r\n", STRICT),
    # RFC 9112 2.2, 3 and 5: lines and fields
    ("9112 2.2", "bare LF lines", b"GET /x HTTP/1.1\nHost: a\n\n", STRICT),
    ("9112 2.2", "bare CR in a field", GET + b"X: a\rb\r\n\r\n", REFUSED),
    ("9112 2.2", "bare CR hides a coding", POST + b"X: a\rTransfer-Encoding: chunked\r\n\r\n", REFUSED),
    ("9110 5.5", "NUL in a field", GET + b"X: a\x00b\r\n\r\n", REFUSED),
    ("9110 5.5", "a control character in a field", GET + b"X: a\x01b\r\n\r\n", STRICT),
    ("9110 5.1", "empty name", GET + b": x\r\n\r\n", REFUSED),
    ("9110 5.1", "no colon", GET + b"nonsense\r\n\r\n", REFUSED),
    ("9110 5.1", "a name with a bracket", GET + b"X[1]: x\r\n\r\n", STRICT),
    ("9110 5.1", "a name with 8 bits", GET + b"X\xe4: x\r\n\r\n", REFUSED),
    ("9112 5.2", "folded field", GET + b"X: a\r\n b\r\n\r\n", STRICT),
    ("9112 2.2", "white space before the first field", b"GET /x HTTP/1.1\r\n Host: a\r\n\r\n", REFUSED),
    ("9112 5.1", "space before a colon", GET + b"X : a\r\n\r\n", REFUSED),
    ("9112 3", "two spaces before the target", b"GET  /x HTTP/1.1\r\nHost: a\r\n\r\n", STRICT),
    ("9112 3", "a tab for a space", b"GET\t/x HTTP/1.1\r\nHost: a\r\n\r\n", STRICT),
    ("9112 3", "a space in the target", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
    ("9112 3", "a space at the end", b"GET /x HTTP/1.1 \r\nHost: a\r\n\r\n", STRICT),
    ("9112 3", "a control character in the target", b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
    ("9112 3.2", "a fragment in the target", b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", STRICT),
    ("9112 3.2", "no slash", b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
    ("9112 3.2.4", "an asterisk for GET", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
    ("9112 3.2.3", "CONNECT", b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", REFUSED),
    ("9110 9.1", "a method that is no token", b"G(T /x HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
    ("9112 2.3", "HTTP/0.9", b"GET /x\r\n\r\n", REFUSED),
    ("9112 2.3", "HTTP/1.10", b"GET /x HTTP/1.10\r\nHost: a\r\n\r\n", REFUSED),
    ("9112 2.3", "HTTP/2.0", b"GET /x HTTP/2.0\r\nHost: a\r\n\r\n", REFUSED),
    ("9112 2.3", "http/1.1 in small letters", b"GET / http/1.1\r\nHost: a\r\n\r\n", REFUSED),
    ("9112 2.3", "HTTP/1,1", b"GET /x HTTP/1,1\r\nHost: a\r\n\r\n", REFUSED),
    ("9110 15.5.15", "a target of 30 KB", b"GET /" + b"a" * 30000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED),
    ("6585 5", "a field of 30 KB", GET + b"X: " + b"a" * 30000 + b"\r\n\r\n", REFUSED),
    # RFC 9112 3.2: Host
    ("9112 3.2", "no Host", b"GET /x HTTP/1.1\r\n\r\n", REFUSED),
    ("9112 3.2", "two Hosts", b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", REFUSED),
    ("9112 3.2", "the same Host twice", b"GET /x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", REFUSED),
    ("9110 7.2", "a Host with a path", b"GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n", REFUSED),
    ("9110 7.2", "a Host with a user", b"GET /x HTTP/1.1\r\nHost: u@a\r\n\r\n", REFUSED),
    ("9110 7.2", "a Host with a space", b"GET /x HTTP/1.1\r\nHost: a b\r\n\r\n", REFUSED),
    ("9110 7.2", "a list of Hosts", b"GET /x HTTP/1.1\r\nHost: a, b\r\n\r\n", REFUSED),
    ("9110 7.2", "a Host with a bad port", b"GET /x HTTP/1.1\r\nHost: a:x\r\n\r\n", REFUSED),
    ("9112 3.2.2", "an absolute target", b"GET http://b/x HTTP/1.1\r\nHost: b\r\n\r\n", PASSED),
    # RFC 9110: what must pass
    ("9112 9.3", "two requests at once", GET + b"\r\n" + GET + b"\r\n", PASSED),
    ("9112 2.2", "an empty line before", b"\r\n" + GET + b"\r\n", PASSED),
    ("9110 9.3.4", "a body with GET", GET + b"Content-Length: 5\r\n\r\nabcde", PASSED),
    ("9110 5.5", "8 bits in a value", GET + b"X: \xe4\r\n\r\n", PASSED),
    ("9110 5.5", "a tab in a value", GET + b"X: a\tb\r\n\r\n", PASSED),
    ("9110 5.5", "an empty value", GET + b"X:\r\n\r\n", PASSED),
    ("9110 7.8", "Upgrade is not passed on", GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", PASSED),
    ("9110 9.3.7", "OPTIONS *", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", PASSED),
    # RFC 9110 7.6.2: how far an OPTIONS and a TRACE may go
    ("9110 7.6.2", "OPTIONS that may go no further", b"OPTIONS /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n", OWN),
    ("9110 7.6.2", "OPTIONS * that may go no further", b"OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 00\r\n\r\n", OWN),
    ("9110 7.6.2", "OPTIONS that may go further", b"OPTIONS /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 10\r\n\r\n", PASSED,
     ("Max-Forwards", "9")),
    ("9110 7.6.2", "OPTIONS with a limit that is no number",
     b"OPTIONS /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: -1\r\nConnection: close\r\n\r\n", STRICT),
    ("9110 7.6.2", "OPTIONS with two limits",
     b"OPTIONS /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 1\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n", STRICT),
    ("9110 7.6.2", "TRACE that may go no further",
     b"TRACE /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n", REFUSED),
    ("9110 7.6.2", "a limit for GET says nothing", GET + b"Max-Forwards: 0\r\n\r\n", PASSED, ("Max-Forwards", "0")),
    ("9110 15.2", "no interim answer to HTTP/1.0",
     b"POST /continue HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n\r\n", PASSED),
    ("9110 10.1.1", "an unknown expectation", GET + b"Expect: 200-ok\r\n\r\n", STRICT),
    # smuggling in a length's body: the member must see one request
    ("9112 6.3", "a request inside a body", POST + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED, PASSED),
    ("9112 7.1", "a request inside a chunk", CHUNKED + b"%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n", PASSED),
    ("9110 9.3.2", "a request inside a HEAD's body",
     b"HEAD /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED, PASSED),
    ("9110 7.6.1", "Connection names the length",
     POST + b"Connection: Content-Length\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED, PASSED),
    ("9110 7.6.1", "Connection names the coding", CHUNKED.replace(b"Host: a\r\n", b"Host: a\r\nConnection: Transfer-Encoding\r\n")
     + b"%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n", PASSED),
]
