/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FAT_PRIVATE_H
#define BRAMBLE_FAT_PRIVATE_H

/* What fat_read.c (the volume), fat_dir.c (folders) and fat_check.c (all of it) share. */
#include "fat_read.h"

struct fat {
	char *image;
	int fd;
	uint64_t start; /* of the volume in the image, bytes */
	struct fat_info info;
	unsigned sector; /* bytes */
	unsigned copies; /* of the table */
	uint64_t table_at, table_size;
	uint64_t root_at, root_size; /* FAT12 and FAT16: the root folder's place */
	uint64_t data_at;            /* of cluster 2 */
	uint32_t clusters;           /* numbered from 2 */
	uint32_t root_cluster;       /* FAT32 */
	unsigned info_sector;        /* FAT32's FSInfo; 0: none */
	uint8_t *table;              /* the first copy */
};

#define FAT_ROOT 0 /* "cluster" of the root folder, as ".." entries have it */

/* What the table has for a cluster: the next one, 0 (free), or something above `clusters` + 1. */
uint32_t fat_next(const struct fat *f, uint32_t cluster);
bool fat_is_cluster(const struct fat *f, uint32_t cluster);

/* n bytes at a place within the volume, checked against its size. */
MUST_CHECK int fat_pread(struct fat *f, void *p, size_t n, uint64_t at, struct err *e);

/* Appends the first n bytes of a chain; one that ends earlier is an error. */
MUST_CHECK int fat_read_chain(
	struct fat *f, uint32_t cluster, uint64_t n, struct buf *b, struct err *e);

struct fat_entry {
	char name[261]; /* the long name if there is one: at most 20 pieces of 13 */
	uint8_t attributes;
	uint32_t cluster;
	uint32_t size;
};
#define FAT_READONLY 0x01
#define FAT_VOLUME 0x08
#define FAT_FOLDER 0x10
#define FAT_LONG 0x0f /* a piece of a long name */

/* A folder's entries; "." and ".." are left out, the volume's label is not. */
struct fat_folder {
	struct buf bytes;
	size_t at;
};
MUST_CHECK int fat_folder_open(
	struct fat *f, uint32_t cluster, struct fat_folder *d, struct err *e);
bool fat_folder_next(struct fat *f, struct fat_folder *d, struct fat_entry *en);
static inline void fat_folder_close(struct fat_folder *d)
{
	buf_free(&d->bytes);
}
#define _cleanup_folder_ _cleanup_(fat_folder_close)

int fat_damaged(const struct fat *f, struct err *e, const char *fmt, ...) PRINTF(3, 4);

#endif
