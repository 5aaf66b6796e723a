/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_API_H
#define BRAMBLE_API_H

#include "hello.h"
#include "control/control.h"
#include "http_server.h"

/*
 * The read-only HTTP API on port 7470: what this node knows of itself and of the others. Status
 * codes are Patroni's: 200 yes, 503 no, so that any load balancer can ask. No secret is known
 * here.
 *
 *	/liveness		200: the agent's loop runs
 *	/health /readiness	200: this node does what it should: serves, or has nothing to serve
 *	/available		200: its Neo4j is master or slave
 *	/master /slave		200: its Neo4j is that
 *	/writable		200: it is master by the grant of a majority that follows it
 *	/cluster		JSON: all nodes as this one sees them
 *	/metrics		the same of this one, its p3 and its board, for Prometheus
 */
struct api_node {
	const struct member *member;
	struct in_addr address; /* where it is now; 0: not known */
	struct in_addr copy;    /* where another Pi claims to be it, and is refused; 0: nowhere */
	bool present;
	int64_t heard_ms; /* ago; 0 for this node, -1: never */
	enum node_state state;
	enum neo4j_role role;
	bool writable;
	uint64_t last_tx;  /* TX_UNKNOWN: null in JSON */
	int64_t tx_age_ms; /* of this node: so long ago Neo4j was asked for it */
	uint64_t generation;
	uint32_t uptime_s; /* of the agent */
	const char *why;
};

struct card;
struct peers;

struct api_view {
	const struct identity *id;
	uint64_t epoch, run;       /* of the manifest; 0: none yet, or no quorum decides here */
	bool lease;                /* may this node's Neo4j live? */
	const char *root;          /* of /sys, for /metrics */
	const char *refused;       /* what of bramble.txt was not taken over; NULL, "": all was */
	const struct card *card;   /* NULL: no p3 to look at */
	const struct peers *peers; /* NULL in tests */
	const struct control_counts *control; /* NULL: there is no control port */
	const struct member *vip_at;          /* who has the floating address; NULL: nobody */
	struct api_node nodes[MEMBERS_MAX];   /* in the order of id->members */
};

/* Answers one request out of the view; /metrics also reads /sys and /proc. */
void api_answer(const struct api_view *v, const struct http_head *h, struct http_answer *a);

/* One line for people: "serving as slave", "waits for pi2: not heard since boot". */
void api_status_line(const struct api_node *n, char *to, size_t size);

#endif
