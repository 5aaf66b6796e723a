/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_REACH_H
#define PROXY_REACH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How far stores are, so that a client reads what it wrote: pure functions of samples of Neo4j's
 * LastCommittedTxId. A sample is of a time when it was true at the latest: the number was asked
 * for no earlier, so what was acknowledged before that time is in it.
 *
 * Whoever wrote by way of the master before a time t, needs the transaction of any sample of the
 * master of t or later; a member that has that one has what was written (transactions of an HA
 * cluster have one order). Neo4j counts a transaction a little before its data can be read: a
 * slave's own sample counts when it is REACH_SETTLED_MS old.
 */
#define REACH_SLOTS 32
#define REACH_GAP_MS 200 /* between samples that are kept */
#define REACH_SETTLED_MS 250

struct reach {
	struct {
		int64_t as_of_ms; /* 0: none */
		uint64_t tx;
	} slot[REACH_SLOTS]; /* a ring, both grow along it */
	unsigned newest;
};

/* Older than the newest kept one, or too soon after it: ignored. A smaller tx begins anew. */
void reach_note(struct reach *r, int64_t as_of_ms, uint64_t tx);
/* Of the master: what has all that was acknowledged before since_ms. False: not known yet. */
bool reach_needed(const struct reach *r, int64_t since_ms, uint64_t *tx);
/* Of any member: what it had by before_ms. False: not known. */
bool reach_had(const struct reach *r, int64_t before_ms, uint64_t *tx);
/* The latest. False: none. */
bool reach_latest(const struct reach *r, uint64_t *tx);

#endif
