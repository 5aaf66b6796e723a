/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_IN_USE_H
#define BRAMBLE_IN_USE_H

#include "ext4.h"
#include "fat_read.h"
#include "table.h"

/* Which bytes of an image mean something, by what the filesystems in it say, in ascending order. */
struct extents {
	struct extent *v;
	size_t n;
};

#define _cleanup_extents_ _cleanup_(extents_free)
void extents_free(struct extents *x);
/* Adds bytes behind or overlapping the last; what touches the last extent becomes part of it. */
void extents_add(struct extents *x, uint64_t start, uint64_t size);

/*
 * What a filesystem has in use, as bytes of the image; `start` is where its partition begins.
 * FAT: the boot sectors, the tables, the root folder, every cluster that is not free. ext4: every
 * block its bitmap has: data, inode tables, bitmaps, descriptors, all superblocks, the journal.
 */
MUST_CHECK int fat_in_use(struct fat *f, struct extents *x, struct err *e);
MUST_CHECK int ext4_in_use(struct ext4 *x, uint64_t start, struct extents *out, struct err *e);

#endif
