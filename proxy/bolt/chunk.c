/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "chunk.h"

#define CHUNK_MAX 0xffff

static struct chunk_piece length_byte(struct chunks *c, uint8_t byte)
{
	struct chunk_piece piece = {.used = 1};

	if (!c->half) {
		c->high = byte;
		c->half = true;
		return piece;
	}
	c->half = false;
	c->left = (uint16_t)(c->high << 8 | byte);
	if (c->left && !c->begun) {
		c->begun = true;
		c->nhead = 0;
		c->bytes = 0;
	} else if (!c->left) {
		piece.end = c->begun;
		piece.noop = !c->begun;
		c->begun = false;
	}
	return piece;
}

struct chunk_piece chunk_next(struct chunks *c, const uint8_t *p, size_t n)
{
	if (!n)
		return (struct chunk_piece){0};
	if (!c->left)
		return length_byte(c, *p);
	if (n > c->left)
		n = c->left;
	for (size_t i = 0; i < n && c->nhead < sizeof(c->head); i++)
		c->head[c->nhead++] = p[i];
	c->left = (uint16_t)(c->left - n);
	c->bytes += n;
	return (struct chunk_piece){.used = n, .data = p, .n = n};
}

size_t chunk_run(const struct chunks *c, const uint8_t *p, size_t n, uint8_t tag)
{
	size_t at = 0;

	if (c->begun || c->half)
		return 0;
	while (n - at >= 6) { /* a length, a marker and a tag, an end */
		size_t len = (size_t)(p[at] << 8 | p[at + 1]);
		const uint8_t *end = p + at + 2 + len;
		if (len < 2 || n - at < len + 4 || p[at + 3] != tag || end[0] || end[1])
			break;
		at += len + 4;
	}
	return at;
}

void chunk_message(struct buf *to, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (size_t run; n; p += run, n -= run) {
		run = n > CHUNK_MAX ? CHUNK_MAX : n;
		const uint8_t length[2] = {(uint8_t)(run >> 8), (uint8_t)run};
		buf_add(to, length, sizeof(length));
		buf_add(to, p, run);
	}
	buf_add(to, "\0\0", 2);
}
