/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_STATS_ACCOUNT_H
#define PROXY_STATS_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include "http_head.h"

/*
 * What became of one request and when, told by whoever carries it, one call per event. At its end
 * it goes into the meters, the history and the access log. Times are the loop's: nobody asks the
 * clock for them.
 */
struct client;
struct member;
struct proxy;

struct account {
	int64_t first_byte, head, start, connected, answered; /* ms; 0: not yet */
	int64_t waiting_since, waited;
	struct member *member; /* it went to last */
	unsigned status;       /* of the answer; 0: none */
	bool own;              /* the answer is the proxy's own */
	char *line;            /* "METHOD TARGET", with an access log only */
};

/* Requests wait, or none do: the dashboard shows the most. */
void account_waiting(struct proxy *p);
void account_connection(struct proxy *p);
/* Some of a head arrived; only the first call counts. */
void account_bytes(struct client *c);
void account_head(struct client *c, const struct http_head *h);
/* It was its turn: to m. */
void account_start(struct client *c, struct member *m);
void account_connected(struct client *c);
/* It waits for a member again. */
void account_again(struct client *c);
void account_answer(struct client *c, unsigned status, bool own);
/* All of the answer is out, or the client is being closed: the end, once. */
void account_end(struct client *c);

/*
 * Who ended it: '-' nobody before its time, 'C' the client left, 'c' it was too slow, 'S' the
 * member failed, 's' it was too slow, 'Q' none could take it in time, 'P' the proxy refused it.
 */
char account_ended_by(const struct client *c);

/* Says something that happened in the log and keeps it for the dashboard. */
void account_event(struct proxy *p, int level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
