/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HELPER_CLIENT_H
#define BRAMBLE_HELPER_CLIENT_H

#include "helper_wire.h"
#include "loop.h"

/*
 * Has the helper do one thing at a time. What may have to be done side by side (a kill must not
 * wait for a journal) has a client of its own: one costs nothing while it is at rest.
 *
 *	helper_client_init(&c, loop, path);
 *	helper_ask(&c, &(struct helper_request){.verb = HELPER_POWEROFF}, on_done, me);
 *
 * Every request ends in exactly one call of done, also when the helper is not there
 * (ENOENT, ECONNREFUSED), ends (ECONNRESET) or says nothing for HELPER_TIMEOUT_MS (ETIMEDOUT);
 * never from inside helper_ask. done may ask the next one.
 */
#define HELPER_TIMEOUT_MS 20000

/* code: 0 or an errno; text: what was asked for, or why not; valid during the call. */
typedef void helper_done_fn(void *arg, int code, const char *text);

struct helper_client {
	struct loop *loop;
	const char *path; /* of the socket */
	struct loop_source source;
	struct loop_timer timer;
	int error;            /* found in helper_ask, to be told from the timer; 0: none */
	helper_done_fn *done; /* NULL: at rest */
	void *arg;
};

/* loop and path must outlive c. */
void helper_client_init(struct helper_client *c, struct loop *l, const char *path);
/* Forgets a request under way, without a call of done; the helper may do it all the same. */
void helper_client_cancel(struct helper_client *c);
/* The version is filled in here. A request under way is forgotten first. */
void helper_ask(
	struct helper_client *c, const struct helper_request *r, helper_done_fn *done, void *arg);

static inline bool helper_client_busy(const struct helper_client *c)
{
	return c->done != NULL;
}

#endif
