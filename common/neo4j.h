/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NEO4J_H
#define BRAMBLE_NEO4J_H

#include "buf.h"
#include "http_head.h"

/*
 * Versions and modes of Neo4j, and how it tells its role. What goes into its configuration is in
 * neo4j_profile.h.
 */

enum neo4j_mode {
	NEO4J_HA,     /* 2.x and 3.x Enterprise */
	NEO4J_CAUSAL, /* 3.1 and later Enterprise; since 5.0 just called a cluster */
	NEO4J_SINGLE,
};

const char *neo4j_mode_name(enum neo4j_mode mode);
MUST_CHECK int neo4j_mode_parse(const char *name, enum neo4j_mode *mode);

/* 305 for "3.5.0-beta03", 202501 for "2025.01.0"; -1 for what is no version. */
#define NEO4J_VERSION(major, minor) ((major)*100u + (minor))
MUST_CHECK int neo4j_version_parse(const char *text, unsigned *version);

/*
 * Less than, equal to or greater than 0, as of two versions of Neo4j: numbers by value, and what is
 * not released yet ("3.5.0-beta03") in front of what is.
 */
int neo4j_version_compare(const char *a, const char *b);

/*
 * The role in the cluster. Of a causal cluster, the leader and a follower of the database neo4j; a
 * single Neo4j is its own master.
 */
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

/*
 * What to GET for the role, without credentials, and what the answer means. HA: .../ha/available
 * (1.9-3.5); causal: the core's or the database's "writable" (3.1, 3.4 and 4.0 named it anew).
 */
const char *neo4j_probe_path(enum neo4j_mode mode, unsigned version);
enum neo4j_role neo4j_role_of_probe(enum neo4j_mode mode, unsigned status, struct slice body);
/* "down", "unknown", "slave", "master". */
const char *neo4j_role_name(enum neo4j_role role);
/* The reverse; NEO4J_DOWN for anything else. */
enum neo4j_role neo4j_role_of_name(const char *name);

#endif
