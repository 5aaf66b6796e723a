/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_MANIFEST_H
#define BRAMBLE_MANIFEST_H

#include <netinet/in.h>
#include "idset.h"

/*
 * What the cluster has agreed on: who its voters are (data nodes and arbiters), and whose Neo4j
 * may come up from nothing together. Each epoch's manifest is decided by the voters of the one
 * before (decree.h); a node has the newest one it heard of on p3.
 */
#ifndef MANIFEST_MAX
#define MANIFEST_MAX 127 /* server ids, as the proxy's transaction ids */
#endif
#define MANIFEST_NAME 64 /* a host name label and its NUL */

enum manifest_role {
	MANIFEST_DATA,
	MANIFEST_ARBITER, /* a vote in the agents and in Neo4j, no store */
};

struct manifest_member {
	uint8_t id; /* ha.server_id */
	uint8_t role;
	bool readmitted; /* it is not the card of the first manifest: older promises are lost */
	bool newcomer;   /* it had no vote among the voters before (manifest.was_majority) */
	struct in_addr address;
	/*
	 * A random number made with the node's file on p3. A card that lost p3 has another one: it
	 * has forgotten what it promised, so it has no vote until an epoch gives it back (Paxos
	 * holds only while acceptors remember). 0 in a decided manifest: no card of it counts, for
	 * it was given up for lost or never came; it is no voter.
	 */
	uint64_t incarnation;
	char name[MANIFEST_NAME];
};

struct manifest {
	uint64_t epoch; /* 1, 2, 3 ...; 0: nothing was ever decided */
	/*
	 * A run is one life of the Neo4j cluster, from a start out of nothing until its last
	 * member has stopped. Numbered by the epoch that decided its hosts.
	 */
	uint64_t run;
	struct idset hosts;  /* the run's ha.initial_hosts */
	uint64_t generation; /* of the configuration: the newest one decided; 0: the cards' own */
	uint64_t before;     /* the last one before it that a majority came up with */
	bool withdrawn;      /* it did not come up: whoever runs it goes back to what it had */
	/*
	 * The voters have changed: so many of those that were voters before and still are, of the
	 * data nodes among them, were followers of every master that was writable until then. 0: a
	 * majority of today's voters has followed one since ("joint consensus", Ongaro and
	 * Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014, section 6).
	 */
	unsigned was_majority, was_data_majority;
	unsigned n;
	struct manifest_member member[MANIFEST_MAX]; /* by ascending id */
};

/* The member with that id, or NULL. */
const struct manifest_member *manifest_member(const struct manifest *m, unsigned id);

#ifndef MANIFEST_MAJORITY /* tests/sim breaks it on purpose */
#define MANIFEST_MAJORITY(n) ((n) / 2 + 1)
#endif
#ifndef MANIFEST_FORGETS /* likewise */
#define MANIFEST_FORGETS 0
#endif

/* Which generation every node is to run at least; 0: whatever its card was built with. */
static inline uint64_t manifest_goal(const struct manifest *m)
{
	return m->withdrawn ? m->before : m->generation;
}

/* How many make a majority of all voters; of the data nodes. */
unsigned manifest_majority(const struct manifest *m);
unsigned manifest_data_majority(const struct manifest *m);

/* m follows on `before`, and other voters may be in it: notes what was a majority there. */
void manifest_note_change(struct manifest *m, const struct manifest *before);

/* Are the hosts fewer than the voters? */
bool manifest_shortened(const struct manifest *m);

/* Of everything in it, for comparisons and logs (FNV-1a; not against malice). */
uint64_t manifest_digest(const struct manifest *m);

#endif
