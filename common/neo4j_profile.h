/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NEO4J_PROFILE_H
#define BRAMBLE_NEO4J_PROFILE_H

#include "buf.h"
#include "neo4j.h"

/*
 * Neo4j's configuration as data: which version in which mode has which files and keys, which Java
 * it runs on and how much memory it may take. One renderer for the builder and the agent. What it
 * renders is deterministic: members sorted by id, fixed key order, no dates.
 */
struct neo4j_profile {
	const char *name; /* of the family: "3.x-ha"; static */
	enum neo4j_mode mode;
	unsigned version;
};

struct neo4j_member {
	unsigned id; /* ha.server_id, 1.. */
	const char *address;
};

struct neo4j_extras; /* neo4j_extra.h */

/* Everything a configuration depends on. Strings belong to the caller. */
struct neo4j_settings {
	unsigned id;
	const char *address; /* this member's */
	struct neo4j_member
		*members; /* all of them, this one included; the renderer sorts a copy */
	size_t nmembers;
	size_t ndata;        /* of them with a store; the others are arbiters */
	bool arbiter;        /* this one */
	unsigned java_major; /* 8, 11, 17: decides the JVM flags */
	unsigned heap_mb, pagecache_mb;
	bool auth;            /* it wants a password */
	const char *data_dir; /* on p3: store and logs live below it */
	/* The user's own, the node's before the cluster's; NULL: none. */
	const struct neo4j_extras *node_extras, *cluster_extras;
};

/*
 * How that version runs in that mode with so many data nodes. On -1 the error says what cannot be
 * and what would: EXIT_INPUT for another archive, EXIT_CONFIG for another cluster.conf.
 */
MUST_CHECK int neo4j_profile_find(const char *version, bool community, enum neo4j_mode mode,
	size_t ndata, struct neo4j_profile *p, struct err *e);

/*
 * What a member that is an arbiter (a vote, and no store) is started by, relative to Neo4j's home:
 * the program of all the others, or in 2.x one of its own. NULL: there are no arbiters.
 */
const char *neo4j_profile_arbiter(const struct neo4j_profile *p);

/* Name of the i-th file (relative to Neo4j's home) or NULL past the last. */
const char *neo4j_profile_file(const struct neo4j_profile *p, size_t i);
void neo4j_render(
	const struct neo4j_profile *p, size_t i, const struct neo4j_settings *s, struct buf *out);

/*
 * Where below data_dir a Neo4j that starts for the first time looks for the user it begins with:
 * 2.x for all its users, 3.1 and later for what neo4j-admin set-initial-password writes.
 */
const char *neo4j_profile_auth_file(const struct neo4j_profile *p);

/* Can this version run on this Java? On -1 the error says which Java it needs. */
MUST_CHECK int neo4j_check_java(const struct neo4j_profile *p, unsigned java_major, struct err *e);

/* Heap and page cache on a board with that much memory; -1 when it is too little for the version.
 */
MUST_CHECK int neo4j_memory(const struct neo4j_profile *p, unsigned board_mb, unsigned *heap_mb,
	unsigned *pagecache_mb, struct err *e);

#endif
