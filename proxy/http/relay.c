/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relay.h"

void relay_start(struct relay *r, enum http_framing from, uint64_t length, enum http_framing to)
{
	*r = (struct relay){
		.from = from,
		.to = to,
		.left = from == HTTP_BODY_LENGTH ? length : 0,
		.done = from == HTTP_BODY_NONE || (from == HTTP_BODY_LENGTH && length == 0),
	};
}

static void put_framed(struct relay *r, struct slice data, struct buf *out)
{
	if (!data.n)
		return;
	if (r->to == HTTP_BODY_CHUNKED)
		buf_printf(out, "%zx\r\n", data.n);
	buf_add(out, data.p, data.n);
	if (r->to == HTTP_BODY_CHUNKED)
		buf_puts(out, "\r\n");
}

static void put_rewritten(struct relay *r, struct buf *out)
{
	put_framed(r, (struct slice){buf_str(&r->tx->out), r->tx->out.len}, out);
	out->failed |= r->tx->out.failed;
	buf_consume(&r->tx->out, r->tx->out.len);
}

static void put_data(struct relay *r, struct slice data, struct buf *out)
{
	r->bytes += data.n;
	if (r->tx) {
		tx_body_pass(r->tx, data, &r->tx->out);
		put_rewritten(r, out);
	} else {
		put_framed(r, data, out);
	}
}

static void put_end(struct relay *r, struct buf *out)
{
	if (r->tx) {
		tx_body_end(r->tx, &r->tx->out);
		put_rewritten(r, out);
	}
	if (r->to == HTTP_BODY_CHUNKED)
		buf_puts(out, "0\r\n\r\n");
	r->done = true;
}

/* Bytes of in used up, at most n; -1 when malformed. */
static long move_some(struct relay *r, const char *p, size_t n, struct buf *out)
{
	struct slice data = {p, n};
	long used = (long)n;

	if (r->from == HTTP_BODY_CHUNKED)
		used = http_chunked_next(&r->chunked, p, n, &data);
	else if (r->from == HTTP_BODY_LENGTH && n > r->left)
		used = (long)(data.n = (size_t)r->left);
	if (used < 0)
		return -1;
	put_data(r, data, out);
	if (r->from == HTTP_BODY_LENGTH)
		r->left -= data.n;
	if (r->from == HTTP_BODY_LENGTH ? !r->left : r->chunked.done)
		put_end(r, out);
	return used;
}

int relay_move(struct relay *r, struct buf *in, struct buf *out)
{
	size_t at = 0;

	while (!r->done && at < in->len && out->len < RELAY_FULL) {
		size_t room = RELAY_FULL - out->len, n = in->len - at;
		long used = move_some(r, in->data + at, n < room ? n : room, out);
		if (used < 0)
			return -1;
		at += (size_t)used;
	}
	buf_consume(in, at);
	return 0;
}

size_t relay_passes(const struct relay *r, size_t max)
{
	if (r->done || r->from != HTTP_BODY_LENGTH || r->to != HTTP_BODY_LENGTH || r->tx)
		return 0;
	return r->left < max ? (size_t)r->left : max;
}

void relay_passed(struct relay *r, size_t n)
{
	r->bytes += n;
	r->left -= n;
	r->done = !r->left;
}

int relay_close(struct relay *r, struct buf *out)
{
	if (r->from != HTTP_BODY_UNTIL_CLOSE)
		return r->done ? 0 : -1;
	put_end(r, out);
	return 0;
}
