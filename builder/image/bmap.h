/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_BMAP_H
#define BRAMBLE_BMAP_H

#include <stdint.h>
#include "buf.h"

/*
 * Which blocks of an image a card needs, in the terms of bmap 2.0 (bmaptool's XML).
 *
 * The map is made from what the filesystems say is in use, never from the holes of the image file:
 * mke2fs leaves holes where it means zeros (inode tables, the journal), and a card that held other
 * data would show that instead. A block that is not in the map may hold anything.
 *
 * In every struct bmap, read or made:
 *	- ranges ascend and do not overlap, lie inside of the image, and there is at least one;
 *	- two ranges may touch: bmap_from_image makes none larger than BMAP_RANGE_MAX, so that
 *	  one that fails to verify is cheap to write again, and none that crosses the start of
 *	  a partition, so that the ranges in front of p3 and those in it can be told apart;
 *	- sha256 is of the range's bytes, those of a short last block only as far as the image goes.
 * A zeroed struct is an empty map that bmap_free takes.
 */
#define BMAP_BLOCK 4096u
#define BMAP_RANGE_MAX (UINT64_C(8) << 20) /* bytes */
#define BMAP_SHA256 32u

struct bmap_range {
	uint64_t first, last; /* blocks, both included */
	uint8_t sha256[BMAP_SHA256];
};

struct bmap {
	uint64_t image_size; /* bytes */
	struct bmap_range *ranges;
	size_t nranges;
};

#define _cleanup_bmap_ _cleanup_(bmap_free)
void bmap_free(struct bmap *m);

/*
 * Makes the map of an image that build made (uncompressed, with p1, p2 and p3): the table and the
 * first MiB, what is not zero between it and p1, FAT's own sectors and used clusters, and every
 * block in use in p2 and p3, bitmaps, inode tables, backups of the superblock and the whole
 * journal included. Reads all of those blocks, for the checksums.
 */
MUST_CHECK int bmap_from_image(const char *image, struct bmap *m, struct err *e);

/* Appends the map as bmap 2.0 XML; the same map gives the same bytes. */
void bmap_format(const struct bmap *m, struct buf *xml);
/* The same into a file of mode 0644 that appears by rename. */
MUST_CHECK int bmap_write(const char *path, const struct bmap *m, struct err *e);

/*
 * Reads bmap 2.0 XML and checks all of it: its own checksum, the counts, the ranges' order and
 * bounds, and that each range has a sha256. Everything else is EXIT_INPUT, in particular older
 * versions, other checksums and block sizes other than BMAP_BLOCK, a DTD, and more than
 * BMAP_XML_MAX bytes. On error *m is empty.
 */
#define BMAP_XML_MAX (32u << 20)
MUST_CHECK int bmap_parse(const char *xml, size_t n, struct bmap *m, struct err *e);
MUST_CHECK int bmap_read(const char *path, struct bmap *m, struct err *e);

/* Where a range lies in the image, in bytes. */
static inline uint64_t bmap_offset(const struct bmap_range *r)
{
	return r->first * BMAP_BLOCK;
}
/* Its length in bytes; less than whole blocks only at the end of the image. */
uint64_t bmap_length(const struct bmap *m, const struct bmap_range *r);
/* The sum of all ranges' lengths: what a card gets to write. */
uint64_t bmap_mapped_bytes(const struct bmap *m);

#endif
