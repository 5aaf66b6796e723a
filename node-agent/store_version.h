/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_STORE_VERSION_H
#define BRAMBLE_STORE_VERSION_H

#include "marker.h"
#include "node_state.h"

/*
 * May this card's Neo4j be started on the store that p3 has kept? On one that another version wrote
 * it may not start, or may put it beyond the way back: a card that was given another Neo4j and kept
 * its p3 waits, held, until somebody has the store upgraded (`bramble upgrade`, or `flash
 * --allow-store-upgrade`), or gives it the Neo4j that goes with it, where there is no other way. A
 * store that is given up, put aside or replaced at the next start is nobody's concern. An arbiter
 * has none; but with another Neo4j than the cluster's it must not join either, and so it waits
 * likewise.
 *
 * Pure. False: not, and why.
 */
bool store_version_fits(const struct marker *m, const struct identity *id, char why[WHY_SIZE]);

/*
 * May this card's Neo4j join a master of Neo4j `master`? HA has no rolling upgrade: one of another
 * version seeks that cluster for ever (2.3.1 and 3.5 were tried), so a card that was flashed with
 * another one than the others have waits, too, whatever its store. Pure. False: not, and why.
 */
bool store_version_joins(const char *master, const struct identity *id, char why[WHY_SIZE]);

#endif
