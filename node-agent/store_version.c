/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include "neo4j_upgrade.h"
#include "store_version.h"

/* What is known of one of theirs counts only by the end of its profile's name. */
static bool opens_as_it_is(const char *from, const struct identity *id)
{
	const char *profile = id->mode == NEO4J_CAUSAL ? "-causal" : "";
	bool alone;
	struct err ignored;

	return neo4j_upgrade_find(from, id->neo4j, profile, &alone, &ignored) == 0 && !alone;
}

static bool is_newer(const char *store, const char *ours)
{
	unsigned a, b;

	return neo4j_version_parse(store, &a) == 0 && neo4j_version_parse(ours, &b) == 0 && a > b;
}

bool store_version_fits(const struct marker *m, const struct identity *id, char why[WHY_SIZE])
{
	bool stays = m->state == MARKER_USED || m->state == MARKER_SERVED;

	why[0] = '\0';
	if (!(identity_self(id)->roles & ROLE_VOTER) || !stays || !m->neo4j[0] ||
		strcmp(m->neo4j, id->neo4j) == 0)
		return true;
	if (is_newer(m->neo4j, id->neo4j))
		snprintf(why, WHY_SIZE,
			"its store is of Neo4j %.20s, which this card's %.20s cannot open",
			m->neo4j, id->neo4j);
	else if (!opens_as_it_is(m->neo4j, id))
		snprintf(why, WHY_SIZE,
			"its store is of Neo4j %.20s, this card has %.20s: waits for "
			"`bramble upgrade`",
			m->neo4j, id->neo4j);
	return !why[0];
}
