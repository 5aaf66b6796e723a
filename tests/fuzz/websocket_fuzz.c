/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a client's frames. What must hold: the same data, answers and end however the bytes
 * are cut, and no more data than bytes.
 */
// use: proxy/bolt/websocket.c
#include "fuzz.h"
#include "proxy/bolt/websocket.h"

static enum websocket_result take(
	const uint8_t *p, size_t n, size_t step, struct buf *data, struct buf *reply)
{
	struct websocket w = {0};
	enum websocket_result r = WEBSOCKET_MORE;

	for (size_t at = 0; at < n && r == WEBSOCKET_MORE; at += step)
		r = websocket_take(&w, p + at, n - at < step ? n - at : step, data, reply);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf whole = {0}, whole_reply = {0}, bytes = {0}, bytes_reply = {0};

	enum websocket_result r = take(data, size, size + 1, &whole, &whole_reply);
	must(take(data, size, 1, &bytes, &bytes_reply) == r);
	must(whole.len <= size && whole_reply.len <= size);
	must(whole.len == bytes.len && whole_reply.len == bytes_reply.len);
	must(!whole.len || memcmp(whole.data, bytes.data, whole.len) == 0);
	must(!whole_reply.len || memcmp(whole_reply.data, bytes_reply.data, whole_reply.len) == 0);
	return 0;
}
