/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include "cmd.h"
#include "stage/build.h"

static const struct command_option options[] = {
	{"out", 'o', "DIR", "put the images there, not in FILE's own .images folder"},
	{"force-release", 'r', "NAME", "take the base image for this release, whatever it says"},
	{"twin", 't', NULL, "amd64 images of the same cluster, to rehearse on a PC"},
	{"jobs", 'j', "N", "make N nodes at the same time; one per processor if not given"},
	{"restore", 'R', "FILE", "let the cards begin with the store of this backup"},
	{"explain", 'e', NULL, "say what would run and why, and make nothing"},
	{"prune", 'p', NULL, "remove images of nodes that have left the cluster"},
	{"compress", 'c', "xz|zst", "compress each image too"},
	{"bmap", 'b', NULL, "list the blocks a card needs, for flash and bmaptool"},
	{"sums", 's', NULL, "put the images' SHA-256 into manifest.json; --compress does, too"},
	{"sbom", 'm', "spdx|cyclonedx", "write what is on the cards in this format"},
	{"url", 'u', "URL", "where os_list.json says the images can be fetched"},
	{0},
};

/* What the command line says. */
struct request {
	struct build_options o;
	bool explain;
};

static int parse_jobs(const char *text, unsigned *jobs, struct err *e)
{
	char end;

	if (sscanf(text, "%u%c", jobs, &end) == 1 && *jobs > 0 && *jobs <= CLUSTER_MAX_NODES)
		return 0;
	return err_code(e, EXIT_USAGE, "--jobs wants a number from 1 to %d", CLUSTER_MAX_NODES);
}

static int set_option(int key, struct request *q, struct err *e)
{
	switch (key) {
	case 'o':
		q->o.out = optarg;
		break;
	case 'r':
		q->o.force_release = optarg;
		break;
	case 'R':
		q->o.restore = optarg;
		break;
	case 't':
		q->o.twin = true;
		break;
	case 'c':
		return outputs_parse_compress(optarg, &q->o.output.compress, e);
	case 'e':
		q->explain = true;
		break;
	case 'p':
		q->o.prune = true;
		break;
	case 'j':
		return parse_jobs(optarg, &q->o.jobs, e);
	case 'b':
		q->o.output.bmap = true;
		break;
	case 's':
		q->o.output.sums = true;
		break;
	case 'm':
		return outputs_parse_sbom(optarg, &q->o.output.sbom, e);
	case 'u':
		q->o.output.url = optarg;
		break;
	}
	return 0;
}

static int parse(int argc, char **argv, struct request *q, struct err *e)
{
	int key;

	while ((key = command_next(&build_command, argc, argv, e)) >= 0) {
		if (set_option(key, q, e) < 0)
			return COMMAND_BAD;
	}
	return key;
}

static int build(int argc, char **argv, struct err *e)
{
	struct request q = {0};
	int end = parse(argc, argv, &q, e);

	if (end != COMMAND_END)
		return command_result(end);
	_cleanup_cluster_ struct cluster *c = cluster_load(argv[optind], e);
	if (!c)
		return -1;
	if (q.explain)
		return build_explain(c, &q.o, e);
	int64_t start = boottime_ms();
	if (build_cluster(c, &q.o, e) < 0)
		return -1;
	_cleanup_free_ char *dir = q.o.out ? xstrdup(q.o.out) : cluster_images_dir(c);
	double seconds = (double)(boottime_ms() - start) / 1000;
	if (c->identical_images)
		printf("%s: one image for all %zu nodes in %s (%.1f s); it holds the secrets of "
		       "all of them: keep it like a key\n",
			c->name, c->nnodes, dir, seconds);
	else
		printf("%s: %zu images in %s (%.1f s); they hold the cluster's secrets: keep them "
		       "like keys\n",
			c->name, c->nnodes, dir, seconds);
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
