/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include "cmd.h"
#include "release/firstboot.h"
#include "run.h"
#include "stage/build.h"

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

/* What was found in the base, and what a card does not do at its first boot. */
static void print_release(const struct release *r)
{
	const char *sep = "; disarmed: ";

	printf("release %s (%s): systemd %u, network by %s, boot partition at %s, user %s, swap %s",
		r->name, r->issue, r->systemd, network_name(r->network), r->boot_dir,
		user_mechanism_name(r->user), swap_name(r->swap));
	for (unsigned i = 0; first_boots[i].name; i++) {
		if (r->first_boot & 1u << i) {
			printf("%s%s", sep, first_boots[i].name);
			sep = ", ";
		}
	}
	putchar('\n');
}

/* An adapter would do, so that these are no errors. */
static void print_port_notes(const struct cluster *c)
{
	for (size_t i = 0; i < c->nnodes; i++) {
		const struct pi *p = c->nodes[i].board;
		if (p && c->wifi.ssid && !p->wifi)
			printf("note: %s: a %s reaches the Wi-Fi by a USB adapter only\n",
				c->nodes[i].name, p->title);
		else if (p && !c->wifi.ssid && !p->ethernet)
			printf("note: %s: a %s has no wired port; it takes wifi { ... } or a USB "
			       "adapter\n",
				c->nodes[i].name, p->title);
	}
}

static void print_serial_notes(const struct cluster *c)
{
	for (size_t i = 0; c->identical_images && i < c->nnodes; i++) {
		if (!*c->nodes[i].serial)
			printf("note: %s: has no serial: its card must be told by node = \"%s\" "
			       "in bramble.txt\n",
				c->nodes[i].name, c->nodes[i].name);
	}
}

static void print_plan(const struct build *b)
{
	const struct cluster *c = b->cluster;
	const struct inputs *in = &b->inputs;

	printf("cluster %s: Neo4j %s (profile %s), Java %u, base %s (%s), images of %llu MB\n",
		c->name, in->neo4j_version, in->profile.name, in->java_major, in->base,
		arch_name(in->arch), (unsigned long long)(b->table.image_size / 1000000));
	print_release(&in->release);
	for (size_t i = 0; i < c->nnodes; i++) {
		const struct node *n = &c->nodes[i];
		printf("  %-12s %-12s %-15s", n->name, roles_text(n->roles), node_place(c, n));
		if (n->id)
			printf(" id %-3u", n->id);
		if (n->board)
			printf("%s  %s, %u MB", n->id ? "" : "       ", n->board->title,
				n->memory_mb);
		putchar('\n');
	}
	neo4j_conf_notes(b, stdout);
	print_port_notes(c);
	print_serial_notes(c);
	if (!c->access.ssh_key)
		printf("note: access has no ssh_key, so nobody can log in over the network\n");
}

static const struct command_option options[] = {
	{"force-release", 'r', "NAME", "take the base image for this release, whatever it says"},
	{0},
};

static int check(int argc, char **argv, struct err *e)
{
	_cleanup_build_ struct build b = {.cache = CACHE_NONE};
	struct build_options o = {.quiet = !isatty(STDERR_FILENO)};
	int key;

	while ((key = command_next(&check_command, argc, argv, e)) >= 0)
		o.force_release = optarg;
	if (key != COMMAND_END)
		return command_result(key);
	_cleanup_cluster_ struct cluster *c = cluster_load(argv[optind], e);
	if (!c || check_tools(e) < 0 || build_plan(&b, c, &o, e) < 0)
		return -1;
	progress_end(&b.progress);
	print_plan(&b);
	return 0;
}

const struct command check_command = {
	.name = "check",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.summary = "say what is wrong with a cluster.conf and its inputs",
	.about = "Reads a cluster.conf and looks into what it names: says what is wrong, or what "
		 "would\n"
		 "be built. Only the decompressed base image is kept, in the cache.",
	.options = options,
	.run = check,
};
