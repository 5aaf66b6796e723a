/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NEO4J_UPGRADE_H
#define BRAMBLE_NEO4J_UPGRADE_H

#include <stdbool.h>
#include "buf.h"

/*
 * How a store an older Neo4j wrote becomes a newer one's. In HA no Neo4j upgrades its store,
 * whatever its configuration says (HighlyAvailableEditionModule; tried with 3.5 on a store
 * of 2.3.1): each node has to run alone once, in mode SINGLE (Operations Manual 3.5, "HA cluster:
 * upgrade"). From 5 on a store of 5 is upgraded without being told. A patch release of 2.2 and 2.3
 * reads the store as it is; but members of different ones were never seen together, and the run
 * alone is made for neo4j.conf, which 2.x has not: in HA there is no way from one to the other.
 */

/*
 * Can `to`, with that profile (neo4j_profile.h; NULL: where all begin with it anew), take over a
 * store of `from` (NULL: nobody knows)?
 * *alone: after a run under what neo4j_upgrade_render makes; else at any start. EXIT_INPUT: no way.
 */
MUST_CHECK int neo4j_upgrade_find(
	const char *from, const char *to, const char *profile, bool *alone, struct err *e);

/* Can `bramble upgrade`, which is made of that run? EXIT_INPUT: not, and what can. */
MUST_CHECK int neo4j_upgrade_live(
	const char *from, const char *to, const char *profile, struct err *e);

/*
 * neo4j.conf for that run: conf itself, but alone, heard by nobody outside the machine, and allowed
 * to upgrade, by the name the setting has in that version.
 */
void neo4j_upgrade_render(const char *to, const char *conf, struct buf *out);

#endif
