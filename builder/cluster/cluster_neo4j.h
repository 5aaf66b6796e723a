/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CLUSTER_NEO4J_H
#define BRAMBLE_CLUSTER_NEO4J_H

#include "cluster.h"
#include "config.h"

/* What cluster.conf says of Neo4j besides its archive, for cluster.c. */
MUST_CHECK int cluster_neo4j_read(struct cluster *c, cfg_t *sec, struct err *e);
/* The same of one node, once its roles are read. */
MUST_CHECK int cluster_neo4j_read_node(struct node *n, cfg_t *sec, struct err *e);
void cluster_neo4j_free(struct cluster *c);

#endif
