/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include "cmd.h"
#include "stage/build.h"

static const char usage[] =
	"usage: bramble build [--out DIR] [--twin] FILE\n"
	"\n"
	"Makes one image per node of the cluster FILE describes, in FILE's own .images folder.\n"
	"\n"
	"  --out DIR   put the images there\n"
	"  --twin      amd64 images of the same cluster, to rehearse on a PC\n"
	"  --help      this\n";

static const struct option options[] = {
	{"out", required_argument, NULL, 'o'},
	{"twin", no_argument, NULL, 't'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

int cmd_build(int argc, char **argv, struct err *e)
{
	struct build_options o = {0};

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (c) {
		case 'o':
			o.out = optarg;
			break;
		case 't':
			o.twin = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			return err_code(e, EXIT_USAGE, "build: see bramble build --help");
		}
	}
	if (optind != argc - 1)
		return err_code(e, EXIT_USAGE, "build: one cluster.conf is wanted");
	_cleanup_cluster_ struct cluster *c = cluster_load(argv[optind], e);
	if (!c)
		return -1;
	int64_t start = boottime_ms();
	if (build_cluster(c, &o, e) < 0)
		return -1;
	_cleanup_free_ char *dir = o.out ? xstrdup(o.out) : cluster_images_dir(c);
	printf("%s: %zu images in %s (%.1f s); they hold the cluster's secrets: keep them like "
	       "keys\n",
		c->name, c->nnodes, dir, (double)(boottime_ms() - start) / 1000);
	return 0;
}
