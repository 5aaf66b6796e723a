/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FAT_H
#define BRAMBLE_FAT_H

#include <stdint.h>
#include "buf.h"

/*
 * Files of a FAT filesystem that starts at byte `offset` of an image, without root or mount: read
 * by fat_read.h, written to the root folder by mtools.
 */
MUST_CHECK int fat_read(
	const char *image, uint64_t offset, const char *name, struct buf *b, struct err *e);
MUST_CHECK int fat_write(
	const char *image, uint64_t offset, const char *name, const struct buf *b, struct err *e);
/* The names in the root folder, one a line. */
MUST_CHECK int fat_list(const char *image, uint64_t offset, struct buf *names, struct err *e);
/* Is a name in such a list? FAT knows no case. */
bool fat_listed(const struct buf *names, const char *name);
/* A missing file is fine. */
MUST_CHECK int fat_remove(const char *image, uint64_t offset, const char *name, struct err *e);

#endif
