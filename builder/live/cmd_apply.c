/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <string.h>
#include "apply.h"
#include "cluster/authority.h"
#include "cmd.h"

static const struct command_option options[] = {
	{"check", 'c', NULL, "say what would change, change nothing; 1 if anything would or may"},
	{"diff", 'd', NULL, "show the lines that change, secrets masked"},
	{0},
};

struct wants {
	bool check, diff;
};

static bool is_named(int argc, char **argv, const char *name)
{
	for (int i = optind + 1; i < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return true;
	}
	return argc == optind + 1;
}

static int check_names(const struct cluster *c, int argc, char **argv, struct err *e)
{
	for (int i = optind + 1; i < argc; i++) {
		if (!cluster_node(c, argv[i]))
			return err_code(e, EXIT_USAGE, "%s: no node \"%s\"", c->path, argv[i]);
	}
	return 0;
}

static int show(struct apply *a, int argc, char **argv, const struct wants *w, struct err *e)
{
	const struct cluster *c = a->remote.cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		if (is_named(argc, argv, c->nodes[i].name) &&
			apply_show(a, &c->nodes[i], w->diff, e) < 0)
			return -1;
	}
	return 0;
}

/* Not to know whether anything does is no "nothing changes" either. */
static bool may_change(const struct apply *a, int argc, char **argv)
{
	const struct cluster *c = a->remote.cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		if (is_named(argc, argv, c->nodes[i].name) &&
			(a->nodes[i].changes || a->nodes[i].unknown))
			return true;
	}
	return false;
}

static int apply(struct apply *a, int argc, char **argv, const struct wants *w, struct err *e)
{
	if (check_names(a->remote.cluster, argc, argv, e) < 0 || apply_plan(a, !w->check, e) < 0 ||
		show(a, argc, argv, w, e) < 0)
		return -1;
	if (w->check) {
		e->code = EXIT_FAILED;
		return may_change(a, argc, argv) ? -1 : 0;
	}
	return a->changed ? apply_send(a, e) : 0;
}

static int run(int argc, char **argv, struct err *e)
{
	_cleanup_free_ struct apply *a = xcalloc(1, sizeof(*a));
	struct wants w = {0};
	int key;

	while ((key = command_next(&apply_command, argc, argv, e)) >= 0) {
		w.check |= key == 'c';
		w.diff |= key == 'd';
	}
	if (key != COMMAND_END)
		return command_result(key);
	if (argc > optind + 1 && !w.check)
		return err_code(e, EXIT_USAGE,
			"apply: a generation is the whole cluster's; NODE only limits what --check "
			"looks at");
	int rc = apply_open(a, argv[optind], e);
	if (rc == 0)
		rc = apply(a, argc, argv, &w, e);
	apply_close(a);
	return rc;
}

const struct command apply_command = {
	.name = "apply",
	.operands = "CONF [NODE...]",
	.min = 1,
	.max = -1,
	.summary = "take a live cluster over to a changed cluster.conf",
	.about =
		"Sends what changed in cluster.conf or an overlay to the live cluster, without\n"
		"flashing. The nodes decide it by a majority and take it over in turns, slaves\n"
		"first, the master last, each when all others serve; Neo4j is restarted only "
		"where\n"
		"its files change. What does not come up on the first one is taken back, and the\n"
		"others are not touched. Once one node has it, nobody needs this command any more.",
	.options = options,
	.run = run,
};
