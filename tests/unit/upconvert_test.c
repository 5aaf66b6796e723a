// use: proxy/bolt/upconvert.c proxy/bolt/inbox.c proxy/bolt/stream.c proxy/bolt/chunk.c
// use: proxy/bolt/pack.c proxy/bolt/message.c
/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a Bolt 3 client's requests become for a member of version 1 or 2, and its answers for the
 * client. */
#include "proxy/bolt/message.h"
#include "proxy/bolt/upconvert.h"
#include "tap.h"

static void request(struct upconvert *u, struct buf *to, const char *data, size_t n)
{
	is_int(upconvert_request(u, data, n, to), 0, "a request");
}

/* The client's answers to what the member says, as the tags' hexadecimal digits. */
static const char *answers(struct upconvert *u, const uint8_t *tags)
{
	static char text[64];
	struct buf out = {0};
	size_t at = 0;

	for (; *tags; tags++) {
		const uint8_t data[] = {*tags == BOLT_IGNORED ? 0xb0 : 0xb1, *tags, 0xa0};
		chunk_message(&u->in.bytes.b, data, *tags == BOLT_IGNORED ? 2 : 3);
	}
	if (upconvert_answers(u, &out) < 0)
		return "broken";
	struct chunks c = {0};
	text[0] = '\0';
	for (size_t p = 0; p < out.len;) {
		struct chunk_piece piece =
			chunk_next(&c, (const uint8_t *)out.data + p, out.len - p);
		p += piece.used;
		if (piece.end)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%02x ", c.head[1]);
	}
	buf_free(&out);
	return text;
}

static void test_answers(void)
{
	static const char commit[] = "\xb0\x12", reset[] = "\xb0\x0f", begin[] = "\xb1\x11\xa0";
	static const struct {
		const char *what, *request;
		size_t n;
		uint8_t says[8];
		const char *wanted;
	} cases[] = {
		{"BEGIN", begin, 3, {BOLT_SUCCESS, BOLT_SUCCESS, BOLT_SUCCESS}, "70 70 "},
		{"BEGIN that fails", begin, 3, {BOLT_FAILURE, BOLT_IGNORED, BOLT_SUCCESS},
			"7f 70 "},
		{"COMMIT", commit, 2, {BOLT_SUCCESS, BOLT_SUCCESS, BOLT_SUCCESS}, "70 70 "},
		{"COMMIT that fails at its end", commit, 2,
			{BOLT_SUCCESS, BOLT_FAILURE, BOLT_SUCCESS}, "7f 70 "},
		{"COMMIT that is ignored", commit, 2, {BOLT_IGNORED, BOLT_IGNORED, BOLT_SUCCESS},
			"7e 70 "},
		{"COMMIT that is done when RESET comes", commit, 2,
			{BOLT_SUCCESS, BOLT_IGNORED, BOLT_SUCCESS}, "70 70 "},
		{"one too many", commit, 2,
			{BOLT_SUCCESS, BOLT_SUCCESS, BOLT_SUCCESS, BOLT_SUCCESS}, "broken"},
		{"a RECORD of COMMIT", commit, 2, {BOLT_SUCCESS, BOLT_RECORD}, "broken"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct upconvert u = {0};
		_cleanup_buf_ struct buf sent = {0};
		request(&u, &sent, cases[i].request, cases[i].n);
		request(&u, &sent, reset, 2);
		is_str(answers(&u, cases[i].says), cases[i].wanted, "%s, then RESET",
			cases[i].what);
		stream_free(&u.in.bytes);
	}
}

/* A failed BEGIN's second answer need not have come for the connection to be given back. */
static void test_calm(void)
{
	struct upconvert u = {0};
	_cleanup_buf_ struct buf sent = {0};

	ok(upconvert_calm(&u), "nothing asked");
	request(&u, &sent, "\xb1\x11\xa0", 3);
	ok(!upconvert_calm(&u), "BEGIN is on its way");
	is_str(answers(&u, (const uint8_t[]){BOLT_FAILURE, 0}), "7f ", "it fails");
	ok(upconvert_calm(&u), "nobody waits for more");
	request(&u, &sent, "\xb0\x0f", 2);
	is_str(answers(&u, (const uint8_t[]){BOLT_IGNORED, BOLT_SUCCESS, 0}), "70 ", "RESET");
	ok(upconvert_calm(&u), "all is answered");
	stream_free(&u.in.bytes);
}

static void test_hello(void)
{
	static const char odd[] = "\xb1\x01\xa2\x8auser_agent\x07\x86scheme\x84none";
	static const char init[] = "\xb2\x01\x8d"
				   "bramble-proxy\xa1\x86scheme\x84none";
	_cleanup_buf_ struct buf b = {0};

	is_int(upconvert_hello(odd, sizeof(odd) - 1, &b), 0, "a HELLO whose agent is a number");
	ok(b.len == sizeof(init) - 1 && memcmp(b.data, init, b.len) == 0, "is no malformed INIT");
}

int main(void)
{
	test_answers();
	test_calm();
	test_hello();
	return done();
}
