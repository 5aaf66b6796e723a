/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_EXCHANGE_H
#define PROXY_EXCHANGE_H

#include "proxy.h"

/*
 * One request and its answer. What was acknowledged is kept: a request that a member may have
 * acted upon is never sent twice, unless that provably does nothing: its method is safe, or it
 * rolls a transaction back, which only its own member is asked for. Otherwise the client gets one
 * 502 with "X-Bramble-Outcome: unknown" and must find out itself. That PUT and DELETE are
 * idempotent (RFC 9110 9.2.2) does not help: what others did in between would be undone.
 */

/* The request h at the beginning of c->in (in state HEAD): takes the head, finds it a member. */
void exchange_begin(struct client *c, const struct http_head *h);
/* Gives free places to those whose turn it is. Does nothing when called from within itself. */
void exchange_dispatch(struct proxy *p);
/*
 * Ends requests whose clients are too slow (flow_too_slow), where others wait for their places.
 * After all events of a turn: what lies in sockets has been read then.
 */
void exchange_make_room(struct proxy *p);
/* m is dead, and the transactions in it: those who wait for one are told. */
void exchange_lose_pinned(struct member *m);
/* Cuts what is under way to m, all of it or only what may write. */
void exchange_cut_all(struct member *m, bool writes_only, const char *why);
/* The client left: nobody wants the answer. Neo4j rolls back what it notices in time. */
void exchange_abandon(struct client *c);
/* The deadline of WAITING, CONNECTING or RUNNING passed. */
void exchange_expired(struct client *c);
/* This process ends: whoever has no answer yet gets one that says what became of his request. */
void exchange_give_up(struct client *c);

/* In RUNNING: events on the client's socket. */
void exchange_client_ready(struct client *c, uint32_t events);

#endif
