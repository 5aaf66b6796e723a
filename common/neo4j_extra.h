/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NEO4J_EXTRA_H
#define BRAMBLE_NEO4J_EXTRA_H

#include "neo4j_profile.h"

/*
 * Settings of the user's own: "KEY=VALUE", as neo4j_settings of cluster.conf has them. They reach
 * Neo4j as they are written and take the place of what bramble would have set. A key may hold what
 * Neo4j's keys are made of, a value is one line; settings that bramble itself lives by (who the
 * members are, where they listen, how the role is asked for) are refused with the reason.
 */
struct neo4j_extra {
	char *key, *value;
};

struct neo4j_extras {
	struct neo4j_extra *list;
	size_t n;
};

#define NEO4J_EXTRA_MAX 4096 /* bytes of one setting */

/* Adds a setting to the list; one that is there already is an error unless it may repeat. */
MUST_CHECK int neo4j_extras_add(struct neo4j_extras *x, const char *text, struct err *e);
void neo4j_extras_free(struct neo4j_extras *x);
#define _cleanup_extras_ _cleanup_(neo4j_extras_free)

/* The setting of that key, or NULL; always NULL for one that may repeat, as it replaces none. */
const struct neo4j_extra *neo4j_extras_find(const struct neo4j_extras *x, const char *key);

/* -1, EXIT_CONFIG, when one is bramble's to set: the error says whose and what to do. */
MUST_CHECK int neo4j_extras_check(const struct neo4j_extras *x, struct err *e);

/* Why Neo4j of this version will not know the key, as far as is known; NULL: nothing is. */
const char *neo4j_extra_doubt(const struct neo4j_profile *p, const char *key);

#endif
