/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NEO4J_WATCH_H
#define BRAMBLE_NEO4J_WATCH_H

#include "http_client.h"
#include "identity.h"

/*
 * What this node's Neo4j says of itself over HTTP: its role every second, and while it is master
 * or slave its last committed transaction every other second (in HA only: the others have no such
 * bean).
 */
#define NEO4J_PORT 7474

struct neo4j_watch {
	struct loop *loop;
	struct http_client *client;
	enum neo4j_role role;
	uint64_t last_tx; /* TX_UNKNOWN (hello.h) while not known */
	unsigned round;
	enum neo4j_mode mode;
	const char *probe; /* path */
	struct loop_timer poll;
	void (*changed)(void *arg); /* the role is another one */
	void *arg;
};

MUST_CHECK int neo4j_watch_open(struct neo4j_watch *w, struct loop *l, const struct identity *id,
	void (*changed)(void *arg), void *arg, struct err *e);
void neo4j_watch_close(struct neo4j_watch *w);

/* Pure: LastCommittedTxId from the bean's JSON, or TX_UNKNOWN. */
uint64_t neo4j_last_tx(struct slice body);

#endif
