/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Vectors for the strict parser, RFC 9112 and 9110 by section. Every vector is given in one piece
 * and byte by byte: the answer must be the same.
 */
#include <stdlib.h>
#include "buf.h"
#include "http_head.h"
#include "tap.h"
#include "util.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

struct vector {
	const char *name, *text;
	int want; /* -status; 0: incomplete; 1: the whole text */
};

static const struct vector requests[] = {
	{"minimal", GET "\r\n", 1},
	{"HTTP/1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n", 1},
	{"one empty line before it (9112 2.2)", "\r\n" GET "\r\n", 1},
	{"two empty lines before it", "\r\n\r\n" GET "\r\n", -400},
	{"incomplete line", "GET / HT", 0},
	{"incomplete fields", GET, 0},
	{"nothing", "", 0},
	{"percent and query pass", "GET /a%2fb/../c?x=%00&y={z}|w HTTP/1.1\r\nHost: a\r\n\r\n", 1},
	{"absolute-form (9112 3.2.2)", "GET http://b:1/x HTTP/1.1\r\nHost: a\r\n\r\n", 1},
	{"asterisk-form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 1},
	{"asterisk-form only for OPTIONS", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", -400},
	{"authority-form", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", -400},
	{"CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", -501},
	{"absolute-form with a user", "GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n", -400},
	{"empty target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", -400},
	{"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", -400},
	{"tab for a space", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", -400},
	{"space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", -400},
	{"fragment", "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", -400},
	{"control character in the target", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", -400},
	{"byte above 127 in the target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", -400},
	{"HTTP/0.9", "GET /\r\n\r\n", -400},
	{"HTTP/2 in text", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", -505},
	{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", -505},
	{"lower-case version", "GET / http/1.1\r\nHost: a\r\n\r\n", -400},
	{"version with more digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", -400},
	{"trailing space", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", -400},
	{"leading space", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", -400},
	{"method with a control character", "G\x02T / HTTP/1.1\r\nHost: a\r\n\r\n", -400},
	{"bare LF in the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", -400},
	{"bare LF in a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", -400},
	{"bare LF in a field nobody reads", GET "X: ab\n\r\n", -400},
	{"bare LF at the end", GET "\n", -400},
	{"bare CR in a value", GET "X: a\rb\r\n\r\n", -400},
	{"bare CR in the request line", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", -400},
	{"CR CR LF", GET "X: a\r\r\n\r\n", -400},
	{"field folded (9112 5.2)", GET "X: a\r\n b\r\n\r\n", -400},
	{"first field folded", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", -400},
	{"space before the colon (9112 5.1)", GET "X : a\r\n\r\n", -400},
	{"field without a colon", GET "X\r\n\r\n", -400},
	{"field without a name", GET ": a\r\n\r\n", -400},
	{"field with a control character", GET "X: a\x01\r\n\r\n", -400},
	{"field with DEL", GET "X: a\x7f\r\n\r\n", -400},
	{"byte above 127 in a value passes", GET "X: \xc3\xa4\r\n\r\n", 1},
	{"empty value passes", GET "X:\r\n\r\n", 1},
	{"tab in a value passes", GET "X: a\tb\r\n\r\n", 1},
	{"no Host (9112 3.2)", "GET / HTTP/1.1\r\n\r\n", -400},
	{"two Hosts", GET "Host: a\r\n\r\n", -400},
	{"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", -400},
	{"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", -400},
	{"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", -400},
	{"Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", -400},
	{"Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", -400},
	{"Host with a bad port", "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", -400},
	{"Host with IPv6", "GET / HTTP/1.1\r\nHost: [::1]:8090\r\n\r\n", 1},
	{"Host with open IPv6", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", -400},
	{"length", POST "Content-Length: 5\r\n\r\n", 1},
	{"length 0", POST "Content-Length: 0\r\n\r\n", 1},
	{"largest length", POST "Content-Length: 9223372036854775807\r\n\r\n", 1},
	{"length of 2^63", POST "Content-Length: 9223372036854775808\r\n\r\n", -400},
	{"length of 2^64 + 5", POST "Content-Length: 18446744073709551621\r\n\r\n", -400},
	{"same length twice", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", -400},
	{"two lengths", POST "Content-Length: 5\r\ncontent-length: 6\r\n\r\n", -400},
	{"length list (9112 6.3)", POST "Content-Length: 5, 5\r\n\r\n", -400},
	{"length +5", POST "Content-Length: +5\r\n\r\n", -400},
	{"length -1", POST "Content-Length: -1\r\n\r\n", -400},
	{"length 0x5", POST "Content-Length: 0x5\r\n\r\n", -400},
	{"length 5 5", POST "Content-Length: 5 5\r\n\r\n", -400},
	{"empty length", POST "Content-Length:\r\n\r\n", -400},
	{"chunked", POST "Transfer-Encoding: chunked\r\n\r\n", 1},
	{"chunked in capitals", POST "TRANSFER-ENCODING: ChunkeD\r\n\r\n", 1},
	{"length and chunked (9112 6.1)",
		POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", -400},
	{"chunked and length", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
		-400},
	{"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", -400},
	{"chunked twice", POST "Transfer-Encoding: chunked, chunked\r\n\r\n", -400},
	{"chunked in two fields",
		POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", -400},
	{"xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n", -400},
	{"chunked with VT", POST "Transfer-Encoding: chunked\x0b\r\n\r\n", -400},
	{"chunked in quotes", POST "Transfer-Encoding: \"chunked\"\r\n\r\n", -400},
	{"chunked not last", POST "Transfer-Encoding: chunked, gzip\r\n\r\n", -400},
	{"chunked then a parameter", POST "Transfer-Encoding: chunked;q=1\r\n\r\n", -400},
	{"identity", POST "Transfer-Encoding: identity\r\n\r\n", -400},
	{"empty coding", POST "Transfer-Encoding:\r\n\r\n", -400},
	{"another coding first", POST "Transfer-Encoding: gzip, chunked\r\n\r\n", -501},
	{"coding with a space in its name", POST "Transfer-Encoding : chunked\r\n\r\n", -400},
	{"coding folded", POST "Transfer-Encoding:\r\n chunked\r\n\r\n", -400},
	{"Expect: 100-continue", POST "Expect: 100-continue\r\n\r\n", 1},
	{"another expectation", POST "Expect: coffee\r\n\r\n", -417},
	{"TLS on this port", "\x16\x03\x01\x02\x01\n", -400},
};

static const struct vector responses[] = {
	{"minimal", "HTTP/1.1 200 OK\r\n\r\n", 1},
	{"no reason", "HTTP/1.1 200 \r\n\r\n", 1},
	{"no space for a reason", "HTTP/1.1 200\r\n\r\n", 1},
	{"HTTP/1.0", "HTTP/1.0 404 Not Found\r\n\r\n", 1},
	{"incomplete", "HTTP/1.1 200 OK\r\nA: b\r\n", 0},
	{"bare LF", "HTTP/1.1 200 OK\n\n", -502},
	{"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", -502},
	{"status of two digits", "HTTP/1.1 20 OK\r\n\r\n", -502},
	{"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", -502},
	{"status 600", "HTTP/1.1 600 OK\r\n\r\n", -502},
	{"status 000", "HTTP/1.1 000 OK\r\n\r\n", -502},
	{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", -502},
	{"length and chunked",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", -502},
	{"another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", -502},
	{"chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", -502},
	{"folded", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", -502},
	{"no HTTP at all", "SSH-2.0-OpenSSH_9.2\r\n", -502},
};

static int parse(bool request, const char *p, size_t n, struct http_head *h)
{
	struct slice get = {"GET", 3};

	return request ? http_parse_request(p, n, h) : http_parse_response(p, n, get, h);
}

/* Each prefix in memory of exactly its size, so that ASan sees a read behind it. */
static int parse_bytewise(bool request, const char *text, size_t len, struct http_head *h)
{
	int r = 0;

	for (size_t n = 0; n <= len && r == 0; n++) {
		_cleanup_free_ char *copy = xcalloc(n, 1);
		memcpy(copy, text, n);
		r = parse(request, copy, n, h);
	}
	return r;
}

static void check(const struct vector *v, size_t n, bool request)
{
	struct http_head h;

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(v[i].text);
		int want = v[i].want == 1 ? (int)len : v[i].want;
		const char *kind = request ? "request" : "response";
		is_int(parse(request, v[i].text, len, &h), want, "%s: %s", kind, v[i].name);
		is_int(parse_bytewise(request, v[i].text, len, &h), want, "%s, bytewise: %s", kind,
			v[i].name);
	}
}

static void check_size(const char *name, const char *start, size_t len, int want)
{
	_cleanup_free_ char *big = xcalloc(len + 1, 1);
	struct http_head h;

	memset(big, 'a', len);
	memcpy(big, start, strlen(start));
	is_int(http_parse_request(big, len, &h), want, "%s", name);
}

static void test_limits(void)
{
	_cleanup_free_ char *many = xcalloc(HTTP_MAX_FIELDS + 2, 8);
	struct http_head h;

	check_size("a line may fill the limit", "GET /", HTTP_MAX_HEAD - 1, 0);
	check_size("a request line beyond it", "GET /", HTTP_MAX_HEAD, -414);
	check_size("fields beyond it", GET "X: ", HTTP_MAX_HEAD, -431);
	check_size("also with more bytes at hand", GET "X: ", 3 * HTTP_MAX_HEAD, -431);
	strcpy(many, GET);
	for (int i = 1; i < HTTP_MAX_FIELDS; i++)
		strcat(many, "a:b\r\n");
	strcat(many, "\r\n");
	ok(http_parse_request(many, strlen(many), &h) > 0, "as many fields as allowed");
	is_int((long long)h.nfields, HTTP_MAX_FIELDS, "all are there");
	strcpy(many + strlen(many) - 2, "a:b\r\n\r\n");
	is_int(http_parse_request(many, strlen(many), &h), -431, "one field more");
}

static enum http_framing response_framing(const char *text, const char *method, bool *keep)
{
	struct http_head h;

	if (http_parse_response(text, strlen(text), (struct slice){method, strlen(method)}, &h) <=
		0)
		return (enum http_framing) - 1;
	*keep = h.keep_alive;
	return h.framing;
}

#define LENGTH_5 "Content-Length: 5\r\n\r\n"

static void test_framing(void)
{
	bool keep;

	is_int(response_framing("HTTP/1.1 200 OK\r\n" LENGTH_5, "GET", &keep), HTTP_BODY_LENGTH,
		"length");
	is_int(response_framing("HTTP/1.1 200 OK\r\n" LENGTH_5, "HEAD", &keep), HTTP_BODY_NONE,
		"HEAD has no body (9112 6.3)");
	ok(keep, "and keeps the connection");
	is_int(response_framing("HTTP/1.1 304 x\r\n" LENGTH_5, "GET", &keep), HTTP_BODY_NONE,
		"304 has no body");
	is_int(response_framing(
		       "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", &keep),
		HTTP_BODY_NONE, "204 has no body");
	is_int(response_framing("HTTP/1.1 100 x\r\n" LENGTH_5, "GET", &keep), HTTP_BODY_NONE,
		"100 has no body");
	is_int(response_framing("HTTP/1.1 200 OK\r\n\r\n", "GET", &keep), HTTP_BODY_UNTIL_CLOSE,
		"no framing: until close");
	ok(!keep, "which ends the connection");
	(void)response_framing("HTTP/1.0 200 OK\r\n" LENGTH_5, "GET", &keep);
	ok(!keep, "HTTP/1.0 closes");
	(void)response_framing(
		"HTTP/1.0 200 OK\r\nConnection: x, Keep-Alive\r\n" LENGTH_5, "GET", &keep);
	ok(keep, "unless it says keep-alive");
	(void)response_framing(
		"HTTP/1.1 200 OK\r\nConnection: a\r\nConnection: b ,CLOSE\r\n" LENGTH_5, "GET",
		&keep);
	ok(!keep, "close is found in any Connection field");
}

static void test_lookup(void)
{
	static const char text[] = "GET http://H:1/p HTTP/1.1\r\nHost: a\r\nX-Write:  1 \r\n\r\n";
	struct http_head h;

	ok(http_parse_request(text, sizeof(text) - 1, &h) > 0, "parsed");
	const struct http_field *f = http_find(&h, FIELD_X_WRITE);
	ok(f && slice_eq(f->value, "1"), "a field is found in any case, its value trimmed");
	ok(!http_find(&h, FIELD_COOKIE), "not one that is not there");
	is_int(http_name_of(SLICE("X-Writ")), FIELD_OTHER, "a part of a name is another");
	is_int(http_name_of(SLICE("X-Writes")), FIELD_OTHER, "and so is a longer one");
	is_int(http_name_of(SLICE("sec-websocket-version")), FIELD_SEC_WEBSOCKET_VERSION,
		"the longest");
	is_int(http_name_of(SLICE("te")), FIELD_TE, "the shortest");
	is_int(http_name_of(SLICE("")), FIELD_OTHER, "none");
	ok(slice_eq(http_target_authority(h.target), "H:1"), "authority of an absolute target");
	struct slice list = {"gzip, Chunked ,x", 16};
	ok(http_list_has(list, "chunked") && http_list_has(list, "x"), "list members");
	ok(!http_list_has(list, "chunk") && !http_list_has(list, ""), "no parts of members");
	is_str(http_reason(502), "Bad Gateway", "a reason");
}

static const struct vector chunked[] = {
	{"one chunk", "3\r\nabc\r\n0\r\n\r\n", 3},
	{"two chunks", "1\r\na\r\nA\r\n0123456789\r\n0\r\n\r\n", 11},
	{"leading zeros", "003\r\nabc\r\n000\r\n\r\n", 3},
	{"extensions", "3;a=b;c=\"d\"\r\nabc\r\n0;e\r\n\r\n", 3},
	{"trailers", "3\r\nabc\r\n0\r\nA: b\r\nC:\r\n\r\n", 3},
	{"CR and LF as data", "4\r\n\r\n\r\n\r\n0\r\n\r\n", 4},
	{"empty", "0\r\n\r\n", 0},
	{"incomplete", "3\r\nabc\r\n0\r\n", -2},
	{"no digit", "\r\nabc", -1},
	{"not hexadecimal", "g\r\n", -1},
	{"0x prefix", "0x3\r\nabc\r\n0\r\n\r\n", -1},
	{"minus", "-3\r\nabc", -1},
	{"plus", "+3\r\nabc", -1},
	{"2^64", "10000000000000000\r\n", -1},
	{"2^63", "8000000000000000\r\n", -1},
	{"endless zeros", "00000000000000003\r\nabc\r\n0\r\n\r\n", -1},
	{"space before the size", " 3\r\nabc\r\n0\r\n\r\n", -1},
	{"space after the size", "3 \r\nabc\r\n0\r\n\r\n", -1},
	{"bare LF after the size", "3\nabc\r\n0\r\n\r\n", -1},
	{"bare LF in an extension", "3;a\nabc\r\n0\r\n\r\n", -1},
	{"bare CR in an extension", "3;a\rb\r\nabc\r\n0\r\n\r\n", -1},
	{"no CRLF after the data", "3\r\nabc0\r\n\r\n", -1},
	{"bare LF after the data", "3\r\nabc\n0\r\n\r\n", -1},
	{"bare CR after the data", "3\r\nabc\r0\r\n\r\n", -1},
	{"more data than said", "3\r\nabcd\r\n0\r\n\r\n", -1},
	{"folded trailer", "0\r\nA: b\r\n c\r\n\r\n", -1},
	{"trailer without a name", "0\r\n: b\r\n\r\n", -1},
	{"trailer with a space in its name", "0\r\nA : b\r\n\r\n", -1},
	{"bare LF in a trailer", "0\r\nA: b\n\r\n", -1},
	{"bare LF at the end", "0\r\n\n", -1},
	{"a request for a trailer", "0\r\nGET / HTTP/1.1\r\n\r\n", -1},
};

/* Feeds step bytes at a time: the length of the data, -1 when malformed, -2 when not at an end. */
static int decode(const char *text, size_t step, struct buf *data)
{
	struct http_chunked c = {0};
	size_t len = strlen(text), at = 0;

	for (size_t have = step; at < len && !c.done; have += step) {
		struct slice run;
		long n = 1;
		size_t end = have < len ? have : len;
		while (n > 0) {
			n = http_chunked_next(&c, text + at, end - at, &run);
			if (n < 0)
				return -1;
			buf_add(data, run.p, run.n);
			at += (size_t)n;
		}
	}
	return !c.done ? -2 : at == len ? (int)data->len : -3;
}

static void test_chunked(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(chunked); i++) {
		_cleanup_buf_ struct buf whole = {0}, bytes = {0};
		is_int(decode(chunked[i].text, 1000, &whole), chunked[i].want, "chunked: %s",
			chunked[i].name);
		is_int(decode(chunked[i].text, 1, &bytes), chunked[i].want, "chunked, bytewise: %s",
			chunked[i].name);
		if (chunked[i].want >= 0)
			is_str(buf_str(&bytes), buf_str(&whole), "same data");
	}
}

static void test_chunked_limits(void)
{
	_cleanup_buf_ struct buf text = {0}, data = {0};

	buf_puts(&text, "3;");
	for (int i = 0; i < 300; i++)
		buf_puts(&text, "x");
	is_int(decode(text.data, 1000, &data), -1, "an extension has its limit");
	buf_consume(&text, text.len);
	buf_puts(&text, "0\r\n");
	for (int i = 0; i < 2000; i++)
		buf_puts(&text, "a: b\r\n");
	is_int(decode(text.data, 1 << 20, &data), -1, "trailers have theirs");

	struct http_chunked c = {0};
	struct slice run;
	is_int(http_chunked_next(&c, "0\r\n\r\nGET", 8, &run), 5, "it stops at the end");
	ok(c.done, "and says so");
}

/* Every name that counts, in small letters and in capitals. */
static void test_names(void)
{
	static const struct {
		const char *small, *large;
		enum http_name is;
	} names[] = {
		{"accept-encoding", "ACCEPT-ENCODING", FIELD_ACCEPT_ENCODING},
		{"access-mode", "ACCESS-MODE", FIELD_ACCESS_MODE},
		{"authorization", "AUTHORIZATION", FIELD_AUTHORIZATION},
		{"connection", "CONNECTION", FIELD_CONNECTION},
		{"content-encoding", "CONTENT-ENCODING", FIELD_CONTENT_ENCODING},
		{"content-length", "CONTENT-LENGTH", FIELD_CONTENT_LENGTH},
		{"cookie", "COOKIE", FIELD_COOKIE},
		{"expect", "EXPECT", FIELD_EXPECT},
		{"host", "HOST", FIELD_HOST},
		{"keep-alive", "KEEP-ALIVE", FIELD_KEEP_ALIVE},
		{"location", "LOCATION", FIELD_LOCATION},
		{"max-forwards", "MAX-FORWARDS", FIELD_MAX_FORWARDS},
		{"origin", "ORIGIN", FIELD_ORIGIN},
		{"proxy-authenticate", "PROXY-AUTHENTICATE", FIELD_PROXY_AUTHENTICATE},
		{"proxy-connection", "PROXY-CONNECTION", FIELD_PROXY_CONNECTION},
		{"sec-fetch-site", "SEC-FETCH-SITE", FIELD_SEC_FETCH_SITE},
		{"sec-websocket-key", "SEC-WEBSOCKET-KEY", FIELD_SEC_WEBSOCKET_KEY},
		{"sec-websocket-version", "SEC-WEBSOCKET-VERSION", FIELD_SEC_WEBSOCKET_VERSION},
		{"te", "TE", FIELD_TE},
		{"trailer", "TRAILER", FIELD_TRAILER},
		{"transfer-encoding", "TRANSFER-ENCODING", FIELD_TRANSFER_ENCODING},
		{"upgrade", "UPGRADE", FIELD_UPGRADE},
		{"x-bramble-bookmark", "X-BRAMBLE-BOOKMARK", FIELD_X_BRAMBLE_BOOKMARK},
		{"x-forwarded-for", "X-FORWARDED-FOR", FIELD_X_FORWARDED_FOR},
		{"x-forwarded-host", "X-FORWARDED-HOST", FIELD_X_FORWARDED_HOST},
		{"x-forwarded-proto", "X-FORWARDED-PROTO", FIELD_X_FORWARDED_PROTO},
		{"x-write", "X-WRITE", FIELD_X_WRITE},
	};

	is_int(ARRAY_SIZE(names), FIELD_NAMES - 1, "all of them");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct slice s = {names[i].small, strlen(names[i].small)},
			     l = {names[i].large, s.n};
		ok(http_name_of(s) == names[i].is && http_name_of(l) == names[i].is, "%s",
			names[i].small);
	}
}

/* Wherever in a value, for eight bytes of it are looked at together. */
static void test_values(void)
{
	static const struct {
		unsigned char c;
		bool passes;
	} cases[] = {{0, false}, {1, false}, {0x1f, false}, {'\r', false}, {0x7f, false},
		{'\t', true}, {0x80, true}, {0xa0, true}, {0xff, true}, {'~', true}, {'!', true}};
	char text[] = "GET / HTTP/1.1\r\nHost: a\r\nX: 12345678901234567\r\n\r\n";
	const size_t value = strlen("GET / HTTP/1.1\r\nHost: a\r\nX: ");

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool right = true;
		for (size_t at = 0; at < 17; at++) {
			struct http_head h;
			char kept = text[value + at];
			text[value + at] = (char)cases[i].c;
			int r = http_parse_request(text, sizeof(text) - 1, &h);
			right &= cases[i].passes ? r > 0 : r == -400;
			text[value + at] = kept;
		}
		ok(right, "0x%02x %s", cases[i].c, cases[i].passes ? "passes" : "does not");
	}
}

int main(void)
{
	check(requests, ARRAY_SIZE(requests), true);
	check(responses, ARRAY_SIZE(responses), false);
	test_limits();
	test_framing();
	test_lookup();
	test_names();
	test_values();
	test_chunked();
	test_chunked_limits();
	return done();
}
