/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FITNESS_H
#define BRAMBLE_FITNESS_H

#include "formation.h"
#include "health/card.h"
#include "peers.h"

/*
 * What p3's health (health.h) means among the members: fills health and order of *in, out of what
 * else is in it. p3: it is there, and this node's. pid: Neo4j's, or 0. A node that runs no Neo4j
 * has none to look at.
 */
void fitness_look(
	struct card *c, const struct peers *p, bool p3, int64_t pid, struct formation_input *in);

/* The other voters, as their hellos show them. */
struct health_others fitness_others(const struct peers *p);

#endif
