/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_MEMBER_H
#define PROXY_MEMBER_H

#include "proxy.h"

/*
 * One probe per member tells liveness and role together. An answer counts at once. A refused
 * connection is death at once; silence is death after FAILS_UNTIL_DEAD probes of PROBE_TIMEOUT_MS.
 * A probe that this machine could not send (net_own_fault) counts as none.
 * From the first failure until the next answer a member gets no new requests.
 *
 * Who has not answered for CHALLENGE_MS, or failed to, is in doubt. While the master is, all
 * members are asked every FAST_PROBE_MS: one of them may be the next.
 */
#define PROBE_TIMEOUT_MS 1000
#define FAILS_UNTIL_DEAD 3
#define FAST_PROBE_MS 100
/* Without a master, probes stay fast for this long. */
#define FAST_FOR_MS 60000

MUST_CHECK int members_start(struct proxy *p, struct err *e);
void members_stop(struct proxy *p);

/* What fills a slot (membership.c says when): conf is m's from then on. */
MUST_CHECK int member_start(struct member *m, const struct member_conf *conf, struct err *e);
/* It is elsewhere now; HTTP requests that are under way there may end there. conf is m's from then
 * on. */
void member_move(struct member *m, const struct member_conf *conf);
/* Nothing goes there any more, what is under way is cut, it is not asked again. */
void member_end(struct member *m, const char *why);
/* Empties its slot. */
void member_clear(struct member *m);

/* All members but those that are gone: the one after m, NULL for the first, NULL at the end. */
struct member *members_next(const struct proxy *p, const struct member *m);
size_t members_count(const struct proxy *p);
/* Has each of them answered, or failed to, since the start? */
bool members_heard(const struct proxy *p);

/* May it get new requests now? (Not: has it room.) */
bool member_usable(const struct member *m);
/* May it get what belongs to what it has begun, an open transaction? */
bool member_reachable(const struct member *m);
/* Has it room for one more, and is there, or can there be, a connection for it? */
bool member_has_room(const struct member *m);
/* How much of its reads it gets, in per cent: less than 100 for a while after it came back. */
unsigned member_throttle(const struct member *m);
/* Its share of the reads now, for comparing. */
unsigned member_pull(const struct member *m);
/* Has it room for a read? A master is never kept from writes for having come back. */
bool member_has_read_room(const struct member *m);
/* The member that takes writes and can be reached now, or NULL. */
struct member *members_master(struct proxy *p);
/* The member with that server id, or NULL. */
struct member *member_by_id(struct proxy *p, unsigned id);
/* Why there is none, for people. */
const char *members_why_no_master(const struct proxy *p);
struct member *members_find(struct proxy *p, const char *name);

/* "ready", "drain" or "maint", HAProxy's words. */
const char *member_admin_name(enum member_admin admin);
MUST_CHECK int member_admin_parse(const char *name, enum member_admin *admin);
/* by: who wants it, for the log. */
void member_set_admin(struct member *m, enum member_admin admin, const char *by);
void member_set_weight(struct member *m, unsigned weight, const char *by);
/* What it says of its mastership now, its agent's word included, goes to the election. */
void member_claim(struct member *m);
/* A request broke on its way: is the member still what it was? */
void member_look(struct member *m);
/*
 * A request met a failure: no new requests until a probe is answered. It is sent at once, but for
 * suspicions in a row, and on a new connection: a kept one may outlive the port.
 */
void member_suspect(struct member *m);
/*
 * No connection for a request could be made: it is suspected. But not for want of something of
 * this machine's (net_own_fault): then no member is tried for CONNECT_AGAIN_MS, kept connections
 * serve. Told of in the log when it is news.
 */
#define CONNECT_AGAIN_MS 500
void member_connect_failed(struct member *m, int error);
/* One was made. */
void member_connected(struct member *m);

#endif
