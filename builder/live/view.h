/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_VIEW_H
#define BRAMBLE_VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include "buf.h"

/*
 * A cluster as one of its agents sees it: what GET /cluster on port 7470 answers, bounded and
 * safe to print. Every text is printable ASCII, whatever a peer sent; a field the answer lacks
 * is "" or -1.
 */
#define AGENT_PORT 7470
#define VIEW_PATH "/cluster"
#define VIEW_MAX_NODES 127
#define VIEW_MAX_BODY (256u << 10)

struct view_node {
	char name[64];
	char roles[32]; /* "data,proxy" */
	char state[16]; /* "serving", "waiting"...: the agent's words */
	char neo4j[12]; /* "master", "slave", "unknown", "down" */
	char address[16];
	char why[160];    /* why it waits; "" when nothing holds it */
	bool present;     /* the agent that answered hears this node */
	int64_t last_tx;  /* Neo4j's last committed transaction */
	int64_t uptime_s; /* of the node's agent */
};

struct cluster_view {
	char cluster[64];
	char from[64];            /* the node that answered */
	char vip[16], vip_at[64]; /* the floating address and who has it; "": none, nobody */
	int64_t generation;
	size_t nnodes;
	struct view_node nodes[VIEW_MAX_NODES];
};

/* Reads an answer of n bytes. Unknown members are ignored: a newer agent may say more. */
MUST_CHECK int view_parse(const char *json, size_t n, struct cluster_view *v, struct err *e);

/* The row of a node, or NULL. */
const struct view_node *view_node(const struct cluster_view *v, const char *name);

/*
 * Formed: every data node serves, exactly one of them as master, the others as slaves. When not,
 * why gets a line that names the nodes in the way.
 */
bool view_formed(const struct cluster_view *v, struct buf *why);

/* The one data node that serves as master; NULL when there is none or more than one. */
const struct view_node *view_master(const struct cluster_view *v);

/* The JSON members of one row, as /cluster has them. For `rehearse status --json`. */
struct json_t;
struct json_t *view_node_json(const struct view_node *n);

/* Copies text, replacing what is not printable ASCII by '?'; always ends dst with a NUL. */
void view_text(char *dst, size_t size, const char *text);

#endif
