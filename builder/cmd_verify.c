/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include "cmd.h"
#include "inspect/source.h"
#include "inspect/verify.h"

static const struct command_option options[] = {
	{"cluster", 'c', "FILE", "also compare with what this cluster.conf gives"},
	{0},
};

static int parse(int argc, char **argv, const char **cluster, struct err *e)
{
	int key;

	while ((key = command_next(&verify_command, argc, argv, e)) >= 0)
		*cluster = optarg;
	return key;
}

/* 0: all is well; 1: something failed; -1: there is no card to look at. */
static int verify_one(const char *name, const struct cluster *cluster, struct err *e)
{
	_cleanup_source_ struct source source = SOURCE_NONE;
	_cleanup_card_ struct card card = {0};
	struct verify_count n;

	if (source_open(&source, name, e) < 0 || card_read(&card, name, source.image, e) < 0)
		return -1;
	printf("%s\n", name);
	verify_card(&card, cluster, &n);
	printf("%s: %u ok, %u failed, %u not checked\n", name, n.ok, n.failed, n.not_checked);
	return n.failed != 0;
}

static int verify(int argc, char **argv, struct err *e)
{
	const char *conf = NULL;
	_cleanup_cluster_ struct cluster *cluster = NULL;
	int end = parse(argc, argv, &conf, e), bad = 0;

	if (end != COMMAND_END)
		return command_result(end);
	if (conf && !(cluster = cluster_load(conf, e)))
		return -1;
	for (int i = optind; i < argc; i++) {
		int rc = verify_one(argv[i], cluster, e);
		if (rc < 0 && argc - optind == 1)
			return -1;
		if (rc < 0)
			printf("%s\n  failed       %s\n", argv[i], e->msg);
		bad += rc != 0;
		if (check_interrupted(e) < 0)
			return -1;
	}
	return bad ? err_set(e, "%d of %d failed", bad, argc - optind) : 0;
}

const struct command verify_command = {
	.name = "verify",
	.operands = "IMAGE|DEVICE...",
	.min = 1,
	.max = -1,
	.summary = "check cards or images, without writing to them",
	.about =
		"Checks cards or images of bramble's: structure, filesystems, identity, programs,\n"
		"secrets. One line per check; fails when one of them fails. Never writes to them.",
	.options = options,
	.run = verify,
};
