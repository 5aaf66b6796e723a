/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a card's Neo4j may be started on the store that p3 has kept. */
// use: node-agent/store_version.c node-agent/identity.c
#include "node-agent/store_version.h"
#include "tap.h"
#include "util.h"

struct kept {
	const char *store, *card;
	enum marker_state state;
	enum neo4j_mode mode;
	unsigned roles;
	const char *why; /* NULL: it may */
};

#define D ROLE_DATA

static const struct kept cases[] = {
	{"3.5.0", "3.5.0", MARKER_SERVED, NEO4J_HA, D, NULL},
	{"", "3.5.0", MARKER_SERVED, NEO4J_HA, D, NULL},
	{"2.3.1", "3.5.0", MARKER_SERVED, NEO4J_HA, D, "waits for `bramble upgrade`"},
	{"3.4.1", "3.5.0", MARKER_USED, NEO4J_HA, D, "waits for `bramble upgrade`"},
	{"3.5.0-beta03", "3.5.0", MARKER_SERVED, NEO4J_HA, D, "waits for `bramble upgrade`"},
	{"3.5.0", "3.4.1", MARKER_SERVED, NEO4J_HA, D, "which this card's 3.4.1 cannot open"},
	{"5.26.0", "4.4.0", MARKER_SERVED, NEO4J_SINGLE, D, "cannot open"},
	/* A patch release of 2.x reads it, but members of two were never seen together. */
	{"2.3.0", "2.3.1", MARKER_SERVED, NEO4J_HA, D,
		"of Neo4j 2.3.0, this card has 2.3.1: flash it with the former again"},
	{"2.3.1", "2.3.0", MARKER_SERVED, NEO4J_HA, D, "flash it with the former again"},
	{"2.3.0", "2.3.1", MARKER_SERVED, NEO4J_SINGLE, D, NULL},
	{"5.1.0", "5.26.0", MARKER_SERVED, NEO4J_SINGLE, D, NULL},
	/* A store that does not stay, or is none. */
	{"2.3.1", "3.5.0", MARKER_VIRGIN, NEO4J_HA, D, NULL},
	{"2.3.1", "3.5.0", MARKER_DISCARD, NEO4J_HA, D, NULL},
	{"2.3.1", "3.5.0", MARKER_ASIDE, NEO4J_HA, D, NULL},
	{"2.3.1", "3.5.0", MARKER_RESTORE, NEO4J_HA, D, NULL},
	{"2.3.1", "3.5.0", MARKER_USED, NEO4J_HA, ROLE_ARBITER, "waits for `bramble upgrade`"},
	{"2.3.1", "3.5.0", MARKER_USED, NEO4J_HA, ROLE_PROXY, NULL},
};

/* A card beside a master of another Neo4j, whatever its store. */
static const struct {
	const char *master, *card;
	enum neo4j_mode mode;
	const char *why; /* NULL: it may join */
} joins[] = {
	{"3.5.0", "3.5.0", NEO4J_HA, NULL}, {"", "3.5.0", NEO4J_HA, NULL}, /* it does not tell */
	{"2.3.1", "3.5.0-beta03", NEO4J_HA,
		"this card has 3.5.0-beta03: waits for `bramble upgrade`"},
	{"3.4.10", "3.5.0", NEO4J_HA, "the master runs Neo4j 3.4.10"},
	{"3.5.0", "2.3.1", NEO4J_HA, "flash it with what the others have"},
	{"3.5.1", "3.5.0", NEO4J_HA, "flash it with what the others have"},
	{"2.3.1", "2.3.0", NEO4J_HA, "flash it with what the others have"},
	{"2.3.0", "2.3.1", NEO4J_HA, "flash it with what the others have"},
	{"5.1.0", "4.4.0", NEO4J_CAUSAL, NULL}, /* Raft is its own affair */
};

static void test_joins(void)
{
	static struct identity id;
	char why[WHY_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(joins); i++) {
		snprintf(id.neo4j, sizeof(id.neo4j), "%s", joins[i].card);
		id.mode = joins[i].mode;
		bool may = store_version_joins(joins[i].master, &id, why);
		ok(may == !joins[i].why && (may || strstr(why, joins[i].why)),
			"a master of \"%s\" and a card with %s: %s", joins[i].master, joins[i].card,
			may ? "it joins" : why);
	}
}

int main(void)
{
	static struct identity id;
	char why[WHY_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct kept *c = &cases[i];
		struct marker m = {.state = c->state};
		snprintf(m.neo4j, sizeof(m.neo4j), "%s", c->store);
		snprintf(id.neo4j, sizeof(id.neo4j), "%s", c->card);
		id.mode = c->mode;
		id.members[0].roles = c->roles;
		id.nmembers = 1;
		bool fits = store_version_fits(&m, &id, why);
		ok(fits == !c->why && (!c->why || strstr(why, c->why)),
			"a store of \"%s\" on a card with %s: %s", c->store, c->card,
			fits ? "goes on" : why);
	}
	test_joins();
	return done();
}
