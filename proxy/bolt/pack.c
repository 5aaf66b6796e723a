/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "pack.h"

/* Markers that stand alone: what follows them is a big-endian number of `width` bytes. */
static const struct marker {
	uint8_t marker;
	uint8_t width; /* of the number: a value, a length or a count */
	enum pack_type type;
} markers[] = {
	{0xc0, 0, PACK_NULL},
	{0xc1, 8, PACK_FLOAT},
	{0xc2, 0, PACK_BOOL},
	{0xc3, 0, PACK_BOOL},
	{0xc8, 1, PACK_INT},
	{0xc9, 2, PACK_INT},
	{0xca, 4, PACK_INT},
	{0xcb, 8, PACK_INT},
	{0xcc, 1, PACK_BYTES},
	{0xcd, 2, PACK_BYTES},
	{0xce, 4, PACK_BYTES},
	{0xd0, 1, PACK_STRING},
	{0xd1, 2, PACK_STRING},
	{0xd2, 4, PACK_STRING},
	{0xd4, 1, PACK_LIST},
	{0xd5, 2, PACK_LIST},
	{0xd6, 4, PACK_LIST},
	{0xd8, 1, PACK_MAP},
	{0xd9, 2, PACK_MAP},
	{0xda, 4, PACK_MAP},
	{0xdc, 1, PACK_STRUCT},
	{0xdd, 2, PACK_STRUCT},
};

/* Those with the count in their low four bits, by the high four. */
static const enum pack_type tiny[16] = {
	[0x8] = PACK_STRING,
	[0x9] = PACK_LIST,
	[0xa] = PACK_MAP,
	[0xb] = PACK_STRUCT,
};

static struct pack_value bad(struct pack *r)
{
	r->p = r->end;
	return (struct pack_value){.type = PACK_BAD};
}

static size_t left(const struct pack *r)
{
	return (size_t)(r->end - r->p);
}

/* The contents of a string or bytes; of others a count that the bytes left can hold. */
static struct pack_value sized(struct pack *r, enum pack_type type, uint64_t n)
{
	struct pack_value v = {.type = type, .n = (size_t)n};

	if (type == PACK_STRUCT) {
		if (!left(r))
			return bad(r);
		v.tag = *r->p++;
	}
	if (n > left(r) || (type == PACK_MAP && n > left(r) / 2))
		return bad(r);
	if (type == PACK_STRING || type == PACK_BYTES) {
		v.s = (struct slice){(const char *)r->p, (size_t)n};
		r->p += n;
	}
	return v;
}

static int64_t sign_extended(uint64_t u, unsigned width)
{
	unsigned shift = 64 - 8 * width;

	return width ? (int64_t)(u << shift) >> shift : 0;
}

static struct pack_value marked(struct pack *r, uint8_t byte, const struct marker *m)
{
	uint64_t u = 0;

	if (left(r) < m->width)
		return bad(r);
	for (unsigned i = 0; i < m->width; i++)
		u = u << 8 | *r->p++;
	switch (m->type) {
	case PACK_INT:
		return (struct pack_value){.type = PACK_INT, .i = sign_extended(u, m->width)};
	case PACK_BOOL:
		return (struct pack_value){.type = PACK_BOOL, .i = byte == 0xc3};
	case PACK_NULL:
	case PACK_FLOAT:
		return (struct pack_value){.type = m->type};
	case PACK_BYTES:
	case PACK_STRING:
	case PACK_LIST:
	case PACK_MAP:
	case PACK_STRUCT:
		return sized(r, m->type, u);
	case PACK_BAD:
		break;
	}
	return bad(r);
}

struct pack_value pack_next(struct pack *r)
{
	if (!left(r))
		return bad(r);
	uint8_t byte = *r->p++;
	if (byte < 0x80 || byte >= 0xf0)
		return (struct pack_value){.type = PACK_INT, .i = (int8_t)byte};
	if (tiny[byte >> 4] != PACK_BAD)
		return sized(r, tiny[byte >> 4], byte & 0x0f);
	for (size_t i = 0; i < ARRAY_SIZE(markers); i++) {
		if (markers[i].marker == byte)
			return marked(r, byte, &markers[i]);
	}
	return bad(r);
}

static uint64_t elements(const struct pack_value *v)
{
	switch (v->type) {
	case PACK_MAP:
		return 2 * (uint64_t)v->n;
	case PACK_LIST:
	case PACK_STRUCT:
		return v->n;
	case PACK_BAD:
	case PACK_NULL:
	case PACK_BOOL:
	case PACK_INT:
	case PACK_FLOAT:
	case PACK_BYTES:
	case PACK_STRING:
		break;
	}
	return 0;
}

int pack_skip(struct pack *r, struct slice *raw)
{
	const uint8_t *start = r->p;

	for (uint64_t todo = 1; todo; todo--) {
		struct pack_value v = pack_next(r);
		if (v.type == PACK_BAD)
			return -1;
		todo += elements(&v);
		if (todo - 1 > left(r)) {
			r->p = r->end;
			return -1;
		}
	}
	if (raw)
		*raw = (struct slice){(const char *)start, (size_t)(r->p - start)};
	return 0;
}

bool pack_key(struct pack *r, struct slice *key)
{
	struct pack_value v = pack_next(r);

	*key = v.s;
	return v.type == PACK_STRING;
}

static void put_byte(struct buf *to, uint8_t byte)
{
	buf_add(to, &byte, 1);
}

static void put_number(struct buf *to, uint64_t u, unsigned width)
{
	while (width--)
		put_byte(to, (uint8_t)(u >> 8 * width));
}

/* A collection's or string's head: in the marker itself, or one of three widths behind `wide`. */
static void put_head(struct buf *to, uint8_t small, uint8_t wide, size_t n)
{
	unsigned width = n <= 0xff ? 0 : n <= 0xffff ? 1 : 2;

	if (n < 16) {
		put_byte(to, (uint8_t)(small | n));
		return;
	}
	put_byte(to, (uint8_t)(wide + width));
	put_number(to, n, 1u << width);
}

void pack_put_struct(struct buf *to, uint8_t fields, uint8_t tag)
{
	put_byte(to, (uint8_t)(0xb0 | fields));
	put_byte(to, tag);
}

void pack_put_map(struct buf *to, size_t pairs)
{
	put_head(to, 0xa0, 0xd8, pairs);
}

void pack_put_list(struct buf *to, size_t n)
{
	put_head(to, 0x90, 0xd4, n);
}

void pack_put_int(struct buf *to, int64_t i)
{
	if (i >= -16 && i <= 127) {
		put_byte(to, (uint8_t)i);
		return;
	}
	put_byte(to, 0xcb);
	put_number(to, (uint64_t)i, 8);
}

void pack_put_bool(struct buf *to, bool b)
{
	put_byte(to, b ? 0xc3 : 0xc2);
}

void pack_put_string(struct buf *to, const char *p, size_t n)
{
	put_head(to, 0x80, 0xd0, n);
	buf_add(to, p, n);
}

void pack_put_text(struct buf *to, const char *text)
{
	pack_put_string(to, text, strlen(text));
}
