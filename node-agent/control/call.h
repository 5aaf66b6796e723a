/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CALL_H
#define BRAMBLE_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include "err.h"

/*
 * A request under way, and what the verbs that serve requests are. A verb answers with call_done or
 * call_fail, from begin or later; from then on it is not called any more but for `end`, once.
 */
struct call;

struct verb {
	const char *name;
	bool silent; /* changes nothing, and is asked for so often that no log wants it */
	/* The request is an object, and its "verb" is name. */
	void (*begin)(struct call *c, const json_t *request);
	/* Bytes of the client's file came. NULL: it has none to send, and must not. */
	void (*data)(struct call *c, const void *p, size_t n);
	/* All that was said has left: more of a long answer may follow. NULL: it has none. */
	void (*more)(struct call *c);
	/* Twice a second. NULL: nothing is waited for. */
	void (*tick)(struct call *c);
	/* The call is over: answered, or the client has gone. NULL: nothing is left behind. */
	void (*end)(struct call *c);
};

struct call {
	const struct verb *verb;
	void *agent; /* what control_open was given */
	void *own;   /* the verb's */
};

/* What a client can tell apart ("code" in the answer). */
enum call_code {
	CALL_BAD_REQUEST, /* "bad-request": the request makes no sense to this agent */
	CALL_REFUSED,     /* "refused": it does, but not now, or not here */
	CALL_FAILED,      /* "failed": it was tried */
	CALL_BUSY,        /* "busy": somebody else was first; asking others does not help */
};

/* {"progress": "..."}: for people, while they wait. */
void call_progress(struct call *c, const char *fmt, ...) PRINTF(2, 3);
/* Bytes of an answer, at most TALK_DATA_MAX at once; the next when `more` is called. */
void call_data(struct call *c, const void *p, size_t n);
/* {"ok": true} and the members of answer, which is stolen; NULL: none. */
void call_done(struct call *c, json_t *answer);
/* {"ok": false, "code": ..., "error": "..."} */
void call_fail(struct call *c, enum call_code code, const char *fmt, ...) PRINTF(3, 4);

#endif
