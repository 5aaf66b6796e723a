/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_YIELD_H
#define BRAMBLE_YIELD_H

#include <stdbool.h>
#include <stdint.h>
#include "../drain.h"
#include "../hello.h"

/*
 * This node's Neo4j makes way for another member's, so that a person's choice becomes the master.
 * Pure.
 *
 * Neo4j HA cannot be told whom to elect. It takes the longest store, then whoever is master, then
 * the lowest server id (DefaultElectionCredentials in 2.3 and 3.5). So whoever would win against
 * the chosen one stops, in order, once the chosen one has all that it has, and comes back when the
 * chosen one is master. A master takes no more writes first. Whatever happens it comes back after
 * YIELD_REST_MS: nobody has to remember it.
 */
#define YIELD_CATCH_UP_MS 20000
#define YIELD_REST_MS 60000

enum yield_phase {
	YIELD_NONE,
	YIELD_WAITS, /* until `to` has everything; as master it takes no writes */
	YIELD_RESTS, /* its Neo4j is stopped, and stays so */
};

struct yield {
	enum yield_phase phase;
	const struct member *to;
	int64_t since_ms; /* of this phase */
	struct drain drain;
	bool stopped;       /* Neo4j has been seen at rest in this phase */
	char why[WHY_SIZE]; /* it ended before that; "" */
};

struct yield_look {
	int64_t now_ms;
	bool master;
	uint64_t last_tx; /* of this node; TX_UNKNOWN */
	int64_t told_ms;  /* when it was asked for */
	bool process;     /* Neo4j may run */
	bool to_present;
	enum neo4j_role to_role;
	uint64_t to_tx;
};

/* One that is under way begins anew. */
void yield_begin(struct yield *y, const struct member *to, int64_t now_ms);
/* To be called twice a second, and whenever the look changed. */
void yield_step(struct yield *y, const struct yield_look *look);

/* May a master be written to? */
static inline bool yield_is_closed(const struct yield *y)
{
	return y->phase != YIELD_NONE;
}
/* May nobody come in any more? */
static inline bool yield_is_shut(const struct yield *y)
{
	return y->phase != YIELD_NONE && drain_is_shut(&y->drain);
}
/* Must Neo4j rest? */
static inline bool yield_rests(const struct yield *y)
{
	return y->phase == YIELD_RESTS;
}

#endif
