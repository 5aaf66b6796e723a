/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_EXT4_LOOK_H
#define BRAMBLE_EXT4_LOOK_H

#include "ext4.h"

/*
 * Looking at an ext4 filesystem without ever writing: one that must not be edited (dirty, foreign
 * features) can still be looked at, as it lies there: its journal is not replayed.
 */
MUST_CHECK struct ext4 *ext4_open_look(const char *image, uint64_t offset, struct err *e);

struct ext4_info {
	char label[17], uuid[37];
	char *features; /* "has_journal ext_attr ...", in the superblock's order; to be freed */
	uint64_t size, free;
	const char *dirt; /* why it is not clean: "its journal must be replayed"; NULL: clean */
};
void ext4_info(struct ext4 *fs, struct ext4_info *info);

struct ext4_stat {
	enum ext4_kind kind;
	struct ext4_owner owner;
	uint64_t size;
};
/* What lies at path, a link in the last place not followed; false: nothing. */
bool ext4_stat(struct ext4 *fs, const char *path, struct ext4_stat *st);

/* Where the link at path leads. Links longer than 4095 bytes are none. */
MUST_CHECK int ext4_readlink(struct ext4 *fs, const char *path, struct buf *b, struct err *e);

/*
 * The names in a folder (a link to one is followed) but "." and "..", sorted, in an array that ends
 * with NULL; ext4_free_names frees it. A folder of more than 10000 names is an error.
 */
MUST_CHECK char **ext4_names(struct ext4 *fs, const char *path, struct err *e);
void ext4_free_names(char ***names);
#define _cleanup_names_ _cleanup_(ext4_free_names)

/* Bytes in all regular files below a folder, of TREE_MAX names; what cannot be read counts nothing.
 */
#define TREE_MAX 100000
uint64_t ext4_tree_size(struct ext4 *fs, const char *path);

/*
 * What e2fsck would do first, by the library alone, where e2fsck is not installed: checksums of
 * superblock, descriptors, bitmaps and inodes, and that the free counts are those of the bitmaps.
 * It does not look at folders and block maps. EXIT_INPUT with the first thing that is wrong.
 */
MUST_CHECK int ext4_check_checksums(const char *image, uint64_t offset, struct err *e);

#endif
