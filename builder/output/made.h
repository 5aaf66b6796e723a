/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_MADE_H
#define BRAMBLE_MADE_H

#include <jansson.h>
#include "outputs.h"
#include "sha256.h"
#include "stage/build.h"

/*
 * What a build made and from what, as data: manifest.json, os_list.json and the SBOM are written
 * from this and from struct build alone.
 */
struct file_sum {
	char *name; /* without a folder; NULL: there is no such file */
	uint64_t size;
	char sha256[SHA256_HEX]; /* "": not summed */
};

struct input_file {
	const char *role; /* "base", "neo4j", "java", "package", ...: inputs_made.c */
	struct file_sum file;
	char *package, *version, *architecture; /* of a .deb; else NULL */
};

struct node_made {
	const struct node *node;
	struct file_sum image, compressed, bmap;
};

/* A package of the system on the cards, as its dpkg has it. */
struct package {
	char *name, *version, *architecture;
};

struct made {
	struct build *b;
	const struct output_options *options;
	struct input_file *inputs;
	size_t ninputs;
	struct node_made *nodes; /* those that were built */
	size_t nnodes;
	struct package *packages; /* only with an SBOM; sorted by name and architecture */
	size_t npackages;
	char distribution[32]; /* ID of os-release: "debian", "raspbian" */
	int64_t moment;        /* the last write to the base: the date everything made of it has */
	struct file_sum os_list, sbom;
};
void made_free(struct made *m);
#define _cleanup_made_ _cleanup_(made_free)

/* inputs.c: which files the images were made from, with their sums. */
MUST_CHECK int made_add_inputs(struct made *m, struct err *e);
/* packages.c: what is installed on the cards; moment and distribution too. */
MUST_CHECK int made_look_into(struct made *m, struct err *e);

/* Writers of one file each in the work folder; *sum gets its name, size and sum. */
MUST_CHECK int made_write_json(
	const struct made *m, const char *name, json_t *root, struct file_sum *sum, struct err *e);
MUST_CHECK int manifest_write(const struct made *m, struct err *e);
MUST_CHECK int os_list_write(struct made *m, struct err *e);
MUST_CHECK int sbom_write(struct made *m, struct err *e);

/* "2024-11-19T14:03:11Z". */
void made_time(const struct made *m, char text[static 32]);

#endif
