/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "cmd.h"
#include "assets.h"
#include "io.h"

static const char usage[] = "usage: bramble init [FILE]\n"
			    "\n"
			    "Writes FILE (cluster.conf): three data nodes and a proxy, to be "
			    "edited. An existing file is kept.\n";

static const struct option options[] = {
	{"help", no_argument, NULL, 'h'},
	{0},
};

int cmd_init(int argc, char **argv, struct err *e)
{
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		return err_code(e, EXIT_USAGE, "init: see bramble init --help");
	}
	if (optind < argc - 1)
		return err_code(e, EXIT_USAGE, "init: one file is wanted");
	const char *path = optind < argc ? argv[optind] : "cluster.conf";
	if (access(path, F_OK) == 0)
		return err_set(e, "%s: exists; it was not touched", path);
	if (io_write_atomic(path, garden_conf, garden_conf_size, 0644, e) < 0)
		return -1;
	printf("%s: written; edit it, then run bramble check %s\n", path, path);
	return 0;
}
