/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "sealed.h"

#define MAGIC "BRC1"
#define MAGIC_SIZE 4
#define KEY_SIZE crypto_kx_PUBLICKEYBYTES
#define TAG_SIZE crypto_generichash_BYTES_MIN
#define HELLO_SIZE (MAGIC_SIZE + KEY_SIZE + TAG_SIZE)
#define HEADER_SIZE crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define LENGTH_SIZE 4
#define SEAL_SIZE crypto_secretstream_xchacha20poly1305_ABYTES

void sealed_key_derive(struct sealed_key *k, const uint8_t secret[SEALED_SECRET],
	const uint8_t cluster_id[SEALED_CLUSTER_ID])
{
	static const char label[] = "bramble control 1";
	crypto_generichash_state h;

	crypto_generichash_init(&h, secret, SEALED_SECRET, sizeof(k->bytes));
	crypto_generichash_update(&h, (const uint8_t *)label, sizeof(label));
	crypto_generichash_update(&h, cluster_id, SEALED_CLUSTER_ID);
	crypto_generichash_final(&h, k->bytes, sizeof(k->bytes));
	sodium_memzero(&h, sizeof(h));
}

/* What a hash is for: no two uses can be taken for one another. */
enum use {
	USE_CLIENT_HELLO = 1,
	USE_SERVER_HELLO,
	USE_STREAM,
};

/* Of the use and n parts of 32 bytes each, keyed with the cluster's key. */
static void keyed_hash(const struct sealed_key *k, enum use use, const uint8_t *const *parts,
	size_t n, uint8_t *to, size_t size)
{
	uint8_t label = (uint8_t)use;
	crypto_generichash_state h;

	crypto_generichash_init(&h, k->bytes, sizeof(k->bytes), size);
	crypto_generichash_update(&h, &label, 1);
	for (size_t i = 0; i < n; i++)
		crypto_generichash_update(&h, parts[i], KEY_SIZE);
	crypto_generichash_final(&h, to, size);
	sodium_memzero(&h, sizeof(h));
}

static void client_tag(const struct sealed_key *k, const uint8_t *client, uint8_t tag[TAG_SIZE])
{
	keyed_hash(k, USE_CLIENT_HELLO, &client, 1, tag, TAG_SIZE);
}

static void server_tag(const struct sealed_key *k, const uint8_t *client, const uint8_t *server,
	uint8_t tag[TAG_SIZE])
{
	const uint8_t *parts[] = {client, server};

	keyed_hash(k, USE_SERVER_HELLO, parts, 2, tag, TAG_SIZE);
}

static void add_hello(const struct sealed *s, const uint8_t tag[TAG_SIZE], struct buf *out)
{
	buf_add(out, MAGIC, MAGIC_SIZE);
	buf_add(out, s->public_key, KEY_SIZE);
	buf_add(out, tag, TAG_SIZE);
}

void sealed_begin(struct sealed *s, const struct sealed_key *key, struct buf *out)
{
	uint8_t tag[TAG_SIZE];

	*s = (struct sealed){.side = SEALED_CLIENT, .key = key};
	crypto_kx_keypair(s->public_key, s->secret_key);
	client_tag(key, s->public_key, tag);
	add_hello(s, tag, out);
}

void sealed_accept(struct sealed *s, const struct sealed_keys *keys)
{
	*s = (struct sealed){.side = SEALED_SERVER, .keys = keys};
}

void sealed_end(struct sealed *s)
{
	sodium_memzero(s, sizeof(*s));
	s->phase = SEALED_BROKEN;
}

/* crypto_kx's key of one direction, replaced by one that takes the cluster's secret too. */
static void bind_key(const struct sealed_key *k, const uint8_t *client, const uint8_t *server,
	uint8_t key[KEY_SIZE])
{
	const uint8_t *parts[] = {key, client, server};

	keyed_hash(k, USE_STREAM, parts, 3, key, KEY_SIZE);
}

/* Both streams' keys; what is sent from here begins with a header. -1: theirs is no public key. */
static int open_streams(
	struct sealed *s, const struct sealed_key *k, const uint8_t *theirs, struct buf *out)
{
	bool is_client = s->side == SEALED_CLIENT;
	const uint8_t *client = is_client ? s->public_key : theirs;
	const uint8_t *server = is_client ? theirs : s->public_key;
	uint8_t tx[KEY_SIZE], header[HEADER_SIZE];
	int r = is_client ? crypto_kx_client_session_keys(
				    s->rx_key, tx, s->public_key, s->secret_key, theirs)
			  : crypto_kx_server_session_keys(
				    s->rx_key, tx, s->public_key, s->secret_key, theirs);

	sodium_memzero(s->secret_key, sizeof(s->secret_key));
	if (r < 0)
		return -1;
	bind_key(k, client, server, s->rx_key);
	bind_key(k, client, server, tx);
	crypto_secretstream_xchacha20poly1305_init_push(&s->tx, header, tx);
	sodium_memzero(tx, sizeof(tx));
	buf_add(out, header, sizeof(header));
	return 0;
}

/* Only for who knows a key is one made here, and anything said. */
static int answer_client(
	struct sealed *s, const uint8_t *theirs, const uint8_t *tag, struct buf *out, struct err *e)
{
	uint8_t want[TAG_SIZE];

	for (size_t i = 0; i < s->keys->n; i++) {
		const struct sealed_key *key = &s->keys->key[i];
		client_tag(key, theirs, want);
		if (sodium_memcmp(want, tag, TAG_SIZE) != 0)
			continue;
		crypto_kx_keypair(s->public_key, s->secret_key);
		server_tag(key, theirs, s->public_key, want);
		add_hello(s, want, out);
		if (open_streams(s, key, theirs, out) == 0)
			return 0;
		return err_set(e, "not a public key");
	}
	return err_set(e, "another secret");
}

static int check_server(
	struct sealed *s, const uint8_t *theirs, const uint8_t *tag, struct buf *out, struct err *e)
{
	uint8_t want[TAG_SIZE];

	server_tag(s->key, s->public_key, theirs, want);
	if (sodium_memcmp(want, tag, TAG_SIZE) != 0)
		return err_set(e, "another secret");
	if (open_streams(s, s->key, theirs, out) < 0)
		return err_set(e, "not a public key");
	return 0;
}

static int take_hello(struct sealed *s, struct buf *in, struct buf *out, struct err *e)
{
	const uint8_t *p = (const uint8_t *)in->data;
	const uint8_t *theirs = p + MAGIC_SIZE, *tag = theirs + KEY_SIZE;

	if (memcmp(p, MAGIC, MAGIC_SIZE) != 0)
		return err_set(e, "does not speak this version of the control protocol");
	if ((s->side == SEALED_CLIENT ? check_server : answer_client)(s, theirs, tag, out, e) < 0)
		return -1;
	buf_consume(in, HELLO_SIZE);
	s->phase = SEALED_WAITS_FOR_HEADER;
	return 0;
}

static int take_header(struct sealed *s, struct buf *in)
{
	crypto_secretstream_xchacha20poly1305_init_pull(
		&s->rx, (const uint8_t *)in->data, s->rx_key);
	sodium_memzero(s->rx_key, sizeof(s->rx_key));
	buf_consume(in, HEADER_SIZE);
	s->phase = SEALED_OPEN;
	return 0;
}

static size_t length_of(const struct buf *in)
{
	const uint8_t *p = (const uint8_t *)in->data;

	return p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

static bool is_length(const struct sealed *s, size_t n)
{
	bool stranger = s->side == SEALED_SERVER && !s->proven;

	return n >= SEAL_SIZE &&
	       n <= (stranger ? SEALED_FIRST_MAX : SEALED_MESSAGE_MAX) + SEAL_SIZE;
}

static int take_message(struct sealed *s, struct buf *in, struct buf *message, struct err *e)
{
	size_t n = length_of(in);

	if (!is_length(s, n))
		return err_set(e, "a message of %zu bytes", n);
	buf_consume(message, message->len);
	uint8_t *to = (uint8_t *)buf_reserve(message, n - SEAL_SIZE);
	if (!to)
		return err_set(e, "out of memory");
	if (crypto_secretstream_xchacha20poly1305_pull(&s->rx, to, NULL, NULL,
		    (const uint8_t *)in->data + LENGTH_SIZE, n, NULL, 0) < 0)
		return err_set(e, "a message that does not open: damage, or forgery");
	message->len = n - SEAL_SIZE;
	message->data[message->len] = '\0';
	buf_consume(in, LENGTH_SIZE + n);
	s->proven = true;
	return 1;
}

size_t sealed_wants(const struct sealed *s, const struct buf *in)
{
	switch (s->phase) {
	case SEALED_WAITS_FOR_HELLO:
		return HELLO_SIZE;
	case SEALED_WAITS_FOR_HEADER:
		return HEADER_SIZE;
	case SEALED_OPEN:
		if (in->len < LENGTH_SIZE || !is_length(s, length_of(in)))
			return LENGTH_SIZE;
		return LENGTH_SIZE + length_of(in);
	case SEALED_BROKEN:
		break;
	}
	return 0;
}

static int take_next(
	struct sealed *s, struct buf *in, struct buf *out, struct buf *message, struct err *e)
{
	switch (s->phase) {
	case SEALED_WAITS_FOR_HELLO:
		return take_hello(s, in, out, e);
	case SEALED_WAITS_FOR_HEADER:
		return take_header(s, in);
	case SEALED_OPEN:
		return take_message(s, in, message, e);
	case SEALED_BROKEN:
		break;
	}
	return err_set(e, "nothing more can be read");
}

int sealed_read(
	struct sealed *s, struct buf *in, struct buf *out, struct buf *message, struct err *e)
{
	int r = 0;

	while (r == 0 && in->len >= sealed_wants(s, in))
		r = take_next(s, in, out, message, e);
	if (r < 0)
		s->phase = SEALED_BROKEN;
	return r;
}

void sealed_write(struct sealed *s, const void *p, size_t n, struct buf *out)
{
	size_t size = n + SEAL_SIZE;
	uint8_t length[LENGTH_SIZE] = {
		(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), (uint8_t)(size >> 24)};

	buf_add(out, length, sizeof(length));
	uint8_t *to = (uint8_t *)buf_reserve(out, size);
	if (!to)
		return;
	crypto_secretstream_xchacha20poly1305_push(&s->tx, to, NULL, p, n, NULL, 0, 0);
	out->len += size;
	out->data[out->len] = '\0';
}
