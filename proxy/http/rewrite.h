/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_REWRITE_H
#define PROXY_REWRITE_H

#include "buf.h"
#include "http_head.h"
#include "http/bookmark.h"

/*
 * Heads as they leave the proxy: our own version and framing, no hop-by-hop field (RFC 9110
 * 7.6.1), Via, and on requests X-Forwarded-For, -Host and -Proto. Everything else is passed on as
 * it came, byte by byte and in its order.
 */

/* The authority that the client asked; empty where an HTTP/1.0 request names none. */
struct slice rewrite_authority(const struct http_head *h);

/*
 * How many may still pass this on (RFC 9110 7.6.2), which only OPTIONS and TRACE say; -1 where it
 * does not matter, -2 where it cannot be told.
 */
int rewrite_forwards(const struct http_head *h);

/*
 * host is that authority, client the client's address, scheme what it asked by. plain: the answer's
 * body will have to be read here, so the member is not told which codings the client understands.
 */
void rewrite_request(const struct http_head *h, const char *client, const char *scheme,
	struct slice host, bool plain, struct buf *out);

/*
 * to: how the body is framed for the client. close: its connection ends after this answer;
 * otherwise an HTTP/1.0 client (minor 0) is told that it stays. member's name goes into Via.
 * origin: NULL, or the one to be named in Location, whose transaction's id is then made to tell
 * the server (tx.h).
 */
struct rewrite_as {
	enum http_framing to;
	bool close;
	unsigned minor;
	const char *origin;
	unsigned server;
	enum bookmark_by bookmark; /* how the client asked for one */
	const char *token;         /* its new value */
};
void rewrite_response(const struct http_head *h, const char *member, const struct rewrite_as *as,
	struct buf *out);

#endif
