/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SEALED_H
#define BRAMBLE_SEALED_H

#include <sodium.h>
#include "buf.h"
#include "err.h"

/*
 * A stream of messages that only those who have the cluster's secret can make or read: between an
 * agent and the owner's PC. Bytes in, bytes out; no I/O.
 *
 *	client: "BRC1", 32 bytes public key, 16 bytes tag
 *	server: "BRC1", 32 bytes public key, 16 bytes tag, 24 bytes header of its stream
 *	client: 24 bytes header of its stream
 *	both:   4 bytes length (little-endian), a sealed message; and so on
 *
 * The public keys are made for this one session (X25519, libsodium's crypto_kx). The client's tag
 * is BLAKE2b of its public key, keyed with the cluster's: a server that finds it wrong has done no
 * more than that one hash, and stays silent. The server's is of both public keys, and proves it to
 * the client. The streams' keys are crypto_kx's, hashed together with both public keys and the
 * cluster's: what was recorded does not open when the secret becomes known later. Messages are
 * crypto_secretstream_xchacha20poly1305: none can be left out, repeated, changed, or put in another
 * order. One that opens tells that the other side has the secret, and speaks now; a hello alone
 * may be a recorded one. Where a conversation ends must be said in it: a cut looks like silence.
 *
 * A server may have several keys, so that the secret can be changed node by node.
 */
#define SEALED_MESSAGE_MAX (64u << 10)
#define SEALED_FIRST_MAX \
	(16u << 10) /* a server's first: until it opens the sender may be anybody */
#define SEALED_KEYS_MAX 2
#define SEALED_SECRET 32
#define SEALED_CLUSTER_ID 16

struct sealed_key {
	uint8_t bytes[32];
};

/* Those a server may be asked with, one object with their number: who changes them changes both. */
struct sealed_keys {
	size_t n;
	struct sealed_key key[SEALED_KEYS_MAX];
};

enum sealed_side {
	SEALED_CLIENT,
	SEALED_SERVER,
};

enum sealed_phase {
	SEALED_WAITS_FOR_HELLO,
	SEALED_WAITS_FOR_HEADER,
	SEALED_OPEN, /* messages can be written */
	SEALED_BROKEN,
};

struct sealed {
	enum sealed_side side;
	enum sealed_phase phase;
	bool proven; /* a message has opened: the other side has the secret, and is there now */
	const struct sealed_key *key;   /* the client's */
	const struct sealed_keys *keys; /* the server's */
	uint8_t public_key[crypto_kx_PUBLICKEYBYTES], secret_key[crypto_kx_SECRETKEYBYTES];
	uint8_t rx_key[crypto_kx_SESSIONKEYBYTES];
	crypto_secretstream_xchacha20poly1305_state rx, tx;
};

void sealed_key_derive(struct sealed_key *k, const uint8_t secret[SEALED_SECRET],
	const uint8_t cluster_id[SEALED_CLUSTER_ID]);

/* As client; its hello goes to out. key must outlive s. */
void sealed_begin(struct sealed *s, const struct sealed_key *key, struct buf *out);
/* As server, which has nothing to say yet; keys must outlive s, and count as they are when the
 * client's hello comes. */
void sealed_accept(struct sealed *s, const struct sealed_keys *keys);
void sealed_end(struct sealed *s); /* wipes the keys */

/*
 * How many bytes `in` must hold for the next step: who never reads more than that gives a stranger
 * no memory. At most one message and a little.
 */
size_t sealed_wants(const struct sealed *s, const struct buf *in);

/*
 * Takes from `in` what has come; what has to be sent in answer goes to out. 1: a message, which
 * replaces what was in `message`; ask again. 0: more bytes are needed. -1: this is nobody who has
 * the secret; nothing more can be read.
 */
MUST_CHECK int sealed_read(
	struct sealed *s, struct buf *in, struct buf *out, struct buf *message, struct err *e);

/* Seals n bytes, at most SEALED_MESSAGE_MAX, behind what is in out; in phase SEALED_OPEN only. */
void sealed_write(struct sealed *s, const void *p, size_t n, struct buf *out);

#endif
