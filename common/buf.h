/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_BUF_H
#define BRAMBLE_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "util.h"

/*
 * A growable byte string. data[len] is always 0 once anything was added, so data is a C string
 * when the bytes are text; a zeroed struct is an empty buffer. Growth beyond BUF_MAX or a failed
 * allocation sets `failed` and drops the bytes: check it once at the end (buf_ok), the way
 * ferror is used. Thus safe in the daemons.
 *
 *	_cleanup_buf_ struct buf b = {0};
 *	buf_printf(&b, "%s=%d\n", key, n);
 *	if (!buf_ok(&b)) ...
 */
#define BUF_MAX (64u << 20)

struct buf {
	char *data; /* NULL while empty */
	size_t len, cap;
	bool failed;
};

#define _cleanup_buf_ _cleanup_(buf_free)

void buf_add(struct buf *b, const void *p, size_t n);
/* n in decimal: what buf_printf("%" PRIu64) does at a tenth of its cost. */
void buf_number(struct buf *b, uint64_t n);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
/* Room for n more bytes at data + len; the caller adds to len what it wrote. NULL if failed. */
char *buf_reserve(struct buf *b, size_t n);
/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);
void buf_free(struct buf *b);
/* The bytes become the caller's (to free); never NULL unless failed. Empties b. */
char *buf_steal(struct buf *b);

/* Inline, so that the length of a literal is known. */
static inline void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

static inline bool buf_ok(const struct buf *b)
{
	return !b->failed;
}
static inline const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

#endif
