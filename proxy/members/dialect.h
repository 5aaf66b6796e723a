/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_DIALECT_H
#define PROXY_DIALECT_H

#include "neo4j.h"

/*
 * How a member is asked for its role, and what its answers mean: a pure function. "auto" begins
 * with GET /, whose neo4j_version (4.0 and later) or lack of it says where to begin; a member
 * that does not know the question is asked the next one.
 *
 *	ask      GET /                                            which version?
 *	ha       .../ha/available                                 1.9 to 3.5: master, slave, UNKNOWN
 *	causal   .../causalclustering/writable                    3.4, 3.5: true, false
 *	core     .../core/writable                                3.1 to 3.3
 *	replica  .../read-replica/available                       3.1 to 3.3, not a core
 *	neo4j4   /db/neo4j/cluster/writable                       4.x, of the database neo4j
 *	neo4j5   the same                                         5.x and later
 *	single   GET /                                            one Neo4j of any version, its own
 *master
 */
enum dialect {
	DIALECT_ASK,
	DIALECT_HA,
	DIALECT_CAUSAL,
	DIALECT_CORE,
	DIALECT_REPLICA,
	DIALECT_NEO4J4,
	DIALECT_NEO4J5,
	DIALECT_SINGLE,
};

/* Of members { dialect = ... }: auto, ha, causal, neo4j4, neo4j5. -1 for anything else. */
MUST_CHECK int dialect_parse(const char *name, enum dialect *d);
const char *dialect_name(enum dialect d);
const char *dialect_target(enum dialect d);

struct dialect_heard {
	enum neo4j_role role;
	enum dialect next; /* what to ask from now on; another one: the role is not known yet */
};

/*
 * configured is where the configuration says to begin, alone whether there is no other member: only
 * then is a Neo4j without any cluster the master. status is not 0.
 */
struct dialect_heard dialect_hear(
	enum dialect d, enum dialect configured, bool alone, unsigned status, struct slice body);

/* Is it for want of a password that a member does not say? */
bool dialect_is_refused(unsigned status);

/* Does a slave pass writes on to its master? Where not, what may write goes to the master. */
bool dialect_slaves_write(enum dialect d);

#endif
