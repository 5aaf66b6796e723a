// use: proxy/http/relay.c proxy/http/rewrite.c proxy/http/bookmark.c proxy/http/tx.c
// use: proxy/http/tx_body.c
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proxy/http/relay.h"
#include "proxy/http/rewrite.h"
#include "tap.h"

/* Moves text through in pieces of step bytes, draining out each time; -1 when malformed. */
static int pass(struct relay *r, const char *text, size_t step, struct buf *all)
{
	_cleanup_buf_ struct buf in = {0}, out = {0};
	size_t len = strlen(text);

	for (size_t at = 0; at < len; at += step) {
		buf_add(&in, text + at, len - at < step ? len - at : step);
		if (relay_move(r, &in, &out) < 0)
			return -1;
		buf_add(all, buf_str(&out), out.len);
		buf_consume(&out, out.len);
	}
	return (int)in.len;
}

static void test_framings(void)
{
	static const struct {
		enum http_framing from, to;
		uint64_t length;
		const char *in, *out;
		int left;
	} cases[] = {
		{HTTP_BODY_LENGTH, HTTP_BODY_LENGTH, 3, "abcNEXT", "abc", 4},
		{HTTP_BODY_LENGTH, HTTP_BODY_LENGTH, 0, "NEXT", "", 4},
		{HTTP_BODY_NONE, HTTP_BODY_NONE, 0, "NEXT", "", 4},
		{HTTP_BODY_CHUNKED, HTTP_BODY_CHUNKED, 0, "3;x\r\nabc\r\n0\r\nT: u\r\n\r\nNEXT",
			"3\r\nabc\r\n0\r\n\r\n", 4},
		{HTTP_BODY_CHUNKED, HTTP_BODY_UNTIL_CLOSE, 0, "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\nNEXT",
			"abcd", 4},
		{HTTP_BODY_CHUNKED, HTTP_BODY_CHUNKED, 0, "3\nabc", NULL, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf all = {0};
		struct relay r;
		relay_start(&r, cases[i].from, cases[i].length, cases[i].to);
		int left = pass(&r, cases[i].in, 1000, &all);
		if (!cases[i].out) {
			is_int(left, -1, "case %zu: malformed", i);
			continue;
		}
		is_str(buf_str(&all), cases[i].out, "case %zu: framed anew", i);
		is_int(left, cases[i].left, "case %zu: what follows stays", i);
		ok(r.done, "case %zu: done", i);
	}
}

static void test_bounds(void)
{
	_cleanup_buf_ struct buf in = {0}, out = {0};
	struct relay r;

	relay_start(&r, HTTP_BODY_LENGTH, 1 << 20, HTTP_BODY_LENGTH);
	for (int i = 0; i < 40000; i++)
		buf_add(&in, "x", 1);
	is_int(relay_move(&r, &in, &out), 0, "moved");
	is_int((long long)out.len, RELAY_FULL, "no more than there is room for");
	is_int((long long)in.len, 40000 - RELAY_FULL, "the rest stays");
	is_int(relay_close(&r, &out), -1, "a close before the end is a cut");
}

static void test_close(void)
{
	_cleanup_buf_ struct buf all = {0}, out = {0};
	struct relay r;

	relay_start(&r, HTTP_BODY_UNTIL_CLOSE, 0, HTTP_BODY_CHUNKED);
	is_int(pass(&r, "abc", 1, &all), 0, "all taken");
	ok(!r.done, "not yet at the end");
	is_int(relay_close(&r, &out), 0, "the close is the end");
	is_str(buf_str(&all), "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n", "chunks as they came");
	is_str(buf_str(&out), "0\r\n\r\n", "and the last one");
}

static void test_rewrite(void)
{
	static const char text[] =
		"GET http://h:1?q HTTP/1.1\r\nHost: a\r\nConnection: X, close\r\n"
		"x: 1\r\nY: 2\r\nContent-Length: 7\r\n\r\n";
	_cleanup_buf_ struct buf out = {0};
	struct http_head h;

	ok(http_parse_request(text, sizeof(text) - 1, &h) > 0, "parsed");
	rewrite_request(&h, "10.0.0.9", "https", rewrite_authority(&h), false, &out);
	is_str(buf_str(&out),
		"GET /?q HTTP/1.1\r\nHost: h:1\r\nY: 2\r\nX-Forwarded-For: 10.0.0.9\r\n"
		"X-Forwarded-Host: h:1\r\nX-Forwarded-Proto: https\r\nVia: 1.1 bramble\r\n"
		"Content-Length: 7\r\n\r\n",
		"a request's head");

	static const char answer[] =
		"HTTP/1.0 304 Not Modified\r\nContent-Length: 7\r\nA: b\r\n\r\n";
	struct slice get = {"GET", 3};
	ok(http_parse_response(answer, sizeof(answer) - 1, get, &h) > 0, "parsed");
	buf_consume(&out, out.len);
	rewrite_response(&h, "pi1", &(struct rewrite_as){.to = HTTP_BODY_NONE}, &out);
	is_str(buf_str(&out),
		"HTTP/1.1 304 Not Modified\r\nA: b\r\nVia: 1.1 bramble (pi1)\r\n"
		"Content-Length: 7\r\nConnection: keep-alive\r\n\r\n",
		"an answer's head, to an HTTP/1.0 client that stays");
}

int main(void)
{
	test_framings();
	test_bounds();
	test_close();
	test_rewrite();
	return done();
}
