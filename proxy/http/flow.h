/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_FLOW_H
#define PROXY_FLOW_H

#include "proxy.h"

/*
 * The bytes of a running exchange, both ways at once: client -> in -> to_member -> member and
 * member -> from_member -> out -> client. Each buffer is bounded; a socket is read only while
 * there is room behind it, so the slower side sets the pace.
 */
enum flow {
	FLOW_GOING,
	FLOW_DONE,        /* the answer is complete, all of it at least in c->out */
	FLOW_BROKEN,      /* the member closed or reset the connection */
	FLOW_BAD_ANSWER,  /* it broke the rules of HTTP */
	FLOW_BAD_REQUEST, /* the client did, in its body */
	FLOW_CLIENT_GONE,
};

/* readable: what epoll said of the two sockets. why is set for BROKEN and BAD_ANSWER. */
enum flow flow_run(struct client *c, bool client_readable, bool member_readable, const char **why);
/* Asks both sockets for what there is room for, sets the deadline for the next progress, and keeps
 * the client's pace. */
void flow_watch(struct client *c);
/* The client has client_ms from now to take a byte of its `out`. */
void flow_await_taking(struct client *c);
/*
 * Its deadline passed: has it taken any since that was set? No event tells (flow.c). Then it has
 * client_ms again; so who takes nothing at all goes after twice that at the latest.
 */
bool flow_takes(struct client *c);
/* Does it send its body, or take its answer, more slowly than anybody may (pace.h)? */
bool flow_too_slow(struct client *c);
/* Is it the client that the exchange waits for? */
bool flow_waits_for_client(const struct client *c);

#endif
