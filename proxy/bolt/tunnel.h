/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_TUNNEL_H
#define PROXY_BOLT_TUNNEL_H

#include "bolt.h"

/*
 * bolt { mode = "port" }: a client's connection as a whole goes to one member, in whatever version
 * of Bolt they agree on. What came to `listen` goes to the master, or the leader; what came to
 * `read_listen` to any member. All bytes pass as they are but for the routing call, which is
 * answered here: writers are at the one port, readers at the other. So a driver finds its way
 * whatever the members themselves would say, and in HA, where they say nothing.
 *
 *	state       what happens                                   leaves on
 *	WAITING     no member yet; hold_ms at most                 a member: CONNECTING
 *	CONNECTING  to it                                          connected: SHAKING
 *	SHAKING     the client's handshake is with the member      its answer: OPEN
 *	OPEN        messages pass; the client's are looked at      the member left: CLOSING
 *	CLOSING     what it said still goes to the client
 *	GONE        closed; freed by the next sweep
 *
 * A member that dies, or loses the mastership, takes its tunnels along: drivers ask for the routing
 * table again then.
 */
enum tunnel_state {
	TUNNEL_WAITING,
	TUNNEL_CONNECTING,
	TUNNEL_SHAKING,
	TUNNEL_OPEN,
	TUNNEL_CLOSING,
	TUNNEL_GONE,
};

struct tunnel {
	struct loop_source client, member;
	struct loop_timer timer;
	struct front *front;
	struct list_node node; /* on front->tunnels or ->gone_tunnels */
	struct bolt_member *to;
	enum tunnel_state state;
	bool read;
	int64_t deadline_ms;     /* for a member to be found */
	int64_t heard_ms;        /* when either end said something last */
	char *own_address;       /* where the client came, when a bridge lies between; else NULL */
	struct in6_addr address; /* as a session's */
	struct sockaddr_storage *from; /* likewise */
	unsigned attempts;             /* times that a member was asked for */
	uint64_t bytes;                /* that members sent */
	struct tally tally;
	struct bolt_version version;

	struct inbox in;  /* from the client */
	struct stream up; /* to the member */
	struct stream down;
	enum fate fate; /* of the message at the front of in */

	struct chunks answers; /* from the member */
	struct buf summary;    /* the data of the one that is coming, unless it is a RECORD */
	unsigned asked;        /* messages that the member has not answered yet */
	bool failed;           /* it says IGNORED until a RESET */
	bool recovering;       /* which is on its way */
	bool begun;            /* the client has asked for more than to be let in */
	bool known;            /* the member has agreed to something that it said */
	bool in_tx;            /* begun by BEGIN */
	bool more;             /* the last answer was not the end of its result */
	bool parting;          /* the client said GOODBYE */
	bool local;            /* our own answer waits to be pulled */
	struct routing_table table;
};

/* Takes a session over that has its handshake in `in`, and leaves it closed. */
void tunnel_take(struct session *s);
/* Is it the client's turn, who has not been let in yet? Since tally.answered_ms. */
bool tunnel_owes_login(const struct tunnel *t);
/* The proxy itself wants to be rid of it. */
void tunnel_refuse(struct tunnel *t);
/* Finds members for those that wait. */
void tunnels_place(struct front *f);
/* The member's tunnels end, or only those that may write. */
void tunnels_cut(struct front *f, const struct bolt_member *m, bool writes_only, const char *why);
/*
 * Those that have had a transaction and are in none end now; the others when they are. A driver
 * takes that well of a connection that it has used, not of one that it is only opening: one that
 * asks nothing has as long as a kept connection of HTTP. So this is to be called again and again.
 */
void tunnels_drain(struct front *f);
void tunnels_stop(struct front *f);
void tunnels_sweep(struct front *f);

#endif
