// use: proxy/members/reach.c proxy/http/bookmark.c
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proxy/http/bookmark.h"
#include "proxy/members/reach.h"
#include "tap.h"

static long needed(const struct reach *r, int64_t since_ms)
{
	uint64_t tx;

	return reach_needed(r, since_ms, &tx) ? (long)tx : -1;
}

static long had(const struct reach *r, int64_t before_ms)
{
	uint64_t tx;

	return reach_had(r, before_ms, &tx) ? (long)tx : -1;
}

static void test_reach(void)
{
	struct reach r = {0};
	uint64_t tx;

	is_int(needed(&r, 0), -1, "nothing is known of a master that told nothing");
	is_int(had(&r, 1 << 30), -1, "nor of another member");
	ok(!reach_latest(&r, &tx), "nor the latest");
	reach_note(&r, 1000, 7);
	reach_note(&r, 1000 + REACH_GAP_MS - 1, 8);
	reach_note(&r, 2000, 9);
	reach_note(&r, 1500, 8);
	is_int(needed(&r, 1), 7, "what was written before the first sample is in it");
	is_int(needed(&r, 1000), 7, "and what was written at its very time");
	is_int(needed(&r, 1001), 9, "later, the next one is needed");
	is_int(needed(&r, 2000), 9, "as long as it is late enough");
	is_int(needed(&r, 2001), -1, "what came after the last one is not known yet");
	is_int(had(&r, 999), -1, "before the first sample nothing is known of a member");
	is_int(had(&r, 1999), 7, "it had what the last sample before says");
	is_int(had(&r, 5000), 9, "up to the latest");
	ok(reach_latest(&r, &tx) && tx == 9, "the latest");
	reach_note(&r, 3000, 4);
	is_int(needed(&r, 1), 4,
		"a smaller number is another store's: what was known is forgotten");
	for (int i = 0; i < 3 * REACH_SLOTS; i++)
		reach_note(&r, 4000 + i * 1000, (uint64_t)(10 + i));
	is_int(needed(&r, 1), 10 + 2 * REACH_SLOTS,
		"of a time long ago the oldest sample is asked for");
	is_int(had(&r, 4000), -1, "and nothing is known of members");
}

static struct http_head head_of(const char *text)
{
	struct http_head h;

	if (http_parse_request(text, strlen(text), &h) <= 0)
		h = (struct http_head){0};
	return h;
}

#define REQUEST(fields) "GET / HTTP/1.1\r\nHost: a\r\n" fields "\r\n"

static void test_bookmark(void)
{
	static const struct {
		const char *request;
		enum bookmark_by by;
		int64_t since_ms;
		const char *what;
	} cases[] = {
		{REQUEST(""), BOOKMARK_NONE, 0, "no bookmark"},
		{REQUEST("Cookie: a=b; c=bramble-bookmark\r\n"), BOOKMARK_NONE, 0, "other cookies"},
		{REQUEST("X-Bramble-Bookmark: new\r\n"), BOOKMARK_FIELD, 5000, "a new one"},
		{REQUEST("X-Bramble-Bookmark:\r\n"), BOOKMARK_FIELD, 5000, "an empty one"},
		{REQUEST("X-Bramble-Bookmark: 0000002a-1234\r\n"), BOOKMARK_FIELD, 1234, "ours"},
		{REQUEST("x-bramble-bookmark: 0000002a-1234\r\n"), BOOKMARK_FIELD, 1234,
			"in small"},
		{REQUEST("X-Bramble-Bookmark: 0000002b-1234\r\n"), BOOKMARK_FIELD, 5000,
			"another proxy's: whatever was acknowledged by now"},
		{REQUEST("X-Bramble-Bookmark: 0000002a-5001\r\n"), BOOKMARK_FIELD, 5000,
			"of the future"},
		{REQUEST("X-Bramble-Bookmark: 0000002a--1\r\n"), BOOKMARK_FIELD, 5000, "negative"},
		{REQUEST("X-Bramble-Bookmark: 0000002a-1x\r\n"), BOOKMARK_FIELD, 5000, "no number"},
		{REQUEST("X-Bramble-Bookmark: 0000002a-\r\n"), BOOKMARK_FIELD, 5000, "none"},
		{REQUEST("X-Bramble-Bookmark: 0000002a-99999999999999999999\r\n"), BOOKMARK_FIELD,
			5000, "a huge one"},
		{REQUEST("Cookie: bramble-bookmark=0000002a-77\r\n"), BOOKMARK_COOKIE, 77,
			"a cookie"},
		{REQUEST("Cookie: a=b; bramble-bookmark=0000002a-77; c=d\r\n"), BOOKMARK_COOKIE, 77,
			"among others"},
		{REQUEST("Cookie: a=b\r\nCookie: bramble-bookmark=x\r\n"), BOOKMARK_COOKIE, 5000,
			"in a second field"},
	};
	char token[BOOKMARK_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct http_head h = head_of(cases[i].request);
		struct bookmark s = bookmark_read(&h, 42, 5000);
		ok(s.by == cases[i].by && s.since_ms == cases[i].since_ms, "%s: %d, since %lld",
			cases[i].what, (int)s.by, (long long)s.since_ms);
	}
	bookmark_format(42, 1234, token);
	is_str(token, "0000002a-1234", "a token");
}

int main(void)
{
	test_reach();
	test_bookmark();
	return done();
}
