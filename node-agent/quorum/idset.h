/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_IDSET_H
#define BRAMBLE_IDSET_H

#include <stdbool.h>
#include <stdint.h>

/* A set of server ids, 1..127. */
struct idset {
	uint64_t bits[2];
};

static inline void idset_add(struct idset *s, unsigned id)
{
	s->bits[id / 64 & 1] |= UINT64_C(1) << id % 64;
}

static inline void idset_remove(struct idset *s, unsigned id)
{
	s->bits[id / 64 & 1] &= ~(UINT64_C(1) << id % 64);
}

static inline bool idset_has(const struct idset *s, unsigned id)
{
	return s->bits[id / 64 & 1] >> id % 64 & 1;
}

static inline unsigned idset_count(const struct idset *s)
{
	return (unsigned)(__builtin_popcountll(s->bits[0]) + __builtin_popcountll(s->bits[1]));
}

static inline void idset_add_all(struct idset *s, const struct idset *more)
{
	s->bits[0] |= more->bits[0];
	s->bits[1] |= more->bits[1];
}

/* Are all of a in b? */
static inline bool idset_within(const struct idset *a, const struct idset *b)
{
	return !(a->bits[0] & ~b->bits[0]) && !(a->bits[1] & ~b->bits[1]);
}

static inline bool idset_equal(const struct idset *a, const struct idset *b)
{
	return a->bits[0] == b->bits[0] && a->bits[1] == b->bits[1];
}

#endif
