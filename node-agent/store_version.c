/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include "neo4j_upgrade.h"
#include "store_version.h"

/* What is known of one of theirs counts only by the end of its profile's name. */
static bool opens_as_it_is(const char *from, const char *to, enum neo4j_mode mode)
{
	const char *profile = mode == NEO4J_CAUSAL ? "-causal" : "";
	bool alone;
	struct err ignored;

	return neo4j_upgrade_find(from, to, profile, &alone, &ignored) == 0 && !alone;
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
	else if (!opens_as_it_is(m->neo4j, id->neo4j, id->mode))
		snprintf(why, WHY_SIZE,
			"its store is of Neo4j %.20s, this card has %.20s: waits for "
			"`bramble upgrade`",
			m->neo4j, id->neo4j);
	return !why[0];
}

bool store_version_joins(const char *master, const struct identity *id, char why[WHY_SIZE])
{
	bool newer = neo4j_version_compare(master, id->neo4j) > 0;

	why[0] = '\0';
	if (id->mode != NEO4J_HA || !master[0] || strcmp(master, id->neo4j) == 0 ||
		opens_as_it_is(newer ? id->neo4j : master, newer ? master : id->neo4j, id->mode))
		return true;
	snprintf(why, WHY_SIZE, "the master runs Neo4j %.20s, this card has %.20s: %s", master,
		id->neo4j,
		newer ? "flash it with what the others have" : "waits for `bramble upgrade`");
	return false;
}
