/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include "cmd.h"
#include "stage/build.h"

static const struct command_option options[] = {
	{"out", 'o', "DIR", "put the images there, not in FILE's own .images folder"},
	{"force-release", 'r', "NAME", "take the base image for this release, whatever it says"},
	{"twin", 't', NULL, "amd64 images of the same cluster, to rehearse on a PC"},
	{"compress", 'c', "xz|zst", "compress each image too"},
	{"bmap", 'b', NULL, "list the blocks a card needs, for flash and bmaptool"},
	{"sums", 's', NULL, "put the images' SHA-256 into manifest.json; --compress does, too"},
	{"sbom", 'm', "spdx|cyclonedx", "write what is on the cards in this format"},
	{"url", 'u', "URL", "where os_list.json says the images can be fetched"},
	{0},
};

static int set_option(int key, struct build_options *o, struct err *e)
{
	switch (key) {
	case 'o':
		o->out = optarg;
		break;
	case 'r':
		o->force_release = optarg;
		break;
	case 't':
		o->twin = true;
		break;
	case 'c':
		return outputs_parse_compress(optarg, &o->output.compress, e);
	case 'b':
		o->output.bmap = true;
		break;
	case 's':
		o->output.sums = true;
		break;
	case 'm':
		return outputs_parse_sbom(optarg, &o->output.sbom, e);
	case 'u':
		o->output.url = optarg;
		break;
	}
	return 0;
}

static int parse(int argc, char **argv, struct build_options *o, struct err *e)
{
	int key;

	while ((key = command_next(&build_command, argc, argv, e)) >= 0) {
		if (set_option(key, o, e) < 0)
			return COMMAND_BAD;
	}
	return key;
}

static int build(int argc, char **argv, struct err *e)
{
	struct build_options o = {0};
	int end = parse(argc, argv, &o, e);

	if (end != COMMAND_END)
		return command_result(end);
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

const struct command build_command = {
	.name = "build",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.summary = "make one image per node",
	.about = "Makes one image per node of the cluster FILE describes.",
	.options = options,
	.run = build,
};
