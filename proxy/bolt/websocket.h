/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_WEBSOCKET_H
#define PROXY_BOLT_WEBSOCKET_H

#include "buf.h"
#include "http_head.h"

/*
 * WebSocket (RFC 6455), the server's side, as far as Bolt uses it: the messages' bytes are one
 * stream, where messages and frames end means nothing. Text frames are refused.
 */
struct websocket {
	uint8_t head[14]; /* of the frame that is arriving */
	uint8_t nhead;
	bool open;            /* the head is whole: its data follows */
	bool in_message;      /* a continuation may come */
	uint64_t left;        /* data bytes still to come */
	uint64_t at;          /* data bytes that came, for the mask */
	uint8_t control[125]; /* data of a PING or CLOSE */
	uint8_t ncontrol;
};

enum websocket_result {
	WEBSOCKET_MORE,
	WEBSOCKET_CLOSED, /* it said so; the answer is in `reply` */
	WEBSOCKET_BAD,
};

/* Is this request one for a WebSocket of the version we speak (RFC 6455 4.2.1)? */
bool websocket_asked(const struct http_head *h);
/* The answer 101 to it (4.2.2); -1 when the hash fails. */
MUST_CHECK int websocket_put_accept(struct buf *to, const struct http_head *h);

/* Takes all n bytes: data goes to `data`, answers to PING and CLOSE to `reply`. */
enum websocket_result websocket_take(
	struct websocket *w, const uint8_t *p, size_t n, struct buf *data, struct buf *reply);
/* One binary frame around n bytes. */
void websocket_put(struct buf *to, const void *p, size_t n);

#endif
