/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HTTP_CLIENT_H
#define BRAMBLE_HTTP_CLIENT_H

#include "buf.h"
#include "http_head.h"
#include "loop.h"
#include "net.h"

/*
 * One small request at a time over a kept-alive connection: how the proxy probes members and the
 * agent asks Neo4j. An http_client belongs to one server address. Every request ends in exactly
 * one call of done, also on timeout (status 0); never from inside http_client_send, so a caller
 * may retry from done. done may send the next request or free the client.
 */
struct http_client;

struct http_result {
	unsigned status;   /* 0: no answer; why says what went wrong */
	struct slice body; /* at most max_body bytes, valid during the call of done */
	const char *why;   /* "" when there is an answer */
	int error;         /* the errno that ended it, if one did: ECONNREFUSED and the like */
	int64_t took_ms;
};

typedef void http_done_fn(void *arg, const struct http_result *r);

/* max_body: an answer with a longer body counts as no answer. */
MUST_CHECK struct http_client *http_client_new(
	struct loop *l, const struct sockaddr_in *to, size_t max_body);
void http_client_free(struct http_client *c);

/*
 * Sends method (GET or POST with a JSON body; body may be "") for target with the given extra
 * field lines ("" or "Name: value\r\n"...). A request under way is cancelled first, without a
 * call of done. A GET on a kept connection that turns out to be closed is sent once more on a new
 * one; a POST always travels on a new connection, because nobody could tell whether it may be
 * sent again. method, target, fields and body are copied.
 */
void http_client_send(struct http_client *c, const char *method, const char *target,
	const char *fields, const char *body, int64_t timeout_ms, http_done_fn *done, void *arg);
bool http_client_busy(const struct http_client *c);
void http_client_cancel(struct http_client *c);
/* The same, and the next request goes on a new connection, whatever the kept one would say. */
void http_client_renew(struct http_client *c);

#endif
