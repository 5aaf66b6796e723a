/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NEO4J_LINES_H
#define BRAMBLE_NEO4J_LINES_H

#include <stdbool.h>

/*
 * Lines of Neo4j's configuration whose value the agent sets for each start (node-agent/hosts.h):
 * what is in them is not what the owner wrote.
 */
/* A line of its own where it is false (node-agent/hosts.h). */
#define NEO4J_ALLOW_INIT "ha.allow_init_cluster="
#define NEO4J_INITIAL_HOSTS "ha.initial_hosts="

/* This node's own address, by families (neo4j_profile.c): the key with its "=", and what follows
 * the address; up to one without a key. */
struct neo4j_own_key {
	const char *key, *port;
};
extern const struct neo4j_own_key neo4j_own_keys[];

/* Do two such texts differ in other lines? */
bool neo4j_lines_differ(const char *a, const char *b);

#endif
