/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include "cmd.h"
#include "input/inputs.h"
#include "run.h"

static const char usage[] = "usage: bramble check FILE\n"
			    "\n"
			    "Reads a cluster.conf and looks at what it names: says what is wrong, "
			    "or what would be built.\n";

static const struct option options[] = {
	{"help", no_argument, NULL, 'h'},
	{0},
};

/* Tools a build runs; they are Debian's own and always there except mtools. */
static int check_tools(struct err *e)
{
	static const char *const tools[][2] = {
		{"mke2fs", "e2fsprogs"},
		{"e2fsck", "e2fsprogs"},
		{"resize2fs", "e2fsprogs"},
		{"mcopy", "mtools"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		if (!run_find(tools[i][0]))
			return err_set(e, "%s is not installed (Debian package %s)", tools[i][0],
				tools[i][1]);
	}
	return 0;
}

static void print_plan(const struct cluster *c, const struct inputs *in)
{
	printf("cluster %s: Neo4j %s (profile %s), base %s\n", c->name, in->neo4j_version,
		neo4j_profile_name(in->profile), in->base);
	for (size_t i = 0; i < c->nnodes; i++) {
		const struct node *n = &c->nodes[i];
		printf("  %-12s %-12s %-15s", n->name, roles_text(n->roles), n->address);
		if (n->id)
			printf(" id %u", n->id);
		putchar('\n');
	}
	if (!c->access.ssh_key)
		printf("note: access has no ssh_key, so nobody can log in over the network\n");
}

static int check_ssh_key(const struct cluster *c, struct err *e)
{
	if (c->access.ssh_key && access(c->access.ssh_key, R_OK) < 0) {
		err_errno(e, "%s: access: ssh_key = \"%s\"", c->path, c->access.ssh_key);
		e->code = EXIT_CONFIG;
		return -1;
	}
	return 0;
}

int cmd_check(int argc, char **argv, struct err *e)
{
	_cleanup_inputs_ struct inputs in = {0};

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		return err_code(e, EXIT_USAGE, "check: see bramble check --help");
	}
	if (optind != argc - 1)
		return err_code(e, EXIT_USAGE, "check: one cluster.conf is wanted");
	_cleanup_cluster_ struct cluster *c = cluster_load(argv[optind], e);
	if (!c || check_ssh_key(c, e) < 0 || check_tools(e) < 0 ||
		inputs_find(c, false, &in, e) < 0)
		return -1;
	print_plan(c, &in);
	return 0;
}
