/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_RENDERING_H
#define BRAMBLE_RENDERING_H

#include "cluster/state.h"
#include "generation.h"
#include "stage/build.h"

/*
 * What `bramble apply` sends: the files of every node that can change while it lives, made by the
 * same painters that make its card, on a copy of the same stage's image. Nothing but the cache is
 * written.
 */
#define RENDERED_MAX (16u << 20) /* of one file; plugins are sent from where they lie */

struct rendered_file {
	char *path; /* as on the card, no link on its way */
	enum generation_kind kind;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	char *link;
	char *source;     /* the file on this machine; NULL: in bytes */
	struct buf bytes; /* of a file */
	uint64_t size;
	char digest[GENERATION_DIGEST];
};

struct rendered_node {
	const struct node *node;
	struct rendered_file *files; /* by path */
	size_t n;
	json_t *fixed; /* build.h */
};

struct rendering {
	const struct cluster *cluster;
	char neo4j[64];
	size_t n;
	struct rendered_node nodes[CLUSTER_MAX_NODES];
};

/* For the generation s says. r is large, and points into c. */
MUST_CHECK int rendering_make(
	const struct cluster *c, const struct state *s, struct rendering *r, struct err *e);

/*
 * Adds one node's files, as painters of that kind put them onto a copy of image. r begins with its
 * cluster and Neo4j's version alone.
 */
MUST_CHECK int rendering_add(struct rendering *r, struct build *b, const struct node *node,
	const char *image, enum painting what, struct err *e);
void rendering_free(struct rendering *r);

/* The list of generation.h; the caller's reference. */
json_t *rendering_list(const struct rendering *r, const struct state *s);

/* The file of that digest, of any node; NULL: none has it. */
const struct rendered_file *rendering_find(const struct rendering *r, const char *digest);

#endif
