/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hellos: the bytes, the seal, and what counts as heard. */
// use: node-agent/hello.c node-agent/node_state.c
#include <sodium.h>
#include "node-agent/hello.h"
#include "tap.h"

static const uint8_t secret[SECRET_SIZE] = {1}, other_secret[SECRET_SIZE] = {2};
static const uint8_t cluster_id[CLUSTER_ID_SIZE] = {3}, other_id[CLUSTER_ID_SIZE] = {4};

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
	};

	sees_add(h.sees, 1);
	sees_add(h.sees, 127);
	return h;
}

static void test_codec(void)
{
	struct hello h = sample(), back = {0};
	uint8_t body[HELLO_BODY], again[HELLO_BODY];

	hello_encode(&h, body);
	ok(memcmp(body + 96, "\x88\x77\x66\x55\x44\x33\x22\x11", 8) == 0, "seq is little-endian");
	is_int(hello_decode(body, &back), 0, "a hello decodes");
	is_str(back.sender, "pi2", "sender");
	is_str(back.why, "because", "why");
	is_int(back.last_tx, 42, "last_tx");
	is_int(back.uptime_s, 0x01020304, "uptime_s");
	is_int(back.role, NEO4J_SLAVE, "role");
	is_int(back.state, NODE_SERVING, "state");
	hello_encode(&back, again);
	ok(memcmp(body, again, sizeof(body)) == 0, "and encodes to the same bytes");
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
	};
	struct hello h = sample(), back;
	uint8_t body[HELLO_BODY];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		hello_encode(&h, body);
		body[cases[i].at] = cases[i].value;
		is_int(hello_decode(body, &back), -1, "refused: %s", cases[i].what);
	}
}

static void test_seal(void)
{
	struct hello h = sample(), back;
	struct hello_key key, wrong_secret, wrong_cluster;
	uint8_t wire[HELLO_WIRE + 1] = {0}, twice[HELLO_WIRE];

	hello_key_derive(&key, secret, cluster_id);
	hello_key_derive(&wrong_secret, other_secret, cluster_id);
	hello_key_derive(&wrong_cluster, secret, other_id);
	hello_seal(&key, &h, wire);
	hello_seal(&key, &h, twice);
	is_int(hello_open(&key, wire, HELLO_WIRE, &back), HELLO_OK, "opens with the key");
	is_str(back.sender, "pi2", "and says who");
	ok(memcmp(wire, twice, HELLO_WIRE) != 0, "two seals of one hello differ");
	is_int(hello_open(&wrong_secret, wire, HELLO_WIRE, &back), HELLO_FORGED, "other secret");
	is_int(hello_open(&wrong_cluster, wire, HELLO_WIRE, &back), HELLO_FORGED, "other cluster");
	is_int(hello_open(&key, wire, HELLO_WIRE - 1, &back), HELLO_ALIEN, "too short");
	is_int(hello_open(&key, wire, HELLO_WIRE + 1, &back), HELLO_ALIEN, "too long");
	is_int(hello_open(&key, wire, 0, &back), HELLO_ALIEN, "empty");
	int passed = 0;
	for (size_t i = 0; i < HELLO_WIRE; i++) {
		wire[i] ^= 0x10;
		passed += hello_open(&key, wire, HELLO_WIRE, &back) == HELLO_OK;
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

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_codec();
	test_malformed();
	test_seal();
	test_presence();
	test_restart();
	test_replay_while_away();
	test_helpers();
	return done();
}
