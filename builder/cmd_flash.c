/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include "cmd.h"
#include "flash/flash.h"

static const struct command_option options[] = {
	{"cluster", 'c', "FILE", "the cluster.conf whose nodes are named"},
	{"keep-data", 'k', NULL, "replace p1 and p2 of this node's own card, keep p3"},
	{"allow-store-upgrade", 'u', NULL, "with it: also if the image's Neo4j is newer"},
	{"discard", 'd', NULL, "tell the card first that its old content is not needed"},
	{"unmount", 'm', NULL, "unmount what is mounted of the card"},
	{"allow-fixed", 'f', NULL, "also onto a disk that cannot be taken out"},
	{"clones", 'l', NULL, "also one node onto several cards"},
	{"yes", 'y', NULL, "do not ask"},
	{0},
};

static int parse(int argc, char **argv, struct flash_options *o, struct err *e)
{
	bool *const flags[] = {['k'] = &o->keep_data,
		['u'] = &o->allow_store_upgrade,
		['d'] = &o->discard,
		['m'] = &o->unmount,
		['f'] = &o->allow_fixed,
		['l'] = &o->clones,
		['y'] = &o->yes};
	int key;

	while ((key = command_next(&flash_command, argc, argv, e)) >= 0) {
		if (key == 'c')
			o->cluster = optarg;
		else
			*flags[key] = true;
	}
	return key;
}

static int write_cards(
	const struct flash_options *o, const struct operand *operands, size_t n, struct err *e)
{
	_cleanup_flash_ struct flash f = {0};

	if (flash_prepare(&f, operands, n, o, e) < 0 || flash_confirm(&f, e) < 0)
		return -1;
	return flash_write(&f, e);
}

static int flash(int argc, char **argv, struct err *e)
{
	struct flash_options o = {0};
	struct operand *operands;
	size_t n;
	int end = parse(argc, argv, &o, e);

	if (end != COMMAND_END)
		return command_result(end);
	int rc = operands_parse(argv + optind, (size_t)(argc - optind), &operands, &n, e);
	if (rc == 0)
		rc = write_cards(&o, operands, n, e);
	operands_free(operands, n);
	return rc;
}

const struct command flash_command = {
	.name = "flash",
	.operands = "NODE|IMAGE DEVICE... | NODE|IMAGE=DEVICE...",
	.min = 1,
	.max = -1,
	.summary = "write images onto cards and read them back",
	.about = "Writes what of an image is in use onto cards, all of them at once, and reads it\n"
		 "back from them. NODE is a node of the only built cluster here, or of --cluster.",
	.options = options,
	.run = flash,
};
