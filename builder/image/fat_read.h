/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FAT_READ_H
#define BRAMBLE_FAT_READ_H

#include <stdint.h>
#include "buf.h"

/*
 * Reads a FAT12, FAT16 or FAT32 filesystem inside an image or a device, by Microsoft's "FAT:
 * General Overview of On-Disk Format" 1.03. Whatever bytes lie there: every number is checked
 * against the volume's own bounds before it is used, chains that loop end in an error. Never
 * writes.
 *
 * Names are compared without case; a character outside ASCII shows as '?'.
 */
struct fat;

/* The filesystem at byte `offset`, of at most `size` bytes (0: up to the end of the file). */
MUST_CHECK struct fat *fat_open(const char *image, uint64_t offset, uint64_t size, struct err *e);
void fat_close(struct fat **f);
#define _cleanup_fat_ _cleanup_(fat_close)

struct fat_info {
	unsigned bits; /* 12, 16 or 32 */
	char label[12];
	uint32_t serial; /* what blkid shows as UUID "%04X-%04X" */
	uint64_t size;   /* bytes */
	uint64_t free;   /* bytes, counted in the table */
	unsigned cluster_size;
	bool dirty; /* mounted once and never unmounted, or marked so */
};
void fat_info(struct fat *f, struct fat_info *info);

/* Appends a whole file of up to 16 MiB; path such as "overlays/dwc2.dtbo". */
MUST_CHECK int fat_read_file(struct fat *f, const char *path, struct buf *b, struct err *e);

/* Appends the names in the root folder, one a line, a folder's with "/" behind it. */
MUST_CHECK int fat_names(struct fat *f, struct buf *names, struct err *e);

/*
 * Reads all of the structure: the copies of the table are equal, each file's chain is as long as
 * its size wants, ends, and shares nothing with another one's, no cluster is in use by nobody, and
 * the free count, where one is kept, is right. EXIT_INPUT with the first thing that is wrong.
 */
MUST_CHECK int fat_check(struct fat *f, struct err *e);

#endif
