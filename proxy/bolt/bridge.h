/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_BRIDGE_H
#define PROXY_BOLT_BRIDGE_H

#include "bolt.h"
#include "http_head.h"

/*
 * What wraps a client's bytes (a WebSocket, TLS) is taken off by a bridge: one end is the client's
 * connection, the other a local socket, whose far end is served as a connection without it. So
 * neither the Bolt front nor the HTTP engine knows of it, and they stack: TLS around HTTP around
 * a WebSocket around Bolt.
 *
 * Each direction reads only while what it has to pass on is little; from the client, when the half
 * of the budget is used, only while the far end takes it at once.
 */
struct bridge;

struct bridge_ops {
	/* Reads from the client, adds the bare bytes to b->inward: > 0, 0 none now, -1 the end. */
	int (*recv)(struct bridge *b);
	/* Sends b->outward, wrapped; 0 or -1. */
	int (*send)(struct bridge *b);
	/* Has recv more for us though the socket has not? */
	bool (*pending)(const struct bridge *b);
	/* Is something of b->outward wrapped, but not sent? */
	bool (*unsent)(const struct bridge *b);
	void (*free)(struct bridge *b);
};

struct bridge {
	struct loop_source outer; /* first: the client's end */
	struct loop_source inner; /* ours */
	struct loop_timer timer;  /* from inner_ended on: while nothing is taken */
	size_t left;              /* for the client, when it was set */
	struct front *front;
	struct list_node node; /* on front->bridges or ->gone_bridges */
	const struct bridge_ops *ops;
	struct stream inward, outward;
	size_t held;      /* of the budget */
	bool inner_ended; /* no more will come for the client: close when all is sent */
	bool gone;
	void *wrap; /* ops' own */
};

/*
 * Puts a bridge on the client's fd; *far becomes the local end to be served. fd is the bridge's
 * from then on. NULL when there is no memory or descriptor: fd is still the caller's.
 */
MUST_CHECK struct bridge *bridge_new(
	struct front *f, int fd, const struct bridge_ops *ops, void *wrap, int *far);
void bridge_close(struct bridge *b);
/* Sends what there is and asks for what may come. */
void bridge_watch(struct bridge *b);
void bridges_sweep(struct front *f);

/*
 * The WebSocket that this request asked for, on the connection it came by; rest is what came
 * behind it. *far is where Bolt is spoken. -1: fd is still the caller's.
 */
MUST_CHECK int bridge_websocket(
	struct front *f, int fd, const struct http_head *h, struct slice rest, int *far);

#endif
