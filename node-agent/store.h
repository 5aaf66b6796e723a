/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_STORE_H
#define BRAMBLE_STORE_H

#include <sys/types.h>
#include "marker.h"

/*
 * The store below p3's mount point dir: DIR/neo4j/data/databases (3.x) or DIR/neo4j/data/graph.db
 * (2.x). The agent, which hears the network, has no right to touch it; it leaves its order in the
 * marker, and neo4j.service carries it out, as Neo4j's own user, before Neo4j starts.
 */

/*
 * DISCARD removes the store. ASIDE renames it to its name and "-aside-N", N being m->aside, and
 * removes an older one put aside. Any other state: nothing. Power may fail at any point: doing it
 * again ends in the same, for after the rename only a store begun since is found, and removed.
 */
MUST_CHECK int store_prepare(const char *dir, const struct marker *m, struct err *e);

/*
 * On a data node of an HA cluster of Neo4j 3.5, an empty DIR/neo4j/data/databases/branched. HA has
 * its folder of that name in the store, 3.5.0 and 3.5.1 list this one and fail when it is not
 * there: so does dbms.queryJmx, and :sysinfo of the Neo4j Browser stays empty (neo4j/neo4j issue
 * 12121). Call it after store_prepare. What fails is logged, for Neo4j runs without, too.
 */
void store_mend(const char *dir, const struct identity *id);

/* Begins to sync the whole filesystem of dir in a child, whose exit says how it went; -1: errno. */
pid_t store_sync(const char *dir);

#endif
