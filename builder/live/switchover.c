/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Neo4j HA takes the longest store, then the lowest server id: who would be elected before the
 * chosen one makes way first, the master last. See node-agent/control/yield.h.
 */
#include <getopt.h>
#include <string.h>
#include "cmd.h"
#include "remote.h"

#define LOOK_AGAIN_MS 500
#define PATIENCE 360 /* times */

struct look {
	const struct remote *remote;
	const struct node *chosen, *master;
	struct remote_status status[CLUSTER_MAX_NODES]; /* of data nodes */
};

/* -1: the cluster is not whole; e names the first node in the way. */
static int look_around(struct look *k, struct err *e)
{
	const struct cluster *c = k->remote->cluster;

	k->master = NULL;
	for (size_t i = 0; i < c->nnodes; i++) {
		const struct node *n = &c->nodes[i];
		struct remote_status *s = &k->status[i];
		if (!(n->roles & ROLE_DATA))
			continue;
		if (remote_status(k->remote, n, s, e) < 0)
			return -1;
		if (strcmp(s->state, "serving") != 0)
			return err_set(e, "%s is %s%s%s", n->name, s->state, s->why[0] ? ": " : "",
				s->why);
		if (s->writable)
			k->master = n;
	}
	return k->master ? 0 : err_set(e, "nobody is master by the grant of a majority");
}

static int make_way(const struct look *k, const struct node *n, struct err *e)
{
	struct remote_teller teller = {.node = n->name};
	struct remote_listener listener = {.progress = remote_tell, .arg = &teller};
	json_t *request = json_pack("{s:s, s:s}", "verb", "yield", "to", k->chosen->name);

	if (remote_ask(k->remote, n, request, &listener, NULL, NULL, e) < 0)
		return err_prefix(e, "%s stays master", k->master->name);
	printf("%s: makes way\n", n->name);
	fflush(stdout);
	return 0;
}

static int make_all_way(const struct look *k, struct err *e)
{
	const struct cluster *c = k->remote->cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		const struct node *n = &c->nodes[i];
		if (n->roles & ROLE_DATA && n != k->master && n->id < k->chosen->id &&
			make_way(k, n, e) < 0)
			return -1;
	}
	return make_way(k, k->master, e);
}

/* Whole again, with a master: is it the chosen one? */
static int wait_for_whole(struct look *k, struct err *e)
{
	for (int i = 0; i < PATIENCE; i++) {
		if (remote_pause(LOOK_AGAIN_MS, e) < 0)
			return -1;
		if (look_around(k, e) == 0)
			return 0;
	}
	return err_prefix(e, "the cluster is not whole again");
}

static int hand_over(struct look *k, struct err *e)
{
	if (look_around(k, e) < 0)
		return err_prefix(e, "a mastership is handed over in a whole cluster only");
	if (k->master == k->chosen) {
		printf("%s: is master already\n", k->chosen->name);
		return 0;
	}
	const struct node *before = k->master;
	if (make_all_way(k, e) < 0 || wait_for_whole(k, e) < 0)
		return -1;
	if (k->master != k->chosen)
		return err_set(
			e, "%s was elected, not %s; try again", k->master->name, k->chosen->name);
	printf("%s: is master in place of %s\n", k->chosen->name, before->name);
	return 0;
}

static int run(int argc, char **argv, struct err *e)
{
	int end = command_next(&switchover_command, argc, argv, e);

	if (end != COMMAND_END)
		return command_result(end);
	_cleanup_remote_ struct remote r = {0};
	if (remote_open(&r, argv[optind], e) < 0)
		return -1;
	_cleanup_free_ struct look *k = xcalloc(1, sizeof(*k));
	k->remote = &r;
	k->chosen = cluster_node(r.cluster, argv[optind + 1]);
	if (!k->chosen || !(k->chosen->roles & ROLE_DATA))
		return err_code(e, EXIT_USAGE, "%s: no data node \"%s\"", r.cluster->path,
			argv[optind + 1]);
	return hand_over(k, e);
}

const struct command switchover_command = {
	.name = "switchover",
	.operands = "CONF NODE",
	.min = 2,
	.max = 2,
	.summary = "make another node the master",
	.about = "Hands the mastership over to NODE. The master takes no more writes until NODE "
		 "has\n"
		 "all it has, and then stops its Neo4j, after those that would be elected before\n"
		 "NODE; each comes back below the new master. Writes wait or fail meanwhile; none\n"
		 "that was acknowledged is lost.",
	.run = run,
};
