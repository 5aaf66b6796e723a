/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hellos: the bytes, the seal, and what counts as heard. */
// use: node-agent/hello.c node-agent/node_state.c node-agent/quorum/wire.c
// use: node-agent/quorum/manifest.c
#include <sodium.h>
#include "io.h"
#include "node-agent/hello.h"
#include "tap.h"
#include "util.h"

static const uint8_t secret[SECRET_SIZE] = {1}, other_secret[SECRET_SIZE] = {2};
static const uint8_t cluster_id[CLUSTER_ID_SIZE] = {3}, other_id[CLUSTER_ID_SIZE] = {4};

#define AT_CLOCK 280
#define AT_TURN (AT_CLOCK + 13)
#define WORD_AT (HELLO_BODY - WORD_WIRE)

static struct hello sample(void)
{
	struct hello h = {
		.sender = "pi2",
		.boot = {7},
		.echo_boot = {9},
		.seq = 0x1122334455667788,
		.echo_seq = 5,
		.generation = 3,
		.digest = {1, 2, 3},
		.last_tx = 42,
		.uptime_s = 0x01020304,
		.state = NODE_SERVING,
		.role = NEO4J_SLAVE,
		.why = "because",
		.clock = {.wall_ms = 1790000000123, .held_ms = 400, .trust = CLOCK_SYNCED},
		.turn = {TURN_HOLDS, 0x01020304, 127, 9},
		.neo4j = "3.5.0",
		.place = {0x0a0b0c0d},
		.word = {.incarnation = 11,
			.epoch = 2,
			.phase = DECREE_ACCEPT,
			.basis = {4, 1, 127},
			.role = NEO4J_SLAVE,
			.master = 3,
			.shut = true,
			.bound = true},
	};

	sees_add(h.sees, 1);
	sees_add(h.sees, 127);
	return h;
}

static void test_codec(void)
{
	struct hello h = sample(), back = {0};
	uint8_t body[HELLO_BODY_MAX], again[HELLO_BODY_MAX];
	struct manifest value;

	is_int((long long)hello_encode(&h, NULL, body), HELLO_BODY, "a word alone has one size");
	ok(memcmp(body + 96, "\x88\x77\x66\x55\x44\x33\x22\x11", 8) == 0, "seq is little-endian");
	is_int(hello_decode(body, HELLO_BODY, &back, &value), 0, "a hello decodes");
	is_str(back.sender, "pi2", "sender");
	is_str(back.why, "because", "why");
	is_str(back.neo4j, "3.5.0", "its Neo4j");
	is_int(back.last_tx, 42, "last_tx");
	is_int(back.uptime_s, 0x01020304, "uptime_s");
	is_int(back.role, NEO4J_SLAVE, "role");
	is_int(back.state, NODE_SERVING, "state");
	is_int(back.clock.wall_ms, 1790000000123, "its clock");
	is_int(back.clock.held_ms, 400, "how long it held ours");
	is_int(back.clock.trust, CLOCK_SYNCED, "and that NTP keeps it");
	is_int(back.turn.stage, TURN_HOLDS, "its turn");
	is_int(back.turn.ticket, 0x01020304, "its ticket");
	is_int(back.turn.grants, 127, "whom it grants");
	is_int(back.turn.grants_ticket, 9, "and what");
	is_int((long long)back.word.basis.id, 127, "the word");
	ok(back.word.bound && !back.word.lease && back.word.shut && !back.word.leads, "its flags");
	hello_encode(&back, NULL, again);
	ok(memcmp(body, again, HELLO_BODY) == 0, "and encodes to the same bytes");
}

static struct manifest sample_manifest(void)
{
	struct manifest m = {.epoch = 3,
		.run = 2,
		.hosts = {{1u << 2 | 1u << 7, 0}},
		.n = 2,
		.member = {{.id = 2, .incarnation = 5, .name = "pi2"},
			{.id = 7, .role = MANIFEST_ARBITER, .incarnation = 6, .name = "pi-7"}}};

	return m;
}

static void test_manifest(void)
{
	struct hello h = sample(), back = {0};
	struct manifest m = sample_manifest(), value;
	uint8_t body[HELLO_BODY_MAX];

	h.word.part = WORD_MANIFEST;
	size_t n = hello_encode(&h, &m, body);
	is_int(hello_decode(body, n, &back, &value), 0, "a hello with a manifest decodes");
	ok(manifest_digest(&value) == manifest_digest(&m), "and it is the same manifest");
	is_int(hello_decode(body, n - 1, &back, &value), -1, "refused: cut short");
	body[n] = 0;
	is_int(hello_decode(body, n + 1, &back, &value), -1, "refused: with something behind");
	h.word.part = WORD_ALONE;
	n = hello_encode(&h, &m, body);
	is_int((long long)n, HELLO_BODY, "a word alone takes no manifest along");
}

static void test_bad_manifest(void)
{
	static const struct spoiled {
		size_t at;
		uint8_t value;
		const char *what;
	} cases[] = {
		{16, 0x08, "a host that is no member"},
		{48, 2, "withdrawn or not, and what else?"},
		{49, MANIFEST_MAX + 1, "a majority of more than there can be"},
		{50, MANIFEST_MAX + 1, "one of data nodes, likewise"},
		{51, MANIFEST_MAX + 1, "too many members"},
		{52, 0, "id 0"},
		{52, 7, "ids not ascending"},
		{53, 2, "a role nobody knows"},
		{54, 2, "a flag of neither kind"},
		{55, 2, "another one of neither kind"},
		{68, 0, "a member without a name"},
		{68, MANIFEST_NAME, "a name too long"},
		{69, ' ', "a name that is no label"},
	};
	struct manifest m = sample_manifest(), value;
	struct hello h = sample(), back;
	uint8_t body[HELLO_BODY_MAX];

	h.word.part = WORD_PROPOSED;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t n = hello_encode(&h, &m, body);
		body[HELLO_BODY + cases[i].at] = cases[i].value;
		is_int(hello_decode(body, n, &back, &value), -1, "refused: %s", cases[i].what);
		is_int(value.n, 0, "and nothing of it is left");
	}
}

struct spoiled {
	size_t at;
	uint8_t value;
	const char *what;
};

static void test_malformed(void)
{
	static const struct spoiled cases[] = {
		{0, '\n', "a control character in the name"},
		{10, 'x', "bytes behind the end of the name"},
		{63, 'x', "a name without an end"},
		{156, NODE_STATES, "a state nobody knows"},
		{157, NEO4J_MASTER + 1, "a role nobody knows"},
		{158, 1, "the reserved bytes"},
		{160, 0x1b, "an escape in the reason"},
		{279, 'x', "bytes behind the reason"},
		{AT_CLOCK + 7, 1, "a clock in year 10000 and later"},
		{AT_CLOCK + 12, CLOCK_TRUSTS, "a clock that is kept like none"},
		{AT_TURN, TURN_STAGES, "a stage nobody knows"},
		{AT_TURN + 5, 128, "a grant to nobody's id"},
		{WORD_AT + 56, DECREE_ACCEPT + 1, "a phase nobody knows"},
		{WORD_AT + 57, WORD_PROPOSED + 1, "a part nobody knows"},
		{WORD_AT + 57, WORD_MANIFEST, "a manifest that is not there"},
		{HELLO_BODY - 33, 2, "a flag of neither kind"},
	};
	struct hello h = sample(), back;
	struct manifest value;
	uint8_t body[HELLO_BODY_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		hello_encode(&h, NULL, body);
		body[cases[i].at] = cases[i].value;
		is_int(hello_decode(body, HELLO_BODY, &back, &value), -1, "refused: %s",
			cases[i].what);
	}
}

static void test_seal(void)
{
	struct hello h = sample(), back;
	struct hello_key key, wrong_secret, wrong_cluster;
	uint8_t wire[HELLO_WIRE_MAX + 1] = {0}, twice[HELLO_WIRE_MAX];
	struct manifest value;

	hello_key_derive(&key, secret, cluster_id);
	hello_key_derive(&wrong_secret, other_secret, cluster_id);
	hello_key_derive(&wrong_cluster, secret, other_id);
	size_t n = hello_seal(&key, &h, NULL, wire);
	hello_seal(&key, &h, NULL, twice);
	is_int((long long)n, HELLO_WIRE_MIN, "its size");
	is_int(hello_open(&key, wire, n, &back, &value), HELLO_OK, "opens with the key");
	is_str(back.sender, "pi2", "and says who");
	ok(memcmp(wire, twice, n) != 0, "two seals of one hello differ");
	is_int(hello_open(&wrong_secret, wire, n, &back, &value), HELLO_FORGED, "other secret");
	is_int(hello_open(&wrong_cluster, wire, n, &back, &value), HELLO_FORGED, "other cluster");
	is_int(hello_open(&key, wire, n - 1, &back, &value), HELLO_ALIEN, "too short");
	is_int(hello_open(&key, wire, n + 1, &back, &value), HELLO_FORGED, "longer");
	is_int(hello_open(&key, wire, sizeof(wire), &back, &value), HELLO_ALIEN, "too long");
	is_int(hello_open(&key, wire, 0, &back, &value), HELLO_ALIEN, "empty");
	int passed = 0;
	for (size_t i = 0; i < n; i++) {
		wire[i] ^= 0x10;
		passed += hello_open(&key, wire, n, &back, &value) == HELLO_OK;
		wire[i] ^= 0x10;
	}
	is_int(passed, 0, "no single byte can be changed");
}

static const uint8_t me[BOOT_SIZE] = {0xee};

/* A hello of run `boot` of a peer, with its seq, that echoes our round echo_seq. */
static enum hello_fate hear(struct hello_link *l, uint8_t boot, uint64_t seq, const uint8_t *echo,
	uint64_t echo_seq, bool present)
{
	struct hello h = {.boot = {boot}, .seq = seq, .echo_seq = echo_seq};

	memcpy(h.echo_boot, echo, BOOT_SIZE);
	return hello_check(l, &h, me, 100, present);
}

static void test_presence(void)
{
	static const uint8_t nobody[BOOT_SIZE] = {0}, former_me[BOOT_SIZE] = {0xef};
	struct hello_link l = {0};

	is_int(hear(&l, 1, 1, nobody, 0, false), HELLO_UNPROVEN, "a first hello proves nothing");
	is_int(l.boot[0], 1, "but its run is echoed");
	is_int(hear(&l, 1, 2, former_me, 99, false), HELLO_UNPROVEN, "nor one to our former run");
	is_int(hear(&l, 1, 3, me, 99, false), HELLO_COUNTS, "an echo of this run counts");
	is_int(hear(&l, 1, 3, me, 99, true), HELLO_STALE, "once");
	is_int(hear(&l, 1, 2, me, 99, true), HELLO_STALE, "an older one does not");
	is_int(hear(&l, 1, 4, me, 100 - HELLO_WINDOW - 1, true), HELLO_STALE, "held back too long");
	is_int(hear(&l, 1, 4, me, 101, true), HELLO_STALE, "an echo of the future");
	is_int(hear(&l, 1, 4, me, 100 - HELLO_WINDOW, true), HELLO_COUNTS, "just in time");
	is_int(hear(&l, 0, 9, me, 100, true), HELLO_STALE, "run 0 is nobody's");
}

/* Where an address was another member's before, that one's hello comes first, and is not for us. */
static void test_same_round(void)
{
	static const uint8_t other[BOOT_SIZE] = {0xdd};
	struct hello_link l = {0};

	is_int(hear(&l, 1, 5, other, 70, false), HELLO_UNPROVEN, "a hello that was another's");
	is_int(hear(&l, 1, 5, me, 99, false), HELLO_COUNTS, "ours, of the same round, counts");
	is_int(hear(&l, 1, 5, me, 99, true), HELLO_STALE, "once");
	is_int(hear(&l, 1, 6, other, 71, true), HELLO_UNPROVEN, "the other's of the next round");
	is_int(hear(&l, 1, 6, me, 100, true), HELLO_COUNTS, "and ours");
	is_int(hear(&l, 1, 5, me, 99, false), HELLO_STALE, "none of a round before");
}

static void test_restart(void)
{
	static const uint8_t nobody[BOOT_SIZE] = {0};
	struct hello_link l = {0};

	(void)hear(&l, 1, 500, me, 99, false);
	is_int(hear(&l, 2, 1, nobody, 0, true), HELLO_UNPROVEN, "a restarted peer, or a replay");
	is_int(l.boot[0], 1, "does not disturb one that is present");
	is_int(hear(&l, 2, 2, me, 100, true), HELLO_COUNTS, "until it has heard us");
	is_int(l.boot[0], 2, "then its new run is echoed");
	is_int(hear(&l, 1, 501, me, 100, true), HELLO_STALE, "and its former run is over");
	is_int(hear(&l, 1, 502, me, 100, false), HELLO_STALE, "for good");
}

static void test_replay_while_away(void)
{
	static const uint8_t nobody[BOOT_SIZE] = {0};
	struct hello_link l = {0};

	(void)hear(&l, 2, 1, me, 99, false);
	is_int(hear(&l, 1, 7, nobody, 0, false), HELLO_UNPROVEN, "a replay while it is away");
	is_int(hear(&l, 2, 2, nobody, 0, false), HELLO_UNPROVEN,
		"does not lock out the living run");
	is_int(hear(&l, 2, 3, me, 100, false), HELLO_COUNTS, "which counts again");
}

/* It was sent at 1000, held 400 ms, and its answer came at 1410: 5 ms each way, or 10 and none. */
static void test_clock(void)
{
	struct hello h = sample();
	struct clock_sample c = hello_clock(&h, 1000, 1410);

	is_int(c.base_ms, h.clock.wall_ms + 5 - 1410, "the other's clock, half a trip ago");
	is_int(c.error_ms, 6, "to half a trip, and the rounding");
	is_int(c.trust, CLOCK_SYNCED, "and what it is worth");
	c = hello_clock(&h, 1000, 1100);
	is_int(c.error_ms, 1, "a peer that held it longer than it was away errs");
}

/* Two agents, a round each; sound: what they say is heard. Does each count for the other? */
struct end {
	uint8_t boot[BOOT_SIZE];
	uint64_t seq;
	int64_t heard; /* the round in which the other last counted */
	struct hello_link link;
};

static struct hello say(struct end *from)
{
	struct hello h = {.seq = ++from->seq, .echo_seq = from->link.seq};

	memcpy(h.boot, from->boot, BOOT_SIZE);
	memcpy(h.echo_boot, from->link.boot, BOOT_SIZE);
	return h;
}

static void listen_to(struct end *to, const struct hello *h, int64_t round)
{
	if (hello_check(&to->link, h, to->boot, to->seq, round - to->heard < HELLO_WINDOW) ==
		HELLO_COUNTS)
		to->heard = round;
}

static bool rounds(
	struct end *a, struct end *b, int64_t from, int64_t to, bool a_heard, bool b_heard)
{
	for (int64_t i = from; i < to; i++) {
		struct hello x = say(a), y = say(b);
		if (a_heard)
			listen_to(b, &x, i);
		if (b_heard)
			listen_to(a, &y, i);
	}
	return a->heard == to - 1 && b->heard == to - 1;
}

static void test_rift(void)
{
	static const struct {
		const char *what;
		bool a_heard, b_heard;
	} rifts[] = {
		{"nothing gets through", false, false},
		{"one is not heard", false, true},
		{"the other is not heard", true, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rifts); i++) {
		struct end a = {.boot = {1}, .heard = -100}, b = {.boot = {2}, .heard = -100};
		ok(rounds(&a, &b, 0, 5, true, true), "two hear each other");
		ok(!rounds(&a, &b, 5, 105, rifts[i].a_heard, rifts[i].b_heard), "%s",
			rifts[i].what);
		ok(rounds(&a, &b, 105, 110, true, true), "healed, they hear each other again");
	}
}

static void test_helpers(void)
{
	uint8_t has[SEES_SIZE] = {0}, want[SEES_SIZE] = {0};
	char why[WHY_SIZE], longer[200];

	ok(sees_has_all(has, want), "nobody sees nobody");
	sees_add(want, 8);
	ok(!sees_has_all(has, want), "8 is missing");
	sees_add(has, 8);
	sees_add(has, 9);
	ok(sees_has_all(has, want), "8 is seen, 9 too");
	memset(longer, 'a', sizeof(longer));
	longer[199] = '\0';
	why_copy(why, longer);
	is_int((long long)strlen(why), 120, "a reason is cut at 120 bytes");
	why_copy(why, "a\nb\xc3\xa4");
	is_str(why, "a?b??", "and printable");
}

/* A corpus of another version than hello.c's would fuzz nothing. */
static void test_corpus(void)
{
	static const char *const names[] = {"serving", "waiting", "with-manifest"};
	struct manifest value;
	struct hello h;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = xasprintf("tests/fuzz/corpus/hello/%s", names[i]);
		_cleanup_buf_ struct buf b = {0};
		ok(io_read_file(path, HELLO_BODY_MAX, &b, &e) == 0 &&
				hello_decode((const uint8_t *)buf_str(&b), b.len, &h, &value) == 0,
			"the corpus's %s is a hello of this version", names[i]);
	}
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_codec();
	test_manifest();
	test_bad_manifest();
	test_malformed();
	test_seal();
	test_presence();
	test_same_round();
	test_restart();
	test_replay_while_away();
	test_clock();
	test_rift();
	test_helpers();
	test_corpus();
	return done();
}
