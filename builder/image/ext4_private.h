/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_EXT4_PRIVATE_H
#define BRAMBLE_EXT4_PRIVATE_H

/* What ext4.c (a filesystem as a whole), ext4_edit.c (what is in it) and ext4_look.c share. */
#include <ext2fs/ext2fs.h>
#include "ext4.h"

struct ext4 {
	ext2_filsys fs;
	char *image;
	ext2_file_t file; /* between ext4_file_begin and ext4_file_end */
	char *file_path;
	ext4_watch_fn *watch; /* NULL: nobody */
	void *watch_arg;
};

/* errcode_t of libext2fs: its own table through com_err, or an errno. Returns -1. */
int ext4_fail(const struct ext4 *x, const char *path, errcode_t rc, struct err *e);

/* Opens whatever libext2fs can; flags as its own. */
MUST_CHECK struct ext4 *ext4_open_unchecked(
	const char *image, uint64_t offset, int flags, struct err *e);

/* Why a filesystem is not clean, or NULL. */
const char *ext4_dirt(ext2_filsys fs);

void ext4_uuid_text(char text[static 37], const uint8_t uuid[static 16]);

#endif
