/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_STALE_H
#define BRAMBLE_STALE_H

#include "identity.h"

/*
 * A slave whose Bolt holds on to a store that is closed. Neo4j 3.1 looks up for Bolt once, when it
 * starts, who numbers its transactions. A slave that then copies its master's store closes that one
 * and opens another, and until Neo4j starts again Bolt fails each COMMIT, though it has committed,
 * and each BEGIN with a bookmark ("MetaDataStore for file ... is closed", neo4j/neo4j issue 9378).
 * HTTP, and Bolt without these, answer as ever. 3.1.4 does; 3.2.7 looks each time, and so may a
 * later 3.1 (pull request 9451), which is then restarted for nothing.
 *
 * A slave has copied its store when that is younger than its process: of one that it made itself it
 * could be nobody's slave, but for the very first master, which is then restarted once for nothing.
 * A store from later than now is of a clock that has been put back since, and tells nothing. A
 * kernel before 4.11 does not tell when a file was made: then nothing is done.
 */
struct stale_look {
	long pid; /* of Neo4j; 0: none */
	bool slave;
	int64_t now_ms, started_ms, store_ms; /* Unix times; -1: not known */
};

/* Zeroed at start. */
struct stale {
	long pid; /* who has copied: also once it is master */
};

/* Is it a Neo4j with that flaw? */
bool stale_affects(const struct identity *id);

/* Pure. */
void stale_step(struct stale *s, const struct stale_look *look);
/* To be called now and then: looks below dir, where p3 is. */
void stale_watch(struct stale *s, const struct identity *id, const char *dir, long pid, bool slave);
/* For what the Neo4j of that pid wants a restart; "" when for nothing. */
const char *stale_wish(const struct stale *s, long pid);

/* What the kernel says: since when there is that store below dir (p3); -1: not known. */
int64_t stale_store_ms(const char *dir);

#endif
