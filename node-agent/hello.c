/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sodium.h>
#include <string.h>
#include "hello.h"

#define HEAD_CLEAR 8
#define NONCE_SIZE (HELLO_HEAD - HEAD_CLEAR)

static const uint8_t head[HEAD_CLEAR] = {'B', 'R', 'M', 'B', 1 /* version */, 1 /* hello */, 0, 0};

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
	AT_END = AT_WHY + WHY_SIZE - 1,
};

_Static_assert(AT_END == HELLO_BODY, "the body's places do not add up");
_Static_assert(NONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce size");
_Static_assert(
	HELLO_WIRE == HELLO_HEAD + HELLO_BODY + (int)crypto_aead_xchacha20poly1305_ietf_ABYTES,
	"tag size");
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

void hello_encode(const struct hello *h, uint8_t body[HELLO_BODY])
{
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
}

int hello_decode(const uint8_t body[HELLO_BODY], struct hello *h)
{
	if (body[AT_SENDER + NAME_SIZE - 1] || get_le(body + AT_ZERO, 2))
		return -1;
	if (get_text(body + AT_SENDER, NAME_SIZE - 1, h->sender) < 0)
		return -1;
	if (get_text(body + AT_WHY, WHY_SIZE - 1, h->why) < 0)
		return -1;
	if (body[AT_STATE] >= NODE_STATES || body[AT_ROLE] > NEO4J_MASTER)
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

void hello_seal(const struct hello_key *k, const struct hello *h, uint8_t wire[HELLO_WIRE])
{
	uint8_t body[HELLO_BODY], *nonce = wire + HEAD_CLEAR;

	hello_encode(h, body);
	memcpy(wire, head, HEAD_CLEAR);
	randombytes_buf(nonce, NONCE_SIZE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(wire + HELLO_HEAD, NULL, body, sizeof(body),
		head, HEAD_CLEAR, NULL, nonce, k->bytes);
}

enum hello_verdict hello_open(
	const struct hello_key *k, const uint8_t *p, size_t n, struct hello *h)
{
	uint8_t body[HELLO_BODY];

	if (n != HELLO_WIRE || memcmp(p, head, HEAD_CLEAR) != 0)
		return HELLO_ALIEN;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(body, NULL, NULL, p + HELLO_HEAD,
		    n - HELLO_HEAD, head, HEAD_CLEAR, p + HEAD_CLEAR, k->bytes) < 0)
		return HELLO_FORGED;
	return hello_decode(body, h) < 0 ? HELLO_MALFORMED : HELLO_OK;
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
	l->proven |= proven;
}

enum hello_fate hello_check(struct hello_link *l, const struct hello *h,
	const uint8_t my_boot[BOOT_SIZE], uint64_t my_seq, bool present)
{
	bool same_run = memcmp(h->boot, l->boot, BOOT_SIZE) == 0;

	if (memcmp(h->boot, l->retired, BOOT_SIZE) == 0)
		return HELLO_STALE;
	if (same_run && h->seq <= l->seq)
		return HELLO_STALE;
	if (memcmp(h->echo_boot, my_boot, BOOT_SIZE) != 0) {
		/* While the peer counts, a replay must not make us echo a run that is over. */
		if (!present)
			adopt(l, h, false);
		return HELLO_UNPROVEN;
	}
	/* Unsigned: an echo of a round yet to come is further off than any window. */
	if (my_seq - h->echo_seq > HELLO_WINDOW)
		return HELLO_STALE;
	adopt(l, h, true);
	return HELLO_COUNTS;
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
