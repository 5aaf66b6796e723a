// use: proxy/bolt/chunk.c proxy/bolt/pack.c proxy/bolt/handshake.c proxy/bolt/message.c
// use: proxy/bolt/routing.c proxy/bolt/marks.c proxy/bolt/stream.c
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proxy/bolt/chunk.h"
#include "proxy/bolt/handshake.h"
#include "proxy/bolt/marks.h"
#include "proxy/bolt/routing.h"
#include "proxy/bolt/stream.h"
#include "proxy/proxy_conf.h"
#include "tap.h"

static const struct bolt_version three[] = {{.major = 3}}, four[] = {{4, 3}, {4, 1}, {3, 0}};

/* What drivers send, and what is taken of it when there is only 3, or more. */
static void test_handshake(void)
{
	static const struct {
		const char *who, *proposals;
		enum handshake_answer with_three;
		int major, minor; /* with more */
	} cases[] = {
		{"1.7", "\0\0\0\3\0\0\0\2\0\0\0\1\0\0\0\0", HANDSHAKE_CHOSEN, 3, 0},
		{"4.4", "\0\2\4\4\0\0\1\4\0\0\0\4\0\0\0\3", HANDSHAKE_CHOSEN, 4, 3},
		{"6.3", "\0\0\1\xff\0\x08\x08\5\0\2\4\4\0\0\0\3", HANDSHAKE_CHOSEN, 4, 3},
		{"5 alone", "\0\4\4\5\0\0\0\0\0\0\0\0\0\0\0\0", HANDSHAKE_NONE, 0, 0},
		{"manifest alone", "\0\0\1\xff\0\0\0\0\0\0\0\0\0\0\0\0", HANDSHAKE_MANIFEST, 0, 0},
		{"a range beyond the version", "\0\xff\2\4\0\0\0\0\0\0\0\0\0\0\0\0", HANDSHAKE_NONE,
			4, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t bytes[HANDSHAKE_SIZE];
		struct bolt_version v = {0};
		memcpy(bytes, HANDSHAKE_MAGIC, 4);
		memcpy(bytes + 4, cases[i].proposals, 16);
		is_int(handshake_choose(bytes, three, 1, &v), cases[i].with_three, "%s: with 3",
			cases[i].who);
		v = (struct bolt_version){0};
		(void)handshake_choose(bytes, four, 3, &v);
		is_int(v.major * 10 + v.minor, cases[i].major * 10 + cases[i].minor,
			"%s: with 4.3, 4.1 and 3", cases[i].who);
		bytes[0] = 'G';
		is_int(handshake_choose(bytes, three, 1, &v), HANDSHAKE_NONE, "%s: not Bolt",
			cases[i].who);
	}
}

static void test_manifest(void)
{
	static const uint8_t choice[] = {0, 0, 1, 4, 0x80, 1, 'x'}, other[] = {0, 0, 2, 4, 0};
	static const uint8_t endless[14] = {
		0, 0, 1, 4, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80};
	_cleanup_buf_ struct buf b = {0};
	struct bolt_version v;

	handshake_put_manifest(&b, four, 3);
	ok(b.len == 18 && memcmp(b.data, "\0\0\1\xff\3\0\0\3\4\0\0\1\4\0\0\0\3\0", 18) == 0,
		"the manifest");
	for (int n = 0; n < 6; n++)
		is_int(handshake_manifest_choice(choice, (size_t)n, four, 3, &v), 0,
			"%d bytes of a choice are not enough", n);
	is_int(handshake_manifest_choice(choice, 7, four, 3, &v), 6, "a choice");
	is_int(v.minor, 1, "4.1");
	is_int(handshake_manifest_choice(other, 5, four, 3, &v), -1, "not one of ours");
	is_int(handshake_manifest_choice(endless, 14, four, 3, &v), -1, "no endless number");
}

/* Walks over text in pieces of step: "data|" per message, "." per NOOP. */
static void pieces(const char *text, size_t n, size_t step, struct buf *out)
{
	struct chunks c = {0};

	for (size_t at = 0, have = 0; at < n;) {
		have = have + step > n ? n : have + step;
		while (at < have) {
			struct chunk_piece piece =
				chunk_next(&c, (const uint8_t *)text + at, have - at);
			buf_add(out, piece.data, piece.n);
			buf_puts(out, piece.end ? "|" : piece.noop ? "." : "");
			at += piece.used;
		}
	}
}

static void test_chunks(void)
{
	static const char text[] = "\0\2ab\0\1c\0\0\0\0\0\1d\0\0\0\3e";

	for (size_t step = 1; step < sizeof(text); step++) {
		_cleanup_buf_ struct buf out = {0};
		pieces(text, sizeof(text) - 1, step, &out);
		is_str(buf_str(&out), "abc|.d|e", "in pieces of %zu", step);
	}
	_cleanup_buf_ struct buf big = {0}, out = {0};
	static char data[70000];
	chunk_message(&big, data, sizeof(data));
	is_int((long long)big.len, 70000 + 6, "70000 bytes go into two chunks and an end");
	pieces(big.data, big.len, 999, &out);
	is_int((long long)out.len, 70001, "and come out again");
}

/* Records in one chunk each are told in one go; what is not whole, or another message, ends it. */
static void test_chunk_run(void)
{
	static const uint8_t two[] = "\0\3\xb1\x71\x01\0\0\0\2\xb1\x71\0\0";
	static const uint8_t others[][10] = {
		"\0\2\xb1\x70\0\0",           /* another message */
		"\0\3\xb1\x71\x01\0\1\x02\0", /* of two chunks */
		"\0\0\0\2\xb1\x71\0\0",       /* a NOOP first */
		"\0\1\x71\0\0\0",             /* without a tag */
	};
	struct chunks c = {0}, half = {.half = true}, begun = {.begun = true, .left = 9};

	is_int((int)chunk_run(&c, two, 13, 0x71), 13, "two records");
	for (size_t n = 0; n < 13; n++)
		is_int((int)chunk_run(&c, two, n, 0x71), n < 7 ? 0 : 7, "of %zu bytes", n);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		is_int((int)chunk_run(&c, others[i], 9, 0x71), 0, "none of %zu", i);
	ok(!chunk_run(&half, two, 13, 0x71) && !chunk_run(&begun, two, 13, 0x71),
		"nor inside of a message");
}

static void test_pack(void)
{
	_cleanup_buf_ struct buf b = {0};
	static const int64_t numbers[] = {0, -16, -17, 127, 128, 1 << 20, INT64_MIN, INT64_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		buf_free(&b);
		pack_put_int(&b, numbers[i]);
		struct pack r = pack_of(b.data, b.len);
		struct pack_value v = pack_next(&r);
		ok(v.type == PACK_INT && v.i == numbers[i] && r.p == r.end, "%lld",
			(long long)numbers[i]);
	}
	static const size_t sizes[] = {0, 15, 16, 255, 256, 65536};
	static char text[65536];
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		buf_free(&b);
		pack_put_string(&b, text, sizes[i]);
		struct pack r = pack_of(b.data, b.len);
		struct pack_value v = pack_next(&r);
		ok(v.type == PACK_STRING && v.s.n == sizes[i] && r.p == r.end, "a string of %zu",
			sizes[i]);
		r = pack_of(b.data, b.len - 1);
		ok(pack_next(&r).type == PACK_BAD || !sizes[i], "not when its end is missing");
	}
}

static void test_skip(void)
{
	static const struct {
		const char *bytes;
		int n, want;
	} cases[] = {
		{"\xc0", 1, 1},
		{"\xa1\x81k\x92\1\2", 6, 6},
		{"\xd8\1\x81k\xb2X\1\xc3Z", 8, 8},
		{"\xc9\1\2Z", 4, 3},
		{"\xc1 1234567", 9, 9},
		{"\x91", 1, -1},
		{"\xd6\xff\xff\xff\xff\1\1\1", 8, -1},
		{"\xda\0\0\0\2\x81k\1", 8, -1},
		{"\xc4", 1, -1},
		{"\xcc\2a", 3, -1},
		{"", 0, -1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pack r = pack_of(cases[i].bytes, (size_t)cases[i].n);
		struct slice raw = {NULL, 0};
		int done_well = pack_skip(&r, &raw) == 0 ? (int)raw.n : -1;
		is_int(done_well, cases[i].want, "value %zu", i);
	}
	static char deep[1 << 20];
	memset(deep, 0x91, sizeof(deep) - 1);
	struct pack r = pack_of(deep, sizeof(deep));
	is_int(pack_skip(&r, NULL), 0, "a million lists within each other cost no stack");
}

static void test_demand(void)
{
	static const char run[] = "\xb3\x10\x81x\xa1\x81p\1\xa2\x84mode\x81r\x89"
				  "bookmarks\x92\xd0\x16neo4j:bookmark:v1:tx42\xd0\x15"
				  "neo4j:bookmark:v1:tx7";
	static const char begin[] = "\xb1\x11\xa1\x84mode\x81w";
	struct bolt_demand d;

	is_int(bolt_read_demand(run, sizeof(run) - 1, &d), 0, "RUN");
	ok(d.read && d.mark == 42, "reads, after the later of two bookmarks (%llu)",
		(unsigned long long)d.mark);
	ok(slice_eq(d.text, "x") && d.parameters.n == 4, "its text and parameters");
	is_int(bolt_read_demand(begin, sizeof(begin) - 1, &d), 0, "BEGIN");
	ok(!d.read && !d.mark, "writes");
	for (size_t n = 0; n < sizeof(run) - 1; n++) {
		if (bolt_read_demand(run, n, &d) == 0)
			ok(false, "%zu bytes of RUN are none", n);
	}
	is_int(bolt_read_demand("\xb1\x10\xa0", 3, &d), -1, "RUN of one field");
}

static void test_bookmark(void)
{
	static const struct {
		const char *text;
		uint64_t tx;
	} cases[] = {
		{"neo4j:bookmark:v1:tx42", 42},
		{"neo4j:bookmark:v1:tx", 0},
		{"neo4j:bookmark:v1:tx-1", 0},
		{"neo4j:bookmark:v1:tx999999999999999999", 999999999999999999},
		{"neo4j:bookmark:v1:tx9999999999999999999", 0},
		{"FB:kcwQ", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct slice s = {cases[i].text, strlen(cases[i].text)};
		ok(bolt_bookmark(s) == cases[i].tx, "%s", cases[i].text);
	}
}

static void test_summary(void)
{
	_cleanup_buf_ struct buf b = {0};
	struct bolt_summary s;

	bolt_put_failure(&b, "Neo.A", "why");
	is_int(bolt_read_summary(b.data + 2, b.len - 4, &s), 0, "FAILURE");
	ok(slice_eq(s.code, "Neo.A") && slice_eq(s.message, "why"), "its code and message");
	buf_consume(&b, b.len);
	bolt_put_hello_success(&b, "Neo4j/3.5.0", 7, true);
	is_int(bolt_read_summary(b.data + 2, b.len - 4, &s), 0, "SUCCESS of HELLO");
	ok(slice_eq(s.server, "Neo4j/3.5.0") && s.credentials_expired, "its server");
	buf_consume(&b, b.len);
	bolt_put_ignored(&b);
	is_int(bolt_read_summary(b.data + 2, b.len - 4, &s), 0, "IGNORED");
	ok(!s.more, "of no result");
}

static void test_summary_of_result(void)
{
	static const struct {
		const char *what;
		size_t n;
		uint8_t data[16];
		bool more;
	} cases[] = {
		{"RUN", 11, {0xb1, 0x70, 0xa1, 0x86, 'f', 'i', 'e', 'l', 'd', 's', 0x90}, true},
		{"a part", 13,
			{0xb1, 0x70, 0xa1, 0x88, 'h', 'a', 's', '_', 'm', 'o', 'r', 'e', 0xc3},
			true},
		{"the last", 13,
			{0xb1, 0x70, 0xa1, 0x88, 'h', 'a', 's', '_', 'm', 'o', 'r', 'e', 0xc2},
			false},
		{"all of it", 9, {0xb1, 0x70, 0xa1, 0x84, 't', 'y', 'p', 'e', 0x80}, false},
	};
	struct bolt_summary s;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		is_int(bolt_read_summary(cases[i].data, cases[i].n, &s), 0, "%s", cases[i].what);
		ok(s.more == cases[i].more, "and what it leaves to pull");
	}
}

static void count_entry(void *arg, struct slice key, struct slice raw)
{
	(void)raw;
	*(int *)arg += slice_eq(key, "scheme") ? 100 : 1;
}

static void test_identity(void)
{
	static const char hello[] = "\xb1\1\xa4\x8auser_agent\x81x\x86scheme\x85"
				    "basic\x89principal\x81n\x8b"
				    "credentials\x81p";
	static const char nobody[] = "\xb1\1\xa1\x8auser_agent\x81x";
	int seen = 0;

	is_int(bolt_read_identity(hello, sizeof(hello) - 1, 3, count_entry, &seen), 0, "HELLO");
	is_int(seen, 102, "all but the driver's name tell who it is");
	is_int(bolt_read_identity(nobody, sizeof(nobody) - 1, 3, count_entry, &seen), -1,
		"without a scheme it is none");
	is_int(bolt_read_identity(hello, sizeof(hello) - 2, 3, count_entry, &seen), -1,
		"cut short");
}

static void test_early_identity(void)
{
	static const char init[] = "\xb2\1\x81x\xa2\x86scheme\x85"
				   "basic\x89principal\x81n";
	int seen = 0;

	is_int(bolt_read_identity(init, sizeof(init) - 1, 2, count_entry, &seen), 0, "INIT");
	is_int(seen, 101, "its map tells who it is");
	is_int(bolt_read_identity(init, sizeof(init) - 1, 3, count_entry, &seen), -1,
		"it is no HELLO");
	for (size_t n = 0; n < sizeof(init) - 1; n++) {
		if (bolt_read_identity(init, n, 2, count_entry, &seen) == 0)
			ok(false, "%zu bytes of INIT are none", n);
	}
}

static void test_early_run(void)
{
	static const struct {
		const char *text;
		uint8_t tag;
	} cases[] = {
		{"BEGIN", BOLT_BEGIN},
		{"\n begin ;\t", BOLT_BEGIN},
		{"COMMIT;", BOLT_COMMIT},
		{"Rollback", BOLT_ROLLBACK},
		{"BEGIN x", BOLT_RUN},
		{"BEGINS", BOLT_RUN},
		{"BEGIN;;", BOLT_RUN},
		{"; BEGIN", BOLT_RUN},
		{"BEGI", BOLT_RUN},
		{"", BOLT_RUN},
		{"RETURN 'COMMIT'", BOLT_RUN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf b = {0};
		pack_put_struct(&b, 2, BOLT_RUN);
		pack_put_text(&b, cases[i].text);
		pack_put_map(&b, 0);
		is_int(bolt_read_early_tag(b.data, b.len), cases[i].tag, "RUN %zu", i);
		is_int(bolt_read_early_tag(b.data, b.len - 2), 0, "not when its end is missing");
	}
}

static void test_early_demand(void)
{
	static const char begin[] = "\xb2\x10\x85"
				    "BEGIN\xa3\x84mode\x81r\x88"
				    "bookmark\xd0\x15neo4j:bookmark:v1:tx7\x89"
				    "bookmarks\x91\xd0\x16neo4j:bookmark:v1:tx42";
	static const char run[] = "\xb2\x10\x81x\xa1\x88"
				  "bookmark\xd0\x15neo4j:bookmark:v1:tx7";
	struct bolt_demand d;

	is_int(bolt_read_early_demand(begin, sizeof(begin) - 1, &d), 0, "BEGIN");
	ok(d.mark == 42 && !d.read, "after the later of two bookmarks; a mode there says nothing");
	is_int(bolt_read_early_demand(run, sizeof(run) - 1, &d), 0, "another statement");
	ok(d.mark == 0 && slice_eq(d.text, "x") && d.parameters.n == sizeof(run) - 5,
		"has a text, and parameters, of which none is a bookmark");
	for (size_t n = 0; n < sizeof(begin) - 1; n++) {
		if (bolt_read_early_demand(begin, n, &d) == 0)
			ok(false, "%zu bytes of BEGIN are none", n);
	}
	is_int(bolt_read_early_demand("\xb3\x10\x81x\xa0\xa0", 6, &d), -1, "RUN of version 3");
	ok(bolt_tag_from_client(BOLT_ACK_FAILURE, 2) && !bolt_tag_from_client(BOLT_ACK_FAILURE, 3),
		"ACK_FAILURE is of versions 1 and 2");
	ok(!bolt_tag_from_client(BOLT_COMMIT, 2) && bolt_tag_from_client(BOLT_COMMIT, 3),
		"COMMIT of 3");
	ok(!bolt_tag_from_client(BOLT_RECORD, 1) && !bolt_tag_from_client(0x55, 3),
		"others of none");
}

static void test_routing(void)
{
	static const struct {
		const char *text;
		bool call;
	} cases[] = {
		{"CALL dbms.cluster.routing.getRoutingTable($context)", true},
		{"\n call\tdbms.cluster.routing.getServers ;", true},
		{"CALL dbms.routing.getRoutingTable($context, $database)", true},
		{"CALL dbms.cluster.routing.getServers", true},
		{"CALL dbms.cluster.routing.getServersX()", false},
		{"CALLdbms.cluster.routing.getServers()", false},
		{"RETURN 'CALL dbms.cluster.routing.getServers()'", false},
		{"", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct slice s = {cases[i].text, strlen(cases[i].text)};
		is_int(routing_is_call(s), cases[i].call, "statement %zu", i);
	}
}

/* {context: {a: 1, address: TEXT}} */
static bool address_of(const char *text, char address[static ROUTING_ADDRESS_MAX])
{
	_cleanup_buf_ struct buf b = {0};

	pack_put_map(&b, 1);
	pack_put_text(&b, "context");
	pack_put_map(&b, 2);
	pack_put_text(&b, "a");
	pack_put_int(&b, 1);
	pack_put_text(&b, "address");
	pack_put_text(&b, text);
	return routing_address((struct slice){b.data, b.len}, address);
}

static void test_routing_address(void)
{
	static const char *const good[] = {"pi4:7687", "10.0.0.1:1", "[fe80::1%eth0]:7687"};
	static const char *const wrong[] = {
		"pi4", ":7687", "pi4:", "pi4:123456", "a b:1", "a\n:1", "pi4:7x"};
	char address[ROUTING_ADDRESS_MAX], lengthy[400];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		ok(address_of(good[i], address) && strcmp(address, good[i]) == 0, "%s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		ok(!address_of(wrong[i], address), "wrong address %zu", i);
	memset(lengthy, 'a', sizeof(lengthy) - 1);
	memcpy(lengthy + sizeof(lengthy) - 3, ":1", 3);
	ok(!address_of(lengthy, address), "one that is too long");
	ok(!routing_address((struct slice){"\xa0", 1}, address), "none");
}

/* The table as a driver finds it: one address in three roles. */
static void test_routing_shapes(void)
{
	_cleanup_buf_ struct buf b = {0};
	static const char *const words[] = {
		"WRITE", "READ", "ROUTE", "h:7687", "h:7688", "addresses"};
	const struct routing_table table = {.write = "h:7687", .read = "h:7688"};

	routing_put_table(&b, &table);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		ok(memmem(b.data, b.len, words[i], strlen(words[i])), "%s", words[i]);
	size_t first = (size_t)((uint8_t)b.data[0] << 8 | (uint8_t)b.data[1]);
	struct pack r = pack_of(b.data + 2, first);
	is_int(pack_skip(&r, NULL), 0, "RECORD is well-formed");
	ok(r.p == r.end, "and nothing more");
	buf_consume(&b, b.len);
	routing_put_rt(&b, &table, "neo4j");
	r = pack_of(b.data + 2, b.len - 4);
	ok(pack_skip(&r, NULL) == 0 && r.p == r.end, "ROUTE's answer is well-formed");
	ok(memmem(b.data, b.len, "\x82rt\xa3", 4) != NULL, "with the database's name");
}

static void read_call(struct routing_call *call, const char *bytes, size_t n)
{
	routing_read_call(bytes, n, call);
}
#define READ_CALL(call, bytes) read_call(call, bytes, sizeof(bytes) - 1)

/* RUN, ROUTE of 4.3, ROUTE of 4.4 and later; and what is none of them. */
static void test_routing_calls(void)
{
	struct routing_call call;

	READ_CALL(&call, "\xb3\x10\x84"
			 "CALL"
			 "\xa1\x87"
			 "context"
			 "\xa1\x87"
			 "address"
			 "\x83"
			 "h:1"
			 "\xa0");
	ok(strcmp(call.address, "h:1") == 0 && !*call.database, "RUN: its address");
	READ_CALL(&call, "\xb3\x66\xa1\x87"
			 "address"
			 "\x83"
			 "h:1"
			 "\x90\x82"
			 "db");
	ok(strcmp(call.address, "h:1") == 0 && strcmp(call.database, "db") == 0, "ROUTE of 4.3");
	READ_CALL(&call, "\xb3\x66\xa1\x87"
			 "address"
			 "\x83"
			 "h:1"
			 "\x90\xa1\x82"
			 "db"
			 "\x82"
			 "db");
	ok(strcmp(call.address, "h:1") == 0 && strcmp(call.database, "db") == 0, "ROUTE of 4.4");
	READ_CALL(&call, "\xb3\x66\xa0\x90\xc0");
	ok(!*call.address && !*call.database, "ROUTE that says nothing");
	READ_CALL(&call, "\xb3\x66\xa1\x87"
			 "address"
			 "\x83"
			 "h;1"
			 "\x90\x83"
			 "d\0b");
	ok(!*call.address && !*call.database, "ROUTE with what is neither address nor name");
	READ_CALL(&call, "\xb3\x66\xa1");
	ok(!*call.address && !*call.database, "half a ROUTE");
}

static void test_routing_by_ports(void)
{
	const struct proxy_conf conf = {.bolt_listen = "*:7687", .bolt_read_listen = "[::]:7688"};
	struct routing_table t;

	routing_by_ports(&t, "[::1]:9", &conf);
	ok(strcmp(t.write, "[::1]:7687") == 0 && strcmp(t.read, "[::1]:7688") == 0, "%s %s",
		t.write, t.read);
	routing_by_ports(&t, "pi4:9", NULL);
	ok(strcmp(t.write, "pi4:9") == 0 && strcmp(t.read, "pi4:9") == 0, "one port for both");
}

static void test_manifest_is_dropped(void)
{
	uint8_t h[20] = {0x60, 0x60, 0xb0, 0x17, 0, 0, 1, 0xff, 0, 8, 8, 5, 0, 2, 4, 4, 0, 0, 0, 3};
	const uint8_t want[20] = {
		0x60, 0x60, 0xb0, 0x17, 0, 0, 0, 0, 0, 8, 8, 5, 0, 2, 4, 4, 0, 0, 0, 3};

	handshake_drop_manifest(h);
	ok(memcmp(h, want, sizeof(h)) == 0, "no server hears of a manifest");
}

static void test_marks(void)
{
	struct marks m = {0};

	marks_note(&m, 10, 1000);
	ok(!marks_settled(&m, 10, 1000), "a new one is not settled");
	ok(marks_settled(&m, 10, 1000 + MARKS_SETTLED_MS), "later it is");
	ok(!marks_settled(&m, 11, 100000), "one that nobody told of never is");
	for (int i = 0; i < 1000; i++) /* one every 10 ms */
		marks_note(&m, 11 + (uint64_t)i, 10000 + i * 10);
	ok(marks_settled(&m, 11, 20000), "the first of a thousand is settled");
	ok(marks_settled(&m, 800, 20000), "one from two seconds ago too");
	ok(!marks_settled(&m, 900, 20000), "one from one second ago is not");
	marks_note(&m, 5, 30000);
	ok(!marks_settled(&m, 1010, 19990 + 1400), "an older one changes nothing");
}

/* What a slow client's stream sees: always something left, never much. */
static void test_stream(void)
{
	static uint8_t piece[50000];
	struct stream s = {0};
	uint8_t want = 0;
	bool same = true;

	for (int i = 0; i < 2000; i++) {
		memset(piece, i & 0xff, sizeof(piece));
		buf_add(&s.b, piece, sizeof(piece));
		if (i < 3)
			continue; /* so it stays three pieces long */
		same &= stream_bytes(&s)[0] == want && stream_bytes(&s)[sizeof(piece) - 1] == want;
		want++;
		stream_take(&s, sizeof(piece));
	}
	ok(same, "100 MB pass as they came");
	ok(s.b.cap <= 1u << 20, "in %zu kB", s.b.cap >> 10);
	stream_free(&s);
}

int main(void)
{
	test_handshake();
	test_manifest();
	test_chunks();
	test_chunk_run();
	test_pack();
	test_skip();
	test_demand();
	test_bookmark();
	test_summary();
	test_summary_of_result();
	test_identity();
	test_early_identity();
	test_early_run();
	test_early_demand();
	test_routing();
	test_routing_address();
	test_routing_shapes();
	test_routing_calls();
	test_routing_by_ports();
	test_manifest_is_dropped();
	test_marks();
	test_stream();
	return done();
}
