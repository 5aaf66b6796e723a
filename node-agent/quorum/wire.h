/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_WIRE_H
#define BRAMBLE_WIRE_H

#include <stddef.h>
#include "quorum.h"

/*
 * The bytes of words, manifests and what is durable, in hellos and on p3. Numbers are
 * little-endian. Each thing's bytes are told once, and read or written by the same lines: `reading`
 * says which. What does not fit or cannot be makes `bad` true; after that nothing is touched any
 * more, and what was read is not to be used.
 */
struct wire {
	uint8_t *p;
	size_t size, at;
	bool reading, bad;
};

static inline struct wire wire_to(uint8_t *p, size_t size)
{
	return (struct wire){.p = p, .size = size};
}

/* Nothing is written to p. */
struct wire wire_from(const uint8_t *p, size_t size);
/* Read to its last byte, and all was well? */
static inline bool wire_done(const struct wire *w)
{
	return !w->bad && w->at == w->size;
}

#define WORD_WIRE 198
#define MANIFEST_WIRE_MAX (52 + MANIFEST_MAX * (16 + MANIFEST_NAME))
#define DURABLE_WIRE_MAX (8 + 2 * MANIFEST_WIRE_MAX + 16 + 68)

void wire_word(struct wire *w, struct word *x);
void wire_manifest(struct wire *w, struct manifest *m);
void wire_durable(struct wire *w, struct durable *d);

#endif
