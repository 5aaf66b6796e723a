// use: proxy/http/tx.c proxy/http/tx_body.c
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http/tx_body.h"
#include "tap.h"

static struct slice text(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static void test_targets(void)
{
	static const struct {
		const char *target;
		enum tx_kind kind;
		enum tx_api api;
		const char *id;
		bool one_shot;
	} cases[] = {
		{"/db/data/transaction", TX_BEGIN, TX_TRANSACTIONAL, "", false},
		{"/db/data/transaction/", TX_BEGIN, TX_TRANSACTIONAL, "", false},
		{"/db/data/transaction?a=/7", TX_BEGIN, TX_TRANSACTIONAL, "", false},
		{"/db/data/transaction/770", TX_OPEN, TX_TRANSACTIONAL, "770", false},
		{"/db/data/transaction/770/commit", TX_OPEN, TX_TRANSACTIONAL, "770", false},
		{"http://h:1/db/data/transaction/770?x", TX_OPEN, TX_TRANSACTIONAL, "770", false},
		{"/db/data/transaction/commit", TX_NONE, TX_TRANSACTIONAL, "", true},
		{"/db/data/transactions/7", TX_NONE, TX_TRANSACTIONAL, "", false},
		{"/db/data/node/7", TX_NONE, TX_TRANSACTIONAL, "", false},
		{"/db/neo4j/tx", TX_BEGIN, TX_TRANSACTIONAL, "", false},
		{"/db/my-own.db/tx/258/commit", TX_OPEN, TX_TRANSACTIONAL, "258", false},
		{"/db/neo4j/tx/commit", TX_NONE, TX_TRANSACTIONAL, "", true},
		{"/db/neo4j/query/v2", TX_NONE, TX_TRANSACTIONAL, "", true},
		{"/db/neo4j/query/v2/tx", TX_BEGIN, TX_QUERY, "", false},
		{"/db/neo4j/query/v2/tx/lyU-2/commit", TX_OPEN, TX_QUERY, "lyU-2", false},
		/* what a server may read as the same path */
		{"/db/data/t%72ansaction/7", TX_OPEN, TX_TRANSACTIONAL, "7", false},
		{"/db/data/transaction;a=b/7;c", TX_OPEN, TX_TRANSACTIONAL, "7", false},
		{"/db/data/x/../transaction/7", TX_ODD, TX_TRANSACTIONAL, "", false},
		{"/db/data/%2e/transaction/7", TX_ODD, TX_TRANSACTIONAL, "", false},
		{"/", TX_NONE, TX_TRANSACTIONAL, "", false},
		{"*", TX_NONE, TX_TRANSACTIONAL, "", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tx_target t = tx_parse_target(text(cases[i].target));
		is_int(t.kind, cases[i].kind, "%s: kind", cases[i].target);
		is_int(t.api, cases[i].api, "%s: api", cases[i].target);
		ok(slice_eq(t.id, cases[i].id), "%s: id", cases[i].target);
		is_int(t.one_shot, cases[i].one_shot, "%s: one shot", cases[i].target);
	}
}

static void test_ids(void)
{
	static const struct {
		enum tx_api api;
		const char *own;
		unsigned server;
		const char *outside;
	} pairs[] = {
		{TX_TRANSACTIONAL, "1", 1, "129"},
		{TX_TRANSACTIONAL, "6", 2, "770"},
		{TX_TRANSACTIONAL, "72057594037927935", 127, "9223372036854775807"},
		{TX_QUERY, "lyU", 2, "lyU-2"},
		{TX_QUERY, "a-_9", 127, "a-_9-127"},
	};
	static const struct {
		enum tx_api api;
		const char *id;
	} nobody[] = {
		{TX_TRANSACTIONAL, "9999999999999999997"}, /* no long of Java's */
		{TX_TRANSACTIONAL, "1"},
		{TX_TRANSACTIONAL, "127"},
		{TX_TRANSACTIONAL, "128"},
		{TX_TRANSACTIONAL, "256"},
		{TX_TRANSACTIONAL, "-129"},
		{TX_TRANSACTIONAL, "+129"},
		{TX_TRANSACTIONAL, "1x9"},
		{TX_TRANSACTIONAL, "129%30"},
		{TX_TRANSACTIONAL, "0"},
		{TX_TRANSACTIONAL, "99999999999999999999"},
		{TX_QUERY, "lyU"},
		{TX_QUERY, "-2"},
		{TX_QUERY, "lyU-0"},
		{TX_QUERY, "lyU-128"},
		{TX_QUERY, "lyU-02"},
		{TX_QUERY, "a/-1"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		_cleanup_buf_ struct buf out = {0}, back = {0};
		tx_encode_id(pairs[i].api, text(pairs[i].own), pairs[i].server, &out);
		is_str(buf_str(&out), pairs[i].outside, "%s of %u", pairs[i].own, pairs[i].server);
		int server = tx_decode_id(pairs[i].api, text(pairs[i].outside), &back);
		is_int(server, (int)pairs[i].server, "%s: whose", pairs[i].outside);
		is_str(buf_str(&back), pairs[i].own, "%s: and back", pairs[i].outside);
	}
	for (size_t i = 0; i < ARRAY_SIZE(nobody); i++) {
		_cleanup_buf_ struct buf back = {0};
		is_int(tx_decode_id(nobody[i].api, text(nobody[i].id), &back), -1, "%s: nobody's",
			nobody[i].id);
	}
	_cleanup_buf_ struct buf out = {0};
	tx_encode_id(TX_TRANSACTIONAL, text("99999999999999999"), 3, &out);
	is_str(buf_str(&out), "0", "an id that does not fit names nobody");
}

static const struct {
	enum tx_api api;
	const char *in, *out;
} bodies[] = {
	/* 2.x and 3.x: first; the bytes as a member sent them */
	{TX_TRANSACTIONAL,
		"{\"commit\":\"http://127.0.0.1:7474/db/data/transaction/6/commit\",\"results\":[{"
		"\"columns\":[\"n\"],\"data\":[{\"row\":[{\"commit\":\"/db/data/transaction/"
		"6\"}]}]}],"
		"\"transaction\":{\"expires\":\"Mon\"},\"errors\":[]}",
		"{\"commit\":\"http://pi.local:8090/db/data/transaction/770/commit\",\"results\":[{"
		"\"columns\":[\"n\"],\"data\":[{\"row\":[{\"commit\":\"/db/data/transaction/"
		"6\"}]}]}],"
		"\"transaction\":{\"expires\":\"Mon\"},\"errors\":[]}"},
	/* 4.x: behind the results, with white space */
	{TX_TRANSACTIONAL,
		"{\"results\" : [ {\"data\":[{\"row\":[\"\\\"commit\\\":\\\"\"]}]} ], "
		"\"errors\":[],"
		" \"commit\" : \"http://h/db/neo4j/tx/18/commit\", \"transaction\":{\"id\":\"6\"}}",
		"{\"results\" : [ {\"data\":[{\"row\":[\"\\\"commit\\\":\\\"\"]}]} ], "
		"\"errors\":[],"
		" \"commit\" : \"http://pi.local:8090/db/neo4j/tx/2306/commit\", "
		"\"transaction\":{\"id\":\"6\"}}"},
	/* Jolt */
	{TX_TRANSACTIONAL,
		"{\"header\":{\"fields\":[\"commit\"]}}\n{\"data\":[{\"U\":\"commit\"}]}\n"
		"{\"info\":{\"commit\":\"http:\\/\\/h\\/db\\/neo4j\\/tx\\/1\\/commit\"}}\n",
		"{\"header\":{\"fields\":[\"commit\"]}}\n{\"data\":[{\"U\":\"commit\"}]}\n"
		"{\"info\":{\"commit\":\"http://pi.local:8090/db/neo4j/tx/130/commit\"}}\n"},
	{TX_QUERY,
		"{\"data\":{\"fields\":[\"id\"],\"values\":[[{\"id\":\"x\"}]]},\"bookmarks\":["
		"\"b\"],"
		"\"transaction\":{\"id\":\"lyU\",\"expires\":\"z\"}}",
		"{\"data\":{\"fields\":[\"id\"],\"values\":[[{\"id\":\"x\"}]]},\"bookmarks\":["
		"\"b\"],"
		"\"transaction\":{\"id\":\"lyU-2\",\"expires\":\"z\"}}"},
	{TX_QUERY, "{\"$event\":\"Summary\",\"_body\":{\"transaction\":{\"id\":\"lyU\"}}}\n",
		"{\"$event\":\"Summary\",\"_body\":{\"transaction\":{\"id\":\"lyU-2\"}}}\n"},
	/* nothing to rewrite, and what is no JSON at all */
	{TX_TRANSACTIONAL, "[\"commit\",\"/db/data/transaction/6\"]",
		"[\"commit\",\"/db/data/transaction/6\"]"},
	{TX_TRANSACTIONAL, "{\"commit\":[\"/db/data/transaction/6\"],\"commit\":6}",
		"{\"commit\":[\"/db/data/transaction/6\"],\"commit\":6}"},
	{TX_TRANSACTIONAL, "}}]{\"commit\":\"cut short /db/data/transaction/6",
		"}}]{\"commit\":\"cut short /db/data/transaction/6"},
};

static void test_bodies(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		size_t len = strlen(bodies[i].in), wrong = 0;
		for (size_t step = 1; step <= len; step++) {
			_cleanup_buf_ struct buf out = {0};
			struct tx_body b;
			tx_body_start(&b, bodies[i].api, 2, "http://pi.local:8090");
			for (size_t at = 0; at < len; at += step)
				tx_body_pass(&b,
					(struct slice){bodies[i].in + at,
						len - at < step ? len - at : step},
					&out);
			tx_body_end(&b, &out);
			tx_body_free(&b);
			wrong += strcmp(buf_str(&out), bodies[i].out) != 0;
			if (step == len)
				is_str(buf_str(&out), bodies[i].out, "body %zu", i);
		}
		is_int((int)wrong, 0, "body %zu: the same however it is cut", i);
	}
}

static void test_bound(void)
{
	_cleanup_buf_ struct buf out = {0};
	struct tx_body b;

	tx_body_start(&b, TX_TRANSACTIONAL, 2, "http://h");
	tx_body_pass(&b, text("{\"commit\":\""), &out);
	for (int i = 0; i < 10000; i++)
		tx_body_pass(&b, text("xxxxxxxxxx"), &out);
	ok(b.held.cap < 3 * TX_HELD_MAX, "a string without end is not collected");
	is_int((int)out.len, 11 + 100000, "but passed on");
	tx_body_free(&b);
}

int main(void)
{
	test_targets();
	test_ids();
	test_bodies();
	test_bound();
	return done();
}
