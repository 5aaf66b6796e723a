/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_EXT4_PRIVATE_H
#define BRAMBLE_EXT4_PRIVATE_H

/* What ext4.c (a filesystem as a whole) and ext4_edit.c (what is in it) share. */
#include <ext2fs/ext2fs.h>
#include "ext4.h"

struct ext4 {
	ext2_filsys fs;
	char *image;
	ext2_file_t file; /* between ext4_file_begin and ext4_file_end */
	char *file_path;
};

/* errcode_t of libext2fs: its own table through com_err, or an errno. Returns -1. */
int ext4_fail(const struct ext4 *x, const char *path, errcode_t rc, struct err *e);

#endif
