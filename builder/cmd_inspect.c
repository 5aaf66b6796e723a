/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include "cmd.h"
#include "inspect/compare.h"
#include "inspect/secret_file.h"
#include "inspect/show.h"
#include "inspect/source.h"

struct request {
	bool json, config;
	const char *cluster;
};

static const struct command_option options[] = {
	{"json", 'j', NULL, "for programs"},
	{"config", 'c', NULL, "also print the configuration on the card, without secrets"},
	{"cluster", 'f', "FILE", "also say what this cluster.conf would give otherwise"},
	{0},
};

static int parse(int argc, char **argv, struct request *r, struct err *e)
{
	int key;

	while ((key = command_next(&inspect_command, argc, argv, e)) >= 0) {
		if (key == 'j')
			r->json = true;
		else if (key == 'c')
			r->config = true;
		else if (key == 'f')
			r->cluster = optarg;
	}
	return key;
}

static int print_json(json_t *j, struct err *e)
{
	int rc = j ? json_dumpf(j, stdout, JSON_INDENT(2)) : -1;

	json_decref(j);
	putchar('\n');
	return rc < 0 ? err_set(e, "out of memory") : 0;
}

static void print_difference(const struct difference *d)
{
	_cleanup_free_ char *path = printable(d->path, false), *what = printable(d->what, false);

	printf("  %s: %s\n", path, what);
	if (!d->card || !d->wanted)
		return;
	_cleanup_free_ char *card = printable(d->card, true), *wanted = printable(d->wanted, true);
	diff_print(card, wanted, stdout);
}

static void print_differences(const struct differences *d, const char *conf)
{
	printf("%zu differences from what %s gives%s\n", d->n, conf, d->n ? ":" : "");
	for (size_t i = 0; i < d->n; i++)
		print_difference(&d->list[i]);
	if (d->secret_changes)
		puts("  " SECRET_CHANGES);
}

static json_t *differences_json(const struct differences *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->n; i++) {
		_cleanup_free_ char *path = printable(d->list[i].path, false);
		_cleanup_free_ char *what = printable(d->list[i].what, false);
		json_array_append_new(list, json_pack("{ss ss}", "path", path, "what", what));
	}
	return list;
}

static int compare(const struct card *card, const char *conf, struct differences *d, struct err *e)
{
	_cleanup_cluster_ struct cluster *cluster = cluster_load(conf, e);

	return cluster ? compare_card(card, cluster, d, e) : -1;
}

static int print(const struct request *r, const struct card *card, struct err *e)
{
	_cleanup_differences_ struct differences d = {0};

	if (r->cluster && compare(card, r->cluster, &d, e) < 0)
		return -1;
	if (r->json) {
		json_t *j = card_json(card);
		if (r->cluster && j)
			json_object_set_new(j, "differences", differences_json(&d));
		return print_json(j, e);
	}
	show_card(card, stdout);
	if (r->config && show_config(card, stdout, e) < 0)
		return -1;
	if (r->cluster)
		print_differences(&d, r->cluster);
	return 0;
}

static int inspect(int argc, char **argv, struct err *e)
{
	struct request r = {0};
	_cleanup_source_ struct source source = SOURCE_NONE;
	_cleanup_card_ struct card card = {0};
	int end = parse(argc, argv, &r, e);

	if (end != COMMAND_END)
		return command_result(end);
	if (source_open(&source, argv[optind], e) < 0 ||
		card_read(&card, argv[optind], source.image, e) < 0)
		return -1;
	return print(&r, &card, e);
}

const struct command inspect_command = {
	.name = "inspect",
	.operands = "IMAGE|DEVICE",
	.min = 1,
	.max = 1,
	.summary = "say what is on a card or in an image",
	.about = "Says what is on a card or in an image, which may be compressed: partitions,\n"
		 "filesystems, release, node, software. Never writes to it.",
	.options = options,
	.run = inspect,
};
