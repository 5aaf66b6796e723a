/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_INSPECT_LAID_H
#define BRAMBLE_INSPECT_LAID_H

#include "identical.h"
#include "image/ext4_look.h"

/*
 * What the image for all nodes (common/identical.h) lays over itself when a card of it becomes a
 * node: that node's files, as places.h names them (/opt/neo4j, not /opt/neo4j-3.5.0). The folder
 * they come from is gone then.
 */
struct laid;

/* root: the image's; it must outlive the result. NULL: the error. */
MUST_CHECK struct laid *laid_open(struct ext4 *root, const char *node, struct err *e);
void laid_close(struct laid **l);
#define _cleanup_laid_ _cleanup_(laid_close)

/* Is that path, on the card, not the image's? l NULL: it always is. */
bool laid_has(const struct laid *l, const char *path);

/* Was that folder made for one of those, where there was none? */
bool laid_lies_in(const struct laid *l, const char *folder);

/* Calls each for those in places that are compared; one that returns -1 ends it. */
MUST_CHECK int laid_each(const struct laid *l,
	int (*each)(void *arg, const char *path, const struct generation_file *f, struct err *e),
	void *arg, struct err *e);

/* Where the image has a file's content; the caller frees. */
char *laid_source(const struct generation_file *f);

/* bramble.txt without the line that may name the node, commented out or not: a person's to write.
 */
void laid_forget_name(struct buf *text);

#endif
