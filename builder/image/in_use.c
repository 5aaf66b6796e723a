/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include "ext4_private.h"
#include "fat_private.h"
#include "in_use.h"

void extents_free(struct extents *x)
{
	free(x->v);
	*x = (struct extents){0};
}

void extents_add(struct extents *x, uint64_t start, uint64_t size)
{
	struct extent *last = x->n ? &x->v[x->n - 1] : NULL;

	if (last && start <= last->start + last->size) {
		if (start + size > last->start + last->size)
			last->size = start + size - last->start;
		return;
	}
	/* Grows at powers of two. */
	if ((x->n & (x->n - 1)) == 0)
		x->v = xreallocarray(x->v, x->n ? 2 * x->n : 1, sizeof(*x->v));
	x->v[x->n++] = (struct extent){start, size};
}

int fat_in_use(struct fat *f, struct extents *x, struct err *e)
{
	(void)e;
	extents_add(x, f->start, f->data_at);
	for (uint32_t c = 2; fat_is_cluster(f, c); c++) {
		uint64_t at = f->start + f->data_at + (uint64_t)(c - 2) * f->info.cluster_size;
		if (fat_next(f, c))
			extents_add(x, at, f->info.cluster_size);
	}
	return 0;
}

/*
 * Groups whose bitmap was never written (BLOCK_UNINIT) come out right too: libext2fs fills in what
 * such a group holds by definition.
 */
int ext4_in_use(struct ext4 *x, uint64_t start, struct extents *out, struct err *e)
{
	ext2_filsys fs = x->fs;
	blk64_t first, next, block = fs->super->s_first_data_block;
	blk64_t last = ext2fs_blocks_count(fs->super) - 1;
	errcode_t rc = ext2fs_read_block_bitmap(fs);

	if (rc)
		return ext4_fail(x, "block bitmap", rc, e);
	/* With blocks of 1 KiB the first one, in front of the superblock, is in no bitmap. */
	extents_add(out, start, fs->blocksize);
	while (block <= last) {
		rc = ext2fs_find_first_set_block_bitmap2(fs->block_map, block, last, &first);
		if (rc == ENOENT)
			return 0;
		if (!rc)
			rc = ext2fs_find_first_zero_block_bitmap2(
				fs->block_map, first, last, &next);
		if (rc == ENOENT)
			next = last + 1;
		else if (rc)
			return ext4_fail(x, "block bitmap", rc, e);
		extents_add(out, start + first * fs->blocksize, (next - first) * fs->blocksize);
		block = next;
	}
	return 0;
}
