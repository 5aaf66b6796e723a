/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PIPELINE_H
#define BRAMBLE_PIPELINE_H

/* What the pipeline's own files share, in the order a build passes them. */
#include "build.h"

/* Shown as done already: the next step's number counts this one too. */
void pipeline_skip_step(struct build *b);
/* Is this node's image to be made? (--only one of them) */
bool pipeline_wants(const struct build *b, const struct node *n);

/* plan.c: decompresses the base, looks into it and lays out the card. */
MUST_CHECK int plan_card(struct build *b, struct err *e);

/* stages.c: runs the stages these roles need; *image is the last one's file in the cache. */
MUST_CHECK int stages_run(struct build *b, unsigned roles, char **image, struct err *e);
unsigned stages_count(void);

/* nodes.c: every wanted node's image, whole and synced, in b->work. */
MUST_CHECK int nodes_build(struct build *b, struct err *e);

/* publish.c: the images folder. The lock is the folder's own: nothing is left behind by it. */
MUST_CHECK int publish_prepare_out(struct build *b, const struct build_options *o, struct err *e);
MUST_CHECK int publish_lock(const char *out, struct err *e);
MUST_CHECK int publish_prepare_work(struct build *b, struct err *e);
MUST_CHECK int publish_sync(const char *path, struct err *e);
/* All images are whole and on the disk before the first one replaces an older one. */
MUST_CHECK int publish_images(const struct build *b, struct err *e);

#endif
