/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TIMEKEEPER_H
#define BRAMBLE_TIMEKEEPER_H

#include "clock.h"
#include "../helper/helper_client.h"
#include "../peers.h"

/*
 * Looks at this machine's clock and the peers', has clock.h decide, and has the helper set the
 * clock. A machine whose clock is not this node's (a container, or an agent run with a root of its
 * own in a test) is only looked at.
 */
struct timekeeper {
	struct clock clock;
	struct clock_look look;
	struct clock_verdict now;
	struct helper_client helper;
	bool sets;              /* the order that is out is no slew */
	char refused[WHY_SIZE]; /* why an order could not be carried out */
};

/* helper, its socket, and the loop must outlive t. */
void timekeeper_open(struct timekeeper *t, struct loop *l, const char *root,
	const struct identity *id, const char *helper);
void timekeeper_close(struct timekeeper *t);

/* resting: no process of Neo4j exists here. The result is in t->now. */
void timekeeper_step(struct timekeeper *t, const struct peers *peers, bool resting);

/* What this node tells its peers of its clock. */
enum clock_trust timekeeper_trust(const struct timekeeper *t);

#endif
