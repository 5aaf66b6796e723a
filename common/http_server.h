/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HTTP_SERVER_H
#define BRAMBLE_HTTP_SERVER_H

#include "buf.h"
#include "http_head.h"
#include "loop.h"

/*
 * The small HTTP/1.1 server behind the agent's API and the proxy's stats page: GET, HEAD and
 * OPTIONS, POST on request, without bodies (other methods get 405, a body gets 413 and the
 * connection closes), keep-alive, pipelined requests answered in order, answers built whole in
 * memory. Bounded: at most `max_conns` connections (the longest idle one is closed for a newcomer),
 * 10 s for a head to arrive, 10 s to take an answer. Out of descriptors it closes one of its own
 * for a newcomer; where there is none, newcomers wait in the backlog.
 */
struct http_server;

struct http_answer {
	unsigned status;          /* preset to 200 */
	const char *content_type; /* preset to "text/plain; charset=utf-8" */
	struct buf fields;        /* further "Name: value\r\n" lines */
	struct buf body;          /* dropped by the server for HEAD */
};

/* Fills *a for a request; h is valid during the call only. */
typedef void http_handler_fn(void *arg, const struct http_head *h, struct http_answer *a);

/* listen is "ADDR:PORT" or "*:PORT" (numeric; IPv6 in brackets). */
MUST_CHECK struct http_server *http_server_new(struct loop *l, const char *listen, size_t max_conns,
	http_handler_fn *fn, void *arg, struct err *e);
/* POST, without a body, goes to the handler too: it looks at h->method. */
void http_server_allow_post(struct http_server *s);
/* The same on a listening socket that there is already; it becomes the server's. */
MUST_CHECK struct http_server *http_server_on(
	struct loop *l, int fd, size_t max_conns, http_handler_fn *fn, void *arg, struct err *e);
/* Whether it takes new connections, as it does from the start; else they wait. */
void http_server_accept(struct http_server *s, bool accept);
int http_server_fd(const struct http_server *s);
void http_server_free(struct http_server *s);
unsigned http_server_port(const struct http_server *s);

/* Does the Authorization field hold Basic credentials equal to user:password? Constant time. */
bool http_basic_auth_ok(const struct http_head *h, const char *user, const char *password);

#endif
