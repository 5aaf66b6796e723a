/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_API_H
#define BRAMBLE_API_H

#include "hello.h"
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
 *	/cluster		JSON: all nodes as this one sees them
 */
struct api_node {
	const struct member *member;
	bool present;
	int64_t heard_ms; /* ago; 0 for this node, -1: never */
	enum node_state state;
	enum neo4j_role role;
	uint64_t last_tx; /* TX_UNKNOWN: null in JSON */
	uint64_t generation;
	uint32_t uptime_s; /* of the agent */
	const char *why;
};

struct api_view {
	const struct identity *id;
	struct api_node nodes[MEMBERS_MAX]; /* in the order of id->members */
};

/* Pure: answers one request out of the view. */
void api_answer(const struct api_view *v, const struct http_head *h, struct http_answer *a);

/* One line for people: "serving as slave", "waits for pi2: not heard since boot". */
void api_status_line(const struct api_node *n, char *to, size_t size);

#endif
