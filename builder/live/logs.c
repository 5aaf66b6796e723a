/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "cmd.h"
#include "remote.h"

#define LINES 50
#define LINES_MAX 1000 /* what an agent gives at most */

struct wish {
	const char *unit;
	long lines;
};

/* Whatever a service wrote must not move the terminal's cursor. */
static void print_data(void *arg, const char *p, size_t n)
{
	(void)arg;
	for (size_t i = 0; i < n; i++)
		putchar((unsigned char)p[i] < ' ' && p[i] != '\n' && p[i] != '\t' ? '?' : p[i]);
}

static int show(const struct remote *r, const struct node *n, const struct wish *w, struct err *e)
{
	static const struct remote_listener listener = {.data = print_data};
	json_t *request = json_pack(
		"{s:s, s:s, s:i}", "verb", "logs", "unit", w->unit, "lines", (int)w->lines);

	return remote_ask(r, n, request, &listener, NULL, NULL, e);
}

static const struct node *pick(const struct remote *r, int argc, char **argv, size_t i)
{
	if (optind + 1 < argc)
		return cluster_node(r->cluster, argv[optind + 1 + (int)i]);
	return &r->cluster->nodes[i];
}

static int check_nodes(const struct remote *r, int argc, char **argv, struct err *e)
{
	for (int i = optind + 1; i < argc; i++) {
		if (!cluster_node(r->cluster, argv[i]))
			return err_code(
				e, EXIT_USAGE, "%s: no node \"%s\"", r->cluster->path, argv[i]);
	}
	return 0;
}

/* One that does not answer leaves the others worth reading; the last such error is the result. */
static int show_all(
	const struct remote *r, int argc, char **argv, const struct wish *w, struct err *e)
{
	size_t n = optind + 1 < argc ? (size_t)(argc - optind - 1) : r->cluster->nnodes;
	int rc = 0;

	for (size_t i = 0; i < n && !interrupted; i++) {
		const struct node *node = pick(r, argc, argv, i);
		if (rc < 0)
			fprintf(stderr, "bramble: %s\n", e->msg);
		if (n > 1)
			printf("%s==> %s <==\n", i ? "\n" : "", node->name);
		int shown = show(r, node, w, e);
		rc = shown < 0 ? -1 : rc < 0 && i + 1 == n ? err_set(e, "not all answered") : rc;
		fflush(stdout);
	}
	return rc;
}

static const struct command_option options[] = {
	{"unit", 'u', "UNIT",
		"of neo4j, bramble-agent, bramble-helper, bramble-guard, bramble-grow,"
		" bramble-proxy, bramble-upgrade, bramble-unpack, bramble-install,"
		" bramble-upgrade-copy or bramble-switch (default: neo4j)"},
	{"lines", 'n', "N", "the last N lines, 1 to 1000 (default: 50)"},
	{0},
};

static int parse(int argc, char **argv, struct wish *w, struct err *e)
{
	char *end = NULL;
	int key;

	while ((key = command_next(&logs_command, argc, argv, e)) >= 0) {
		if (key == 'u')
			w->unit = optarg;
		else
			w->lines = strtol(optarg, &end, 10);
		if ((end && *end) || w->lines < 1 || w->lines > LINES_MAX)
			return err_code(e, EXIT_USAGE, "logs: --lines takes a number from 1 to %d",
				       LINES_MAX),
			       COMMAND_BAD;
	}
	return key;
}

static int logs(int argc, char **argv, struct err *e)
{
	struct wish w = {.unit = "neo4j", .lines = LINES};
	int end = parse(argc, argv, &w, e);

	if (end != COMMAND_END)
		return command_result(end);
	if (remote_check_word("logs: the unit's name", w.unit, e) < 0)
		return -1;
	_cleanup_remote_ struct remote r = {0};
	if (remote_open(&r, argv[optind], e) < 0 || check_nodes(&r, argc, argv, e) < 0)
		return -1;
	return show_all(&r, argc, argv, &w, e);
}

const struct command logs_command = {
	.name = "logs",
	.operands = "CONF [NODE...]",
	.min = 1,
	.max = -1,
	.summary = "show what services of live nodes have logged",
	.about = "Shows the end of a service's journal, of the nodes named or of all.",
	.options = options,
	.run = logs,
};
