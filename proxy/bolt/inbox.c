/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inbox.h"

void inbox_walk(struct inbox *in)
{
	const uint8_t *p = stream_bytes(&in->bytes);
	size_t n = stream_len(&in->bytes);

	while (!in->ended && in->seen < n) {
		struct chunk_piece piece = chunk_next(&in->chunks, p + in->seen, n - in->seen);
		in->seen += piece.used;
		in->ended = piece.end;
		if (piece.noop) {
			inbox_take(in);
			p = stream_bytes(&in->bytes);
			n = stream_len(&in->bytes);
		}
	}
}

void inbox_data(const struct inbox *in, struct buf *data)
{
	struct chunks c = {0};
	const uint8_t *p = stream_bytes(&in->bytes);

	for (size_t at = 0; at < in->seen;) {
		struct chunk_piece piece = chunk_next(&c, p + at, in->seen - at);
		if (piece.n)
			buf_add(data, piece.data, piece.n);
		at += piece.used;
	}
}

void inbox_take(struct inbox *in)
{
	stream_take(&in->bytes, in->seen);
	in->seen = 0;
}

void inbox_next(struct inbox *in)
{
	inbox_take(in);
	in->ended = false;
	in->chunks = (struct chunks){0};
}
