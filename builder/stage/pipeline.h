/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PIPELINE_H
#define BRAMBLE_PIPELINE_H

/* What the pipeline's own files share, in the order a build passes them. */
#include "build.h"

/* Shown as done already: the next step's number counts this one too. */
void pipeline_skip_step(struct build *b);
/* Is this node's image to be made? (--only one of them) */
bool pipeline_wants(const struct build *b, const struct node *n);

/* pipeline.c: finds the inputs. */
MUST_CHECK int pipeline_begin(
	struct build *b, const struct cluster *c, const struct build_options *o, struct err *e);

/* pipeline.c: the proxies' certificate, which is the last of the inputs: it needs the state. */
MUST_CHECK int pipeline_credentials(struct build *b, enum credentials_how how, struct err *e);

/* plan.c: decompresses the base if it must, looks into it, lays out the card, plans all steps. */
MUST_CHECK int plan_card(struct build *b, struct err *e);
/* The same in parts, for a look that makes nothing: the base's key; then, once it is cached, it. */
MUST_CHECK int plan_base(struct build *b, struct err *e);
MUST_CHECK int plan_look(struct build *b, struct err *e);

/* stages.c: recipes and keys of the steps [from, end), and whether they are cached. */
MUST_CHECK int stages_plan(struct build *b, size_t from, size_t end, struct err *e);
/* Runs those of them that are not cached and that a wanted node needs. */
MUST_CHECK int stages_run(struct build *b, size_t from, size_t end, struct err *e);
const char *stages_name(size_t n);
bool stages_needed(const struct build *b, size_t n);
/* What a node of these roles is made from. */
const struct step *stages_last(const struct build *b, unsigned roles);

/* ahead.c: begins to decode Neo4j's archive, unless that step is cached or it has begun. */
MUST_CHECK int ahead_start(struct build *b, size_t step, struct err *e);

/* nodes.c: every wanted node's image, whole and synced, in b->work, and its recipe beside it. */
MUST_CHECK int nodes_build(struct build *b, struct err *e);
#define NODES_CLUSTER "cluster" /* the ingredient that tells whose an image is: its id */
MUST_CHECK int nodes_recipe(
	const struct build *b, const struct node *n, struct recipe *r, struct err *e);
/* ".pi1.recipe", which says that pi1.img is bramble's and what it was made of. */
char *nodes_recipe_path(const char *dir, const char *node);

/* publish.c: the images folder. The lock is the folder's own: nothing is left behind by it. */
MUST_CHECK int publish_prepare_out(struct build *b, const struct build_options *o, struct err *e);
MUST_CHECK int publish_lock(const char *out, struct err *e);
/* Completes what a killed build began to publish; keeps what it had finished in out/.build. */
MUST_CHECK int publish_prepare_work(struct build *b, struct err *e);
MUST_CHECK int publish_sync(const char *path, struct err *e);
/*
 * Replaces the old set by the new one, which is whole and on the disk: everything in b->work. From
 * the first rename on there is no way back: what a crash leaves undone the next build does first.
 */
MUST_CHECK int publish_images(struct build *b, struct err *e);
/* Images of nodes that are in cluster.conf no more: removed if `prune`, else told. */
MUST_CHECK int publish_departed(const struct build *b, bool prune, bool quiet, struct err *e);

#endif
