/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SILENCE_H
#define BRAMBLE_SILENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "identity.h"

/*
 * Slaves a master of Neo4j HA is not to wait for. Its commits are pushed to the slaves in a fixed
 * order, to the next one only when the one before has failed (TransactionPropagator, 2.3 to 3.5):
 * with a slave that lost its power that takes until TCP gives up, 14 s without a write. The
 * master's own firewall refuses connections to one that is not heard (helper_rules.h); what Neo4j
 * has sent to it is refused as soon as TCP says it again: after 0.2, 0.6, 1.4, 3.0, 6.2 s.
 *
 * Not when too few others serve to make a majority of the data nodes with the master: a commit that
 * nobody else has would then be acknowledged at once. Pure.
 */
#define SILENCE_MS 2000 /* so that it is refused at 3.0 s; three hellos lost are no silence yet */

struct silence_peer {
	const struct member *member;
	int64_t heard_ms; /* when its agent was; never: when this one began */
	bool slave;       /* and then it was a slave that serves */
	bool silent;      /* out: it is not waited for */
};

/* All other data nodes; master: this node's Neo4j is. */
void silence_mark(struct silence_peer *peer, size_t n, bool master, int64_t now_ms);
/* Was this member marked? */
bool silence_is_marked(const struct silence_peer *peer, size_t n, const struct member *m);

#endif
