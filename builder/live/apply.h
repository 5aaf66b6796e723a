/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_LIVE_APPLY_H
#define BRAMBLE_LIVE_APPLY_H

#include "remote.h"
#include "stage/rendering.h"

#define NODE_CONF "/etc/bramble/node.conf"

/*
 * A changed cluster.conf is sent to the live cluster: rendered as for new cards, compared with what
 * each node has, signed, given to one voter, and watched until all run it. From then on the agents
 * need nobody (node-agent/apply/).
 */
struct apply {
	struct remote remote;
	struct state state; /* with the generation that would be sent */
	struct rendering r;
	struct buf sealed;  /* the list */
	size_t reached;     /* nodes that have answered */
	size_t changed;     /* those that would change */
	json_int_t running; /* the generation all are to run; 0: what their cards were built with */
	struct {
		bool reached, changes;
		json_int_t runs; /* which generation */
		bool unknown;    /* not reached, and nobody knows what it has */
		json_t *answer;  /* to "compare" */
	} nodes[CLUSTER_MAX_NODES];
	json_t *members; /* names, as the live cluster counts them */
};

MUST_CHECK int apply_open(struct apply *a, const char *conf, struct err *e);
void apply_close(struct apply *a);
#define _cleanup_apply_ _cleanup_(apply_close)

/*
 * Renders, asks every node what would change there, refuses what cannot. Only what is to be sent
 * has a certificate that is kept; without `sends` one that is missing is a sample.
 */
MUST_CHECK int apply_plan(struct apply *a, bool sends, struct err *e);
/* apply_absent.c: likewise of the nodes that could not be asked, as far as the others know. */
void apply_look_at_absent(struct apply *a);
/*
 * ... and what cannot change is refused here, too: one with another address in cluster.conf cannot
 * be reached for just that. The others would take its new address for true, and its own agent end a
 * Neo4j that runs by the old one.
 */
MUST_CHECK int apply_check_absent(const struct apply *a, struct err *e);

/* What the node has there, but for what only it knows; 1: it may be shown. */
MUST_CHECK int apply_get_text(const struct apply *a, const struct node *n, const char *path,
	struct buf *to, struct err *e);
/*
 * How many of the nodes that can be asked have a line for that one in their node.conf, which has
 * proxies, too, and whoever is expected.
 */
MUST_CHECK int apply_count_known(
	const struct apply *a, const char *name, size_t *known, struct err *e);
/* NULL: it is to have none. */
const struct rendered_file *apply_find_file(
	const struct apply *a, const struct node *n, const char *path);
/* Prints what would change on this node; with texts if `diff`. */
MUST_CHECK int apply_show(struct apply *a, const struct node *n, bool diff, struct err *e);

/* Sends it, and waits until all that were reached run it, or it was withdrawn (-1). */
MUST_CHECK int apply_send(struct apply *a, struct err *e);

/* Is that node a member, as the live cluster counts? */
bool apply_is_member(const struct apply *a, const char *name);

#endif
