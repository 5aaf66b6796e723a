/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_SESSION_H
#define PROXY_BOLT_SESSION_H

#include "bolt.h"

/* The client's side: session.c has its life, requests.c and answers.c the two directions. */

/* from: where the client itself is. */
MUST_CHECK struct session *session_new(
	struct front *f, int fd, const struct sockaddr_storage *from);
void session_enter(struct session *s, enum session_state state);
void session_close(struct session *s);
void sessions_sweep(struct front *f);
/* Sends what is in `out`, asks for the events the state needs; closes when CLOSING is done. */
void session_watch(struct session *s);
/*
 * No more of the message at the front can be read, because no member takes it yet and the budget is
 * spent: a longer one has to be refused.
 */
bool session_starved(const struct session *s);
/* Our own answers. */
void session_fail(struct session *s, const char *code, const char *fmt, ...) PRINTF(3, 4);
/* An error no server goes on after: FAILURE, then close. */
void session_refuse(struct session *s, const char *code, const char *fmt, ...) PRINTF(3, 4);

/* Nothing more is taken from the client; closes when it has what was answered. */
void session_leave(struct session *s);
/* There is no more time: who waits, or has asked a member something, is told so. */
void session_give_up(struct session *s);

/* Goes on with what is in `in`, as far as the state allows. */
void session_run(struct session *s);
/* Forwards the rest of, and the first message of a transaction to a link that is there now. */
void session_bound(struct session *s);
/* RESET came while its message or transaction waits: answers what comes before it. */
bool session_find_reset(struct session *s);

/* From the link: */
void session_link_ready(struct session *s, const struct bolt_summary *hello);
void session_link_refused(struct session *s, const struct bolt_summary *why);
void session_link_failed(struct session *s);
/* The transaction is no more: what was asked is answered with this failure. Does not run on. */
void session_end_transaction(struct session *s, const char *code, const char *why);
/* split: half of an answer is with the client already. */
void session_link_lost(struct session *s, bool split, const char *why);
/* Relays the bytes in s->link->in; -1 when the member broke the protocol. */
MUST_CHECK int session_relay(struct session *s);

/* Versions 1 and 2. */
static inline bool session_early(const struct session *s)
{
	return s->version.major < 3;
}

#endif
