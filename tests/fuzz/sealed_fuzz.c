/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes from a peer, in pieces whose sizes they tell themselves: to a server that hears a
 * stranger, to a client that does, and to a server behind a handshake. What must hold: nothing
 * opens, no stranger gets a word, and no more is wanted than one message.
 */
#include "fuzz.h"
#include "sealed.h"
#include "util.h"

static const uint8_t secret[SEALED_SECRET] = {1}, cluster[SEALED_CLUSTER_ID] = {2};

/* Feeds data piece by piece as a socket's reader does. */
static void feed(struct sealed *s, const uint8_t *data, size_t size, struct buf *out)
{
	_cleanup_buf_ struct buf in = {0}, message = {0};
	struct err e;

	while (size && s->phase != SEALED_BROKEN) {
		size_t wants = sealed_wants(s, &in);
		must(wants > in.len && wants <= SEALED_MESSAGE_MAX + 32);
		size_t n = 1 + data[0] % 64;
		n = n < size ? n : size;
		n = n < wants - in.len ? n : wants - in.len;
		buf_add(&in, data, n);
		must(sealed_read(s, &in, out, &message, &e) <= 0);
		data += n;
		size -= n;
	}
	must(buf_ok(&in) && buf_ok(out) && buf_ok(&message));
}

static void begin(
	struct sealed *s, enum sealed_side side, const struct sealed_keys *k, struct buf *out)
{
	if (side == SEALED_CLIENT)
		sealed_begin(s, k->key, out);
	else
		sealed_accept(s, k);
}

static void hear_stranger(
	enum sealed_side side, const struct sealed_keys *k, const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf out = {0};
	struct sealed s;

	begin(&s, side, k, &out);
	size_t before = out.len;
	feed(&s, data, size, &out);
	must(out.len == before);
	sealed_end(&s);
}

static void hear_after_handshake(const struct sealed_keys *k, const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf up = {0}, down = {0}, message = {0};
	struct sealed client, server;
	struct err e;

	sealed_begin(&client, k->key, &up);
	sealed_accept(&server, k);
	must(sealed_read(&server, &up, &down, &message, &e) == 0);
	must(sealed_read(&client, &down, &up, &message, &e) == 0);
	must(sealed_read(&server, &up, &down, &message, &e) == 0);
	must(server.phase == SEALED_OPEN);
	feed(&server, data, size, &down);
	sealed_end(&client);
	sealed_end(&server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sealed_keys k = {.n = 1};

	must(sodium_init() >= 0);
	sealed_key_derive(k.key, secret, cluster);
	hear_stranger(SEALED_SERVER, &k, data, size);
	hear_stranger(SEALED_CLIENT, &k, data, size);
	hear_after_handshake(&k, data, size);
	return 0;
}
