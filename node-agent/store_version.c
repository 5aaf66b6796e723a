/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include "neo4j_upgrade.h"
#include "store_version.h"

enum fit {
	FIT_OPENS,    /* as it is */
	FIT_UPGRADES, /* by `bramble upgrade` */
	FIT_NEVER,
};

/* What is known of one of theirs counts only by the end of its profile's name. */
static enum fit fit(const char *from, const char *to, enum neo4j_mode mode)
{
	static const char *const profiles[] = {
		[NEO4J_SINGLE] = "-single", [NEO4J_HA] = "-ha", [NEO4J_CAUSAL] = "-causal"};
	bool alone;
	struct err ignored;

	if (neo4j_upgrade_find(from, to, profiles[mode], &alone, &ignored) < 0)
		return FIT_NEVER;
	return alone ? FIT_UPGRADES : FIT_OPENS;
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
	enum fit how = fit(m->neo4j, id->neo4j, id->mode);
	if (is_newer(m->neo4j, id->neo4j))
		snprintf(why, WHY_SIZE,
			"its store is of Neo4j %.20s, which this card's %.20s cannot open",
			m->neo4j, id->neo4j);
	else if (how != FIT_OPENS)
		snprintf(why, WHY_SIZE, "its store is of Neo4j %.20s, this card has %.20s: %s",
			m->neo4j, id->neo4j,
			how == FIT_UPGRADES ? "waits for `bramble upgrade`"
					    : "flash it with the former again");
	return !why[0];
}

bool store_version_joins(const char *master, const struct identity *id, char why[WHY_SIZE])
{
	bool newer = neo4j_version_compare(master, id->neo4j) > 0;
	enum fit how = newer ? fit(id->neo4j, master, id->mode) : fit(master, id->neo4j, id->mode);

	why[0] = '\0';
	if (id->mode != NEO4J_HA || !master[0] || strcmp(master, id->neo4j) == 0 ||
		how == FIT_OPENS)
		return true;
	snprintf(why, WHY_SIZE, "the master runs Neo4j %.20s, this card has %.20s: %s", master,
		id->neo4j,
		newer || how == FIT_NEVER ? "flash it with what the others have"
					  : "waits for `bramble upgrade`");
	return false;
}
