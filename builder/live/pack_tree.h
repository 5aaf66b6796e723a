/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PACK_TREE_H
#define BRAMBLE_PACK_TREE_H

#include "image/ext4_look.h"
#include "pack.h"

/*
 * A folder of an ext4 filesystem with all below it, put into a pack that others may have begun and
 * will end. A file may be of any size: it goes piece by piece. Links are left out.
 */
struct pack_tree {
	struct ext4 *fs;
	const char *from, *to; /* "/opt/neo4j" there, "neo4j" in the pack */
	char **paths;          /* below it, folders with a slash at their end */
	size_t n, next;
	uint64_t bytes; /* of its files */
	struct ext4_reader *file;
	uint64_t left; /* of that */
};

/* Looks at all of it. fs and the texts must outlive t; pack_tree_close also after an error. */
MUST_CHECK int pack_tree_open(
	struct pack_tree *t, struct ext4 *fs, const char *from, const char *to, struct err *e);
void pack_tree_close(struct pack_tree *t);

/* Adds one more piece to out, of some 256 KiB at most. 1: there may be more; 0: that was all. */
MUST_CHECK int pack_tree_next(struct pack_tree *t, struct pack *p, struct buf *out, struct err *e);

#endif
