/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_REWRITE_H
#define PROXY_REWRITE_H

#include "buf.h"
#include "http_head.h"

/*
 * Heads as they leave the proxy: our own version and framing, no hop-by-hop field (RFC 9110
 * 7.6.1), Via, and on requests X-Forwarded-For, -Host and -Proto. Everything else is passed on as
 * it came, byte by byte and in its order.
 */

/* host stands in where an HTTP/1.0 request has none. client is the client's address. */
void rewrite_request(
	const struct http_head *h, const char *client, const char *host, struct buf *out);

/*
 * to: how the body is framed for the client. close: its connection ends after this answer;
 * otherwise an HTTP/1.0 client (minor 0) is told that it stays. member's name goes into Via.
 */
void rewrite_response(const struct http_head *h, const char *member, enum http_framing to,
	bool close, unsigned minor, struct buf *out);

#endif
