/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NEO4J_H
#define BRAMBLE_NEO4J_H

#include "buf.h"
#include "http_head.h"

/*
 * What bramble knows about Neo4j, as data: one profile per family of versions (which files, which
 * keys, which ports, how to ask for the role), rendered by one renderer that the builder and the
 * agent share. Output is deterministic: members sorted by id, fixed key order, no dates.
 */

/* The role in the HA cluster as GET /db/manage/server/ha/available tells it (1.9-3.5). */
enum neo4j_role {
	NEO4J_DOWN,    /* no HTTP answer */
	NEO4J_UNKNOWN, /* answers, but neither master nor slave: joining or electing */
	NEO4J_SLAVE,
	NEO4J_MASTER,
};

#define NEO4J_HA_AVAILABLE "/db/manage/server/ha/available"
/* JMX bean with InstanceId, Role, LastCommittedTxId, InstancesInCluster (2.x, 3.x). */
#define NEO4J_HA_BEAN                             \
	"/db/manage/server/jmx/domain/org.neo4j/" \
	"instance%3Dkernel%230%2Cname%3DHigh%20Availability"

/*
 * How long a starting Neo4j tries to find its cluster before it ends by itself: the agents start
 * all of them together, but a Pi's JVM is slow; much longer would only prolong a wedged join.
 */
#define NEO4J_JOIN_TIMEOUT_S 120

enum neo4j_role neo4j_role_of_available(unsigned status, struct slice body);
/* "down", "unknown", "slave", "master". */
const char *neo4j_role_name(enum neo4j_role role);
/* The reverse; NEO4J_DOWN for anything else. */
enum neo4j_role neo4j_role_of_name(const char *name);

struct neo4j_member {
	unsigned id; /* ha.server_id, 1.. */
	const char *address;
};

/* Everything a configuration depends on. Strings belong to the caller. */
struct neo4j_settings {
	unsigned id;
	const char *address; /* this member's */
	struct neo4j_member
		*members; /* all of them, this one included; the renderer sorts a copy */
	size_t nmembers;
	unsigned java_major; /* 8, 11, 17: decides the JVM flags */
	unsigned heap_mb, pagecache_mb;
	const char *data_dir; /* on p3: store and logs live below it */
};

struct neo4j_profile;

/* The profile for a version such as "3.5.0-beta03"; NULL when there is none. */
const struct neo4j_profile *neo4j_profile_find(const char *version);
const char *neo4j_profile_name(const struct neo4j_profile *p);

/* Name of the i-th file (relative to Neo4j's home) or NULL past the last. */
const char *neo4j_profile_file(const struct neo4j_profile *p, size_t i);
void neo4j_render(
	const struct neo4j_profile *p, size_t i, const struct neo4j_settings *s, struct buf *out);

/* Can this version run on this Java? On -1 the error says which Java it needs. */
MUST_CHECK int neo4j_check_java(const struct neo4j_profile *p, unsigned java_major, struct err *e);

#endif
