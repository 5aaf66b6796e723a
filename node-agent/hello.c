/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sodium.h>
#include <string.h>
#include "hello.h"

#define HEAD_CLEAR 8
#define NONCE_SIZE (HELLO_HEAD - HEAD_CLEAR)

static const uint8_t head[HEAD_CLEAR] = {'B', 'R', 'M', 'B', 10 /* version */, 1 /* hello */, 0, 0};

/* The places in the body. */
enum {
	AT_SENDER = 0,
	AT_BOOT = AT_SENDER + NAME_SIZE,
	AT_ECHO_BOOT = AT_BOOT + BOOT_SIZE,
	AT_SEQ = AT_ECHO_BOOT + BOOT_SIZE,
	AT_ECHO_SEQ = AT_SEQ + 8,
	AT_GENERATION = AT_ECHO_SEQ + 8,
	AT_DIGEST = AT_GENERATION + 8,
	AT_SEES = AT_DIGEST + DIGEST_SIZE,
	AT_LAST_TX = AT_SEES + SEES_SIZE,
	AT_UPTIME = AT_LAST_TX + 8,
	AT_STATE = AT_UPTIME + 4,
	AT_ROLE = AT_STATE + 1,
	AT_ZERO = AT_ROLE + 1,
	AT_WHY = AT_ZERO + 2,
	/* the clock */
	AT_WALL = AT_WHY + WHY_SIZE - 1,
	AT_HELD = AT_WALL + 8,
	AT_TRUST = AT_HELD + 4,
	/* the turn */
	AT_STAGE = AT_TRUST + 1,
	AT_TICKET = AT_STAGE + 1,
	AT_GRANTS = AT_TICKET + 4,
	AT_GRANTS_TICKET = AT_GRANTS + 1,
	/* whose board it is */
	AT_SERIAL = AT_GRANTS_TICKET + 4,
	AT_FLAGS = AT_SERIAL + SERIAL_SIZE,
	AT_TASK = AT_FLAGS + 1,
	AT_TASK_STEP = AT_TASK + 8,
	AT_TASK_KEEPER = AT_TASK_STEP + 1,
	AT_USERS = AT_TASK_KEEPER + 1,
	AT_NEO4J = AT_USERS + HELLO_USERS,
	AT_PLACE = AT_NEO4J + NEO4J_SIZE - 1,
	AT_WORD = AT_PLACE + 4,
	AT_END = AT_WORD + WORD_WIRE,
};

_Static_assert(AT_END == HELLO_BODY, "the body's places do not add up");
_Static_assert(NONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce size");
_Static_assert(HELLO_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag size");
_Static_assert(sizeof(struct hello_key) == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key size");

static void put_le(uint8_t *p, size_t n, uint64_t v)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = n; i-- > 0;)
		v = v << 8 | p[i];
	return v;
}

/* Text fills its place with zeros; a place without a zero is full. */
static void put_text(uint8_t *p, size_t n, const char *s)
{
	size_t len = strnlen(s, n);

	memset(p, 0, n);
	memcpy(p, s, len);
}

/* Printable ASCII, then nothing but zeros: one text has one encoding. to has n + 1 bytes. */
static int get_text(const uint8_t *p, size_t n, char *to)
{
	size_t len = strnlen((const char *)p, n);

	for (size_t i = 0; i < n; i++) {
		if (i < len ? p[i] < ' ' || p[i] > '~' : p[i] != 0)
			return -1;
	}
	memcpy(to, p, len);
	to[len] = '\0';
	return 0;
}

static void put_clock(uint8_t *body, const struct hello_clock *c)
{
	put_le(body + AT_WALL, 8, (uint64_t)c->wall_ms);
	put_le(body + AT_HELD, 4, c->held_ms);
	body[AT_TRUST] = (uint8_t)c->trust;
}

static int get_clock(const uint8_t *body, struct hello_clock *c)
{
	uint64_t wall_ms = get_le(body + AT_WALL, 8);

	if (wall_ms > HELLO_WALL_MAX || body[AT_TRUST] >= CLOCK_TRUSTS)
		return -1;
	*c = (struct hello_clock){.wall_ms = (int64_t)wall_ms,
		.held_ms = (uint32_t)get_le(body + AT_HELD, 4),
		.trust = (enum clock_trust)body[AT_TRUST]};
	return 0;
}

static void put_turn(uint8_t *body, const struct turn_word *w)
{
	body[AT_STAGE] = (uint8_t)w->stage;
	put_le(body + AT_TICKET, 4, w->ticket);
	body[AT_GRANTS] = w->grants;
	put_le(body + AT_GRANTS_TICKET, 4, w->grants_ticket);
}

static int get_turn(const uint8_t *body, struct turn_word *w)
{
	if (body[AT_STAGE] >= TURN_STAGES || body[AT_GRANTS] > MEMBERS_MAX)
		return -1;
	*w = (struct turn_word){.stage = (enum turn_stage)body[AT_STAGE],
		.ticket = (uint32_t)get_le(body + AT_TICKET, 4),
		.grants = body[AT_GRANTS],
		.grants_ticket = (uint32_t)get_le(body + AT_GRANTS_TICKET, 4)};
	return 0;
}

static void put_task(uint8_t *body, const struct task_word *w)
{
	put_le(body + AT_TASK, 8, w->id);
	body[AT_TASK_STEP] = w->step;
	body[AT_TASK_KEEPER] = w->keeper;
}

static int get_task(const uint8_t *body, struct task_word *w)
{
	*w = (struct task_word){.id = get_le(body + AT_TASK, 8),
		.step = body[AT_TASK_STEP],
		.keeper = body[AT_TASK_KEEPER]};
	return w->step >= TASK_STEPS || w->keeper > MEMBERS_MAX ? -1 : 0;
}

/* The same for both ways, as wire.h says: the word, and the manifest it comes with. */
static void word_and_value(struct wire *w, struct word *word, struct manifest *value)
{
	wire_word(w, word);
	if (!w->bad && word->part != WORD_ALONE)
		wire_manifest(w, value);
}

size_t hello_encode(
	const struct hello *h, const struct manifest *value, uint8_t body[HELLO_BODY_MAX])
{
	struct wire w = wire_to(body + AT_WORD, HELLO_BODY_MAX - AT_WORD);
	struct word word = h->word;
	struct manifest copy;

	if (word.part != WORD_ALONE)
		copy = *value;
	word_and_value(&w, &word, &copy);
	put_text(body + AT_SENDER, NAME_SIZE, h->sender);
	memcpy(body + AT_BOOT, h->boot, BOOT_SIZE);
	memcpy(body + AT_ECHO_BOOT, h->echo_boot, BOOT_SIZE);
	put_le(body + AT_SEQ, 8, h->seq);
	put_le(body + AT_ECHO_SEQ, 8, h->echo_seq);
	put_le(body + AT_GENERATION, 8, h->generation);
	memcpy(body + AT_DIGEST, h->digest, DIGEST_SIZE);
	memcpy(body + AT_SEES, h->sees, SEES_SIZE);
	put_le(body + AT_LAST_TX, 8, h->last_tx);
	put_le(body + AT_UPTIME, 4, h->uptime_s);
	body[AT_STATE] = (uint8_t)h->state;
	body[AT_ROLE] = (uint8_t)h->role;
	put_le(body + AT_ZERO, 2, 0);
	put_text(body + AT_WHY, WHY_SIZE - 1, h->why);
	put_clock(body, &h->clock);
	put_turn(body, &h->turn);
	put_task(body, &h->task);
	memcpy(body + AT_SERIAL, h->serial, SERIAL_SIZE);
	body[AT_FLAGS] = h->flags;
	memcpy(body + AT_USERS, h->users, HELLO_USERS);
	put_text(body + AT_NEO4J, NEO4J_SIZE - 1, h->neo4j);
	memcpy(body + AT_PLACE, &h->place, sizeof(h->place));
	return AT_WORD + w.at;
}

int hello_decode(const uint8_t *body, size_t n, struct hello *h, struct manifest *value)
{
	if (n < HELLO_BODY)
		return -1;
	struct wire w = wire_from(body + AT_WORD, n - AT_WORD);
	*value = (struct manifest){0};
	word_and_value(&w, &h->word, value);
	if (!wire_done(&w))
		return -1;
	if (body[AT_SENDER + NAME_SIZE - 1] || get_le(body + AT_ZERO, 2))
		return -1;
	if (get_text(body + AT_SENDER, NAME_SIZE - 1, h->sender) < 0)
		return -1;
	if (get_text(body + AT_WHY, WHY_SIZE - 1, h->why) < 0 ||
		get_text(body + AT_NEO4J, NEO4J_SIZE - 1, h->neo4j) < 0)
		return -1;
	if (get_clock(body, &h->clock) < 0 || get_turn(body, &h->turn) < 0 ||
		get_task(body, &h->task) < 0)
		return -1;
	if (body[AT_STATE] >= NODE_STATES || body[AT_ROLE] > NEO4J_MASTER ||
		(body[AT_FLAGS] & ~HELLO_FLAGS))
		return -1;
	h->state = (enum node_state)body[AT_STATE];
	h->role = (enum neo4j_role)body[AT_ROLE];
	memcpy(h->boot, body + AT_BOOT, BOOT_SIZE);
	memcpy(h->echo_boot, body + AT_ECHO_BOOT, BOOT_SIZE);
	h->seq = get_le(body + AT_SEQ, 8);
	h->echo_seq = get_le(body + AT_ECHO_SEQ, 8);
	h->generation = get_le(body + AT_GENERATION, 8);
	memcpy(h->digest, body + AT_DIGEST, DIGEST_SIZE);
	memcpy(h->sees, body + AT_SEES, SEES_SIZE);
	h->last_tx = get_le(body + AT_LAST_TX, 8);
	h->uptime_s = (uint32_t)get_le(body + AT_UPTIME, 4);
	memcpy(h->serial, body + AT_SERIAL, SERIAL_SIZE);
	h->flags = body[AT_FLAGS];
	memcpy(h->users, body + AT_USERS, HELLO_USERS);
	memcpy(&h->place, body + AT_PLACE, sizeof(h->place));
	return 0;
}

void hello_key_derive(struct hello_key *k, const uint8_t secret[SECRET_SIZE],
	const uint8_t cluster_id[CLUSTER_ID_SIZE])
{
	static const char label[] = "bramble hello 1";
	crypto_generichash_state st;

	crypto_generichash_init(&st, secret, SECRET_SIZE, sizeof(k->bytes));
	crypto_generichash_update(&st, (const uint8_t *)label, sizeof(label));
	crypto_generichash_update(&st, cluster_id, CLUSTER_ID_SIZE);
	crypto_generichash_final(&st, k->bytes, sizeof(k->bytes));
	sodium_memzero(&st, sizeof(st));
}

size_t hello_seal(const struct hello_key *k, const struct hello *h, const struct manifest *value,
	uint8_t wire[HELLO_WIRE_MAX])
{
	uint8_t body[HELLO_BODY_MAX], *nonce = wire + HEAD_CLEAR;
	size_t n = hello_encode(h, value, body);

	memcpy(wire, head, HEAD_CLEAR);
	randombytes_buf(nonce, NONCE_SIZE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(
		wire + HELLO_HEAD, NULL, body, n, head, HEAD_CLEAR, NULL, nonce, k->bytes);
	return HELLO_HEAD + n + HELLO_TAG;
}

enum hello_verdict hello_open(const struct hello_key *k, const uint8_t *p, size_t n,
	struct hello *h, struct manifest *value)
{
	uint8_t body[HELLO_BODY_MAX];

	if (n < HELLO_WIRE_MIN || n > HELLO_WIRE_MAX || memcmp(p, head, HEAD_CLEAR) != 0)
		return HELLO_ALIEN;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(body, NULL, NULL, p + HELLO_HEAD,
		    n - HELLO_HEAD, head, HEAD_CLEAR, p + HEAD_CLEAR, k->bytes) < 0)
		return HELLO_FORGED;
	return hello_decode(body, n - HELLO_HEAD - HELLO_TAG, h, value) < 0 ? HELLO_MALFORMED
									    : HELLO_OK;
}

/*
 * From now on the peer's run is h's. Only a proven run retires another proven one: were an
 * unproven hello enough, one replay could lock the living run out for good.
 */
static void adopt(struct hello_link *l, const struct hello *h, bool proven)
{
	if (memcmp(l->boot, h->boot, BOOT_SIZE) != 0) {
		if (l->proven && proven)
			memcpy(l->retired, l->boot, BOOT_SIZE);
		memcpy(l->boot, h->boot, BOOT_SIZE);
		l->proven = false;
	}
	l->seq = h->seq;
	l->counted = proven;
	l->proven |= proven;
}

enum hello_fate hello_check(struct hello_link *l, const struct hello *h,
	const uint8_t my_boot[BOOT_SIZE], uint64_t my_seq, bool present)
{
	bool same_run = memcmp(h->boot, l->boot, BOOT_SIZE) == 0;

	if (memcmp(h->boot, l->retired, BOOT_SIZE) == 0)
		return HELLO_STALE;
	if (same_run && (h->seq < l->seq || (h->seq == l->seq && l->counted)))
		return HELLO_STALE;
	if (memcmp(h->echo_boot, my_boot, BOOT_SIZE) != 0) {
		/* While the peer counts, a replay must not make us echo a run that is over. */
		if (!present)
			adopt(l, h, false);
		return HELLO_UNPROVEN;
	}
	if (h->echo_seq > my_seq)
		return HELLO_STALE;
	if (my_seq - h->echo_seq > HELLO_WINDOW) {
		/* After a rift both echo rounds of before it: one must take up the other's. */
		if (present)
			return HELLO_STALE;
		adopt(l, h, false);
		return HELLO_UNPROVEN;
	}
	adopt(l, h, true);
	return HELLO_COUNTS;
}

struct clock_sample hello_clock(const struct hello *h, int64_t proven_ms, int64_t now_ms)
{
	int64_t trip_ms = now_ms - proven_ms - h->clock.held_ms;

	if (trip_ms < 0)
		trip_ms = 0;
	return (struct clock_sample){.base_ms = h->clock.wall_ms + trip_ms / 2 - now_ms,
		.error_ms = trip_ms / 2 + 1,
		.trust = h->clock.trust};
}

void sees_add(uint8_t sees[SEES_SIZE], unsigned id)
{
	sees[id / 8] |= (uint8_t)(1u << id % 8);
}

bool sees_has_all(const uint8_t sees[SEES_SIZE], const uint8_t want[SEES_SIZE])
{
	for (size_t i = 0; i < SEES_SIZE; i++) {
		if (want[i] & ~sees[i])
			return false;
	}
	return true;
}

void why_copy(char to[WHY_SIZE], const char *text)
{
	size_t n = strnlen(text, WHY_SIZE - 1);

	for (size_t i = 0; i < n; i++)
		to[i] = text[i] < ' ' || text[i] > '~' ? '?' : text[i];
	to[n] = '\0';
}
