/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_RELAY_H
#define PROXY_RELAY_H

#include "buf.h"
#include "http_head.h"
#include "tx_body.h"

/*
 * One body on its way through: read as its sender framed it, framed anew for its receiver. out
 * never grows much beyond RELAY_FULL, but see RELAY_PASS_MAX; what does not fit stays in `in`, and
 * what does not fit there stays in the sender's socket.
 */
#define RELAY_FULL 16384
#define RELAY_IN_FULL HTTP_MAX_HEAD /* of `in`: it also receives heads */

struct relay {
	enum http_framing from, to;
	uint64_t left; /* with from == HTTP_BODY_LENGTH */
	struct http_chunked chunked;
	uint64_t bytes;     /* of data moved so far */
	bool done;          /* the end was seen and passed on */
	struct tx_body *tx; /* rewrites the data; NULL: it passes as it is. Not with a length */
};

/*
 * A body of a length that stays as it is goes from socket to socket. Who is quick gets it in pieces
 * that grow up to this size; who then is not has as much in its `out`, once.
 */
#define RELAY_PASS_MAX 65536

/*
 * to may be HTTP_BODY_LENGTH only with a `from` of the same; HTTP_BODY_UNTIL_CLOSE stands for
 * bytes without any framing.
 */
void relay_start(struct relay *r, enum http_framing from, uint64_t length, enum http_framing to);
/* Moves what it can from in to out. -1: the sender's framing is malformed. */
int relay_move(struct relay *r, struct buf *in, struct buf *out);
/* How many of its next bytes may go from socket to socket, unchanged; 0: none. */
size_t relay_passes(const struct relay *r, size_t max);
/* They did: n of them, no more than that. */
void relay_passed(struct relay *r, size_t n);
/* The sender closed. 0: that ends the body properly (done is set); -1: it is cut short. */
int relay_close(struct relay *r, struct buf *out);

#endif
