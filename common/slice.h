/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SLICE_H
#define BRAMBLE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* A part of somebody else's bytes: lives as long as those stay where they are. */
struct slice {
	const char *p;
	size_t n;
};

#define SLICE(literal) ((struct slice){literal, sizeof(literal) - 1})

/* Inline, so that the length of a literal is known. */
static inline bool slice_eq(struct slice s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

/* Whatever the case of ASCII letters. */
static inline bool slice_ieq(struct slice s, const char *text)
{
	return s.n == strlen(text) && strncasecmp(s.p, text, s.n) == 0;
}

#endif
