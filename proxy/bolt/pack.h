/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_PACK_H
#define PROXY_BOLT_PACK_H

#include <stdbool.h>
#include "buf.h"
#include "http_head.h"

/*
 * PackStream, Bolt's encoding of values. The reader takes a message's data and never copies:
 * strings point into it. Nothing recurses, so nesting costs nothing; a collection that claims more
 * elements than there are bytes left is malformed at once.
 */
enum pack_type {
	PACK_BAD, /* malformed or at the end */
	PACK_NULL,
	PACK_BOOL,
	PACK_INT,
	PACK_FLOAT,
	PACK_BYTES,
	PACK_STRING,
	PACK_LIST,
	PACK_MAP,
	PACK_STRUCT,
};

struct pack_value {
	enum pack_type type;
	int64_t i;      /* of an integer or a boolean */
	size_t n;       /* elements of a list, pairs of a map, fields of a structure: they follow */
	uint8_t tag;    /* of a structure */
	struct slice s; /* of a string or of bytes */
};

struct pack {
	const uint8_t *p, *end;
};

static inline struct pack pack_of(const void *data, size_t n)
{
	return (struct pack){data, n ? (const uint8_t *)data + n : data};
}

/* The value at the reader; of a collection only its head. After PACK_BAD nothing more comes. */
struct pack_value pack_next(struct pack *r);
/* Passes over one whole value; -1 when malformed. The bytes it took are in *raw, if not NULL. */
MUST_CHECK int pack_skip(struct pack *r, struct slice *raw);
/*
 * With the reader behind the head of a map of n pairs: the next pair's key, value head not read
 * yet. False when malformed.
 */
bool pack_key(struct pack *r, struct slice *key);

void pack_put_struct(struct buf *to, uint8_t fields, uint8_t tag);
void pack_put_map(struct buf *to, size_t pairs);
void pack_put_list(struct buf *to, size_t n);
void pack_put_int(struct buf *to, int64_t i);
void pack_put_bool(struct buf *to, bool b);
void pack_put_string(struct buf *to, const char *p, size_t n);
void pack_put_text(struct buf *to, const char *text);

#endif
