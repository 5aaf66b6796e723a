/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_UPCONVERT_H
#define PROXY_BOLT_UPCONVERT_H

#include "asked.h"
#include "inbox.h"

/*
 * Bolt 3 on a connection to a member that speaks 1 or 2 only (Neo4j 3.0 to 3.4): its requests
 *become early ones, the early answers become those of Bolt 3.
 *
 *	HELLO {user_agent, ...}      INIT user_agent {...}
 *	BEGIN {bookmarks}            RUN "BEGIN" {bookmarks, bookmark}, PULL_ALL
 *	COMMIT, ROLLBACK             RUN "COMMIT" {}, PULL_ALL
 *	RUN text parameters {...}    RUN text parameters
 *	t_first, t_last              result_available_after, result_consumed_after
 *	server                       of 3.0, which says none, and 3.1 "Neo4j/3.2.0" (link.c)
 *
 * Of two answers to one request the client gets one. What early versions have no place for is left
 * out: tx_timeout and tx_metadata always, bookmarks of a transaction without BEGIN (whoever sends
 * one there has to choose a member that has them).
 */
struct upconvert {
	struct inbox in; /* what came from the member */
	struct asked asked;
	bool second; /* of two answers to one request the first has come ... */
	bool told;   /* ... and, a FAILURE, was passed on */
	bool done;   /* ... and was a SUCCESS */
};

/* The INIT for a HELLO (whole messages' data), as data: with a password in it. -1: malformed. */
MUST_CHECK int upconvert_hello(const void *hello, size_t n, struct buf *init);
/*
 * Appends what to send for this request of Bolt 3 (a whole message's data). -1: it is malformed, or
 * too many are under way.
 */
MUST_CHECK int upconvert_request(struct upconvert *u, const void *data, size_t n, struct buf *to);
/* Appends the answers for what has come whole to u->in. -1: the member broke the protocol. */
MUST_CHECK int upconvert_answers(struct upconvert *u, struct buf *to);
/* Nothing is under way that anybody waits for. */
bool upconvert_calm(const struct upconvert *u);

#endif
