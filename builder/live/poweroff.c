/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <string.h>
#include "cmd.h"
#include "remote.h"

#define LOOK_AGAIN_MS 500
#define PATIENCE 60 /* times */

/*
 * Who writes goes first and the master last: nobody is elected on the way. Arbiters go with the
 * slaves: with a slave that is away the master may need their votes until it has been drained.
 */
enum rank {
	RANK_OTHER,
	RANK_SLAVE,
	RANK_MASTER,
	RANKS,
	RANK_AWAY, /* not to be reached */
};

static enum rank rank_of(const struct node *n, const struct remote_status *s)
{
	if (!s->reached)
		return RANK_AWAY;
	if (strcmp(s->neo4j, "master") == 0)
		return RANK_MASTER;
	return n->roles & (ROLE_DATA | ROLE_ARBITER) ? RANK_SLAVE : RANK_OTHER;
}

/* Nodes that are off already are fine; none at all is not. */
static int rank_all(const struct remote *r, enum rank *ranks, struct err *e)
{
	size_t here = 0;

	for (size_t i = 0; i < r->cluster->nnodes; i++) {
		struct remote_status s;
		if (remote_status(r, &r->cluster->nodes[i], &s, e) < 0) {
			if (s.reached || check_interrupted(e) < 0)
				return -1;
			printf("%s\n", e->msg);
		}
		ranks[i] = rank_of(&r->cluster->nodes[i], &s);
		here += ranks[i] != RANK_AWAY;
	}
	return here ? 0 : err_set(e, "%s: none of its nodes can be told", r->cluster->path);
}

static int tell(const struct remote *r, const struct node *n, struct err *e)
{
	if (remote_ask(r, n, json_pack("{s:s}", "verb", "poweroff"), NULL, NULL, NULL, e) < 0)
		return -1;
	printf("%s: powers off\n", n->name);
	fflush(stdout);
	return 0;
}

static int wait_until_off(const struct node *n, struct err *e)
{
	for (int i = 0; i < PATIENCE; i++) {
		if (!remote_listens(n))
			return 0;
		if (remote_pause(LOOK_AGAIN_MS, e) < 0)
			return -1;
	}
	return err_set(e, "%s: was told to power off, and still answers", n->name);
}

static int poweroff_rank(
	const struct remote *r, const enum rank *ranks, enum rank rank, struct err *e)
{
	const struct cluster *c = r->cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		if (ranks[i] == rank && tell(r, &c->nodes[i], e) < 0)
			return -1;
	}
	for (size_t i = 0; i < c->nnodes; i++) {
		if (ranks[i] == rank && wait_until_off(&c->nodes[i], e) < 0)
			return -1;
	}
	return 0;
}

/*
 * What it acknowledges while the slaves stop no other card would have. The nodes are to be off all
 * the same.
 */
static int drain_master(const struct remote *r, const enum rank *ranks, struct err *e)
{
	const struct cluster *c = r->cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		struct remote_teller teller = {.node = c->nodes[i].name};
		struct remote_listener listener = {.progress = remote_tell, .arg = &teller};
		json_t *request = NULL;
		if (ranks[i] == RANK_MASTER)
			request = json_pack("{s:s}", "verb", "drain");
		if (!request || remote_ask(r, &c->nodes[i], request, &listener, NULL, NULL, e) == 0)
			continue;
		if (check_interrupted(e) < 0)
			return -1;
		fprintf(stderr, "bramble: %s; it is powered off all the same\n", e->msg);
	}
	return 0;
}

static int run(int argc, char **argv, struct err *e)
{
	enum rank ranks[CLUSTER_MAX_NODES];
	int end = command_next(&poweroff_command, argc, argv, e);

	if (end != COMMAND_END)
		return command_result(end);
	_cleanup_remote_ struct remote r = {0};
	if (remote_open(&r, argv[optind], e) < 0 || rank_all(&r, ranks, e) < 0)
		return -1;
	for (enum rank rank = 0; rank < RANKS; rank++) {
		if ((rank == RANK_SLAVE && drain_master(&r, ranks, e) < 0) ||
			poweroff_rank(&r, ranks, rank, e) < 0)
			return -1;
	}
	return 0;
}

const struct command poweroff_command = {
	.name = "poweroff",
	.operands = "CONF",
	.min = 1,
	.max = 1,
	.summary = "power a live cluster off in order",
	.about = "Powers all nodes off: proxies, then slaves, the master last. Nodes that cannot "
		 "be\n"
		 "reached are left out. The master takes no more writes first, so that all are on\n"
		 "a majority of the cards. It returns when no agent answers any more; let the\n"
		 "green lights go out before you pull plugs.",
	.run = run,
};
