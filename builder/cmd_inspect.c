/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include "cmd.h"
#include "inspect/show.h"
#include "inspect/source.h"

struct request {
	bool json, config;
	const char *cluster;
};

static const struct command_option options[] = {
	{"json", 'j', NULL, "for programs"},
	{"config", 'c', NULL, "also print the configuration on the card, without secrets"},
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
	if (r.json)
		return print_json(card_json(&card), e);
	show_card(&card, stdout);
	return r.config ? show_config(&card, stdout, e) : 0;
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
