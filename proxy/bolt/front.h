/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_FRONT_H
#define PROXY_BOLT_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "err.h"

/*
 * The Bolt front as the rest of the proxy sees it: one port for drivers of Neo4j, `bolt://` and
 * `neo4j://`, in front of an HA cluster. Its data is in bolt.h. Does nothing when proxy.conf has no
 * bolt section.
 */
struct front;
struct http_head;
struct in6_addr;
struct member;
struct meter;
struct proxy;
struct slice;

struct bolt_counters {
	uint64_t sessions, refused_logins, bad_messages, routing_calls;
	uint64_t reads, writes; /* transactions that were given to a member */
	uint64_t tunnels;       /* connections that were, as a whole: tunnel.h */
	uint64_t held;          /* those that had to wait for one */
	uint64_t failed_over;   /* begun ones that got a transient failure */
	uint64_t unknown;       /* connections closed because a commit's outcome is unknown */
	uint64_t bytes_in, bytes_out;
	size_t sessions_max;
};

struct bolt_member_counters {
	uint64_t transactions, links, errors;
	size_t busy_max;
	size_t tunnels, tunnels_max; /* connections as a whole, now and the most: tunnel.h */
	uint64_t tunnels_total;
	uint64_t bytes_in, bytes_out; /* theirs: to the member and from it */
};

MUST_CHECK int bolt_start(struct proxy *p, struct err *e);
void bolt_stop(struct proxy *p);
/*
 * Stops accepting; sessions without a transaction are closed once they have their answers. A login
 * or a transaction that waits for a member goes on waiting, and is carried out when one comes.
 */
void bolt_drain(struct proxy *p);
/* Tells those that are still there, at the end. */
void bolt_give_up(struct proxy *p);
/* The listening socket (or that of bolt { read_listen }), or -1; and closing both while sessions
 * stay. */
int bolt_listener(const struct proxy *p, bool read);
/* While the proxy is hearing, its doors stay closed. */
void bolt_accept(struct proxy *p);
void bolt_stop_accepting(struct proxy *p);
/* Did all clients leave, with all that was for them? */
bool bolt_drained(const struct proxy *p);
/*
 * The HTTP port serves Bolt too. Is it Bolt that begins on this connection, of which nothing was
 * read yet? Does this request ask for a WebSocket, as the Neo4j Browser does to speak Bolt in it?
 * Then the connection is given away: fd is ours in any case, from is the client's own address, rest
 * what came behind the head.
 */
bool bolt_spoken(const struct proxy *p, int fd);
void bolt_serve(struct proxy *p, int fd);
bool bolt_asked(const struct proxy *p, const struct http_head *h);
void bolt_serve_websocket(struct proxy *p, int fd, const struct in6_addr *from,
	const struct http_head *h, const struct slice *rest);

/* Something changed that waiting sessions may have waited for. */
void bolt_kick(struct proxy *p);
/* The member's transactions end, or only those that may write. */
void bolt_cut(const struct member *m, bool writes_only, const char *why);

/* Its slot is to be empty. */
void bolt_forget(const struct member *m);

/* Sessions there are now; of those, in a transaction, or a member's as a whole, and waiting for
 * that. Any may be NULL. */
size_t bolt_sessions(const struct proxy *p, size_t *bound, size_t *waiting);
/* When the certificate ends; 0: no TLS. */
int64_t bolt_tls_ends(const struct proxy *p);

/* NULL when Bolt is not served. */
const struct bolt_counters *bolt_counters(const struct proxy *p);
/* busy: transactions, and connections as a whole, it has now. */
const struct bolt_member_counters *bolt_member_counters(const struct member *m, size_t *busy);
/* Those it was given. */
static inline uint64_t bolt_member_total(const struct bolt_member_counters *c)
{
	return c->transactions + c->tunnels_total;
}
static inline uint64_t bolt_total(const struct bolt_counters *c)
{
	return c->reads + c->writes + c->tunnels;
}
/* Only where Bolt is served. */
const struct meter *bolt_meter(const struct proxy *p);
const struct meter *bolt_member_meter(const struct member *m);

#endif
