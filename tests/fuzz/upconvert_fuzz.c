/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two bytes of length, so many bytes of a client's Bolt 3, the rest what a member of version 1 or 2
 * answers. What must hold: whole messages go to the member, no client gets more answers than it
 * asked for, and they are the same however the member's bytes are cut.
 */
// use: proxy/bolt/upconvert.c proxy/bolt/inbox.c proxy/bolt/stream.c proxy/bolt/chunk.c
// use: proxy/bolt/pack.c proxy/bolt/message.c
#include "fuzz.h"
#include "proxy/bolt/message.h"
#include "proxy/bolt/upconvert.h"

/* Whole messages in b that are no RECORDs; all of it must be whole. */
static size_t count(const struct buf *b)
{
	struct chunks c = {0};
	size_t n = 0;
	bool end = true;

	for (size_t at = 0; at < b->len;) {
		struct chunk_piece piece =
			chunk_next(&c, (const uint8_t *)b->data + at, b->len - at);
		at += piece.used;
		end = piece.end || piece.noop;
		n += piece.end && !(c.nhead == 2 && c.head[1] == BOLT_RECORD);
	}
	must(end);
	return n;
}

/* Asks the member for what the client says; how many requests that were. */
static size_t ask(struct upconvert *u, const uint8_t *p, size_t n)
{
	_cleanup_buf_ struct buf sent = {0};
	struct inbox in = {0};
	size_t requests = 0;

	buf_add(&in.bytes.b, p, n);
	for (;;) {
		_cleanup_buf_ struct buf data = {0}, init = {0};
		inbox_walk(&in);
		if (!in.ended || !inbox_has_tag(&in) || !bolt_tag_from_client(inbox_tag(&in), 3))
			break;
		inbox_data(&in, &data);
		(void)!upconvert_hello(data.data, data.len, &init);
		if (upconvert_request(u, data.data, data.len, &sent) < 0)
			break;
		requests++;
		inbox_next(&in);
	}
	stream_free(&in.bytes);
	size_t messages = count(&sent);
	must(messages >= requests && messages <= 2 * requests);
	must(u->asked.n == requests);
	return requests;
}

static int answer(struct upconvert u, const uint8_t *p, size_t n, size_t step, struct buf *to)
{
	int r = 0;

	for (size_t at = 0; at < n && r == 0; at += step) {
		buf_add(&u.in.bytes.b, p + at, n - at < step ? n - at : step);
		r = upconvert_answers(&u, to);
	}
	stream_free(&u.in.bytes);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf whole = {0}, bytes = {0};
	struct upconvert u = {0};

	if (size < 2)
		return 0;
	size_t n = (size_t)data[0] << 8 | data[1];
	n = n < size - 2 ? n : size - 2;
	size_t requests = ask(&u, data + 2, n);
	int r = answer(u, data + 2 + n, size - 2 - n, size, &whole);
	must(answer(u, data + 2 + n, size - 2 - n, 1, &bytes) == r);
	must(count(&whole) <= requests);
	must(whole.len == bytes.len);
	must(!whole.len || memcmp(whole.data, bytes.data, whole.len) == 0);
	return 0;
}
