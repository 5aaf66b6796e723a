/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_HANDSHAKE_H
#define PROXY_BOLT_HANDSHAKE_H

#include <stdbool.h>
#include "buf.h"

/*
 * Bolt's handshake: four bytes that say Bolt, then four proposals of a version, the preferred one
 * first. A proposal is 0, range, minor, major: minor and the `range` minors below it. Since 5.7 a
 * proposal of 00 00 01 FF asks for a manifest instead: all versions the server has.
 */
#define HANDSHAKE_MAGIC "\x60\x60\xb0\x17"
#define HANDSHAKE_SIZE 20 /* magic and four proposals */

struct bolt_version {
	uint8_t major, minor;
};

enum handshake_answer {
	HANDSHAKE_NONE,     /* no version in common: four zeros and close */
	HANDSHAKE_CHOSEN,   /* *chosen */
	HANDSHAKE_MANIFEST, /* only a manifest can lead to one */
};

/*
 * What to answer, given the versions there are. A version proposed outright is taken before a
 * manifest is sent, though the client may prefer that: it saves a round trip, and what is spoken
 * is the same.
 */
enum handshake_answer handshake_choose(const uint8_t client[static HANDSHAKE_SIZE],
	const struct bolt_version *have, size_t n, struct bolt_version *chosen);

/* The server's answers. */
void handshake_put_version(struct buf *to, struct bolt_version v);
void handshake_put_manifest(struct buf *to, const struct bolt_version *have, size_t n);

/*
 * The client's choice from a manifest, four bytes and a number of capabilities. Bytes used; 0: more
 * are needed; -1: not one of ours.
 */
int handshake_manifest_choice(const uint8_t *p, size_t len, const struct bolt_version *have,
	size_t n, struct bolt_version *chosen);

/* Takes the wish for a manifest out of a client's handshake: an older server would not know it. */
void handshake_drop_manifest(uint8_t client[static HANDSHAKE_SIZE]);
/* What a client sends that speaks these, four at most, and likes the first one best. */
void handshake_put_proposals(struct buf *to, const struct bolt_version *v, size_t n);

#endif
