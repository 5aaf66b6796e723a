/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include "cmd.h"
#include "inspect/show.h"
#include "inspect/source.h"
#include "inspect/verify.h"

static const struct command_option options[] = {
	{"cluster", 'c', "FILE", "compare with what it gives; alone: verify all its images"},
	{0},
};

static int parse(int argc, char **argv, const char **cluster, struct err *e)
{
	int key;

	while ((key = command_next(&verify_command, argc, argv, e)) >= 0)
		*cluster = optarg;
	return key;
}

/* A file's name may be anything; it must not move the terminal's cursor. */
static char *shown_name(const char *name)
{
	char *shown = xstrdup(name);

	for (char *p = shown; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == '\x7f')
			*p = '?';
	}
	return shown;
}

/* 0: all is well; 1: something failed; -1: there is no card to look at. */
static int verify_one(const char *name, const struct cluster *cluster, struct err *e)
{
	_cleanup_source_ struct source source = SOURCE_NONE;
	_cleanup_card_ struct card card = {0};
	struct verify_count n;

	if (source_open(&source, name, e) < 0 || card_read(&card, name, source.image, e) < 0)
		return -1;
	_cleanup_free_ char *shown = shown_name(name);
	printf("%s\n", shown);
	verify_card(&card, cluster, &n);
	printf("%s: %u ok, %u failed, %u not checked\n", shown, n.ok, n.failed, n.not_checked);
	return n.failed != 0;
}

struct tally {
	int cards, bad;
};

static int verify_and_count(
	const char *name, const struct cluster *cluster, struct tally *t, struct err *e)
{
	int rc = verify_one(name, cluster, e);

	if (rc < 0) {
		_cleanup_free_ char *why = printable(e->msg, false), *shown = shown_name(name);
		printf("%s\n  failed       %s\n", shown, why);
	}
	t->cards++;
	t->bad += rc != 0;
	return check_interrupted(e);
}

/* All images of a cluster, where a build puts them. */
static int verify_all(const struct cluster *c, struct tally *t, struct err *e)
{
	_cleanup_free_ char *dir = cluster_images_dir(c);

	for (size_t i = 0; i < cluster_nimages(c); i++) {
		_cleanup_free_ char *image = xasprintf("%s/%s.img", dir, cluster_image(c, i)->name);
		if (verify_and_count(image, c, t, e) < 0)
			return -1;
	}
	return 0;
}

static int verify(int argc, char **argv, struct err *e)
{
	const char *conf = NULL;
	_cleanup_cluster_ struct cluster *cluster = NULL;
	struct tally t = {0};
	int end = parse(argc, argv, &conf, e);

	if (end != COMMAND_END)
		return command_result(end);
	if (!conf && optind == argc)
		return err_code(
			e, EXIT_USAGE, "verify: name an IMAGE, a DEVICE or a --cluster FILE");
	if (conf && !(cluster = cluster_load(conf, e)))
		return -1;
	if (optind == argc && verify_all(cluster, &t, e) < 0)
		return -1;
	for (int i = optind; i < argc; i++) {
		if (verify_and_count(argv[i], cluster, &t, e) < 0)
			return -1;
	}
	return t.bad ? err_set(e, "%d of %d failed", t.bad, t.cards) : 0;
}

const struct command verify_command = {
	.name = "verify",
	.operands = "[IMAGE|DEVICE...]",
	.max = -1,
	.summary = "check cards or images, without writing to them",
	.about =
		"Checks cards or images of bramble's: structure, filesystems, identity, programs,\n"
		"secrets. One line per check; fails when one of them fails. Never writes to them.",
	.options = options,
	.run = verify,
};
