/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "cmd.h"
#include "assets.h"
#include "io.h"

static int init(int argc, char **argv, struct err *e)
{
	int o = command_next(&init_command, argc, argv, e);

	if (o != COMMAND_END)
		return command_result(o);
	const char *path = optind < argc ? argv[optind] : "cluster.conf";
	struct stat st;
	if (lstat(path, &st) == 0) /* a link that leads nowhere is somebody's, too */
		return err_set(e, "%s: exists; it was not touched", path);
	if (io_write_atomic(path, garden_conf, garden_conf_size, 0644, e) < 0)
		return -1;
	printf("%s: written; edit it, then run bramble check %s\n", path, path);
	return 0;
}

const struct command init_command = {
	.name = "init",
	.operands = "[FILE]",
	.max = 1,
	.summary = "write a cluster.conf to start from",
	.about = "Writes FILE (cluster.conf): three data nodes and a proxy, to be edited. An "
		 "existing\n"
		 "file is kept.",
	.run = init,
};
