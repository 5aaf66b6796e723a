/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_XZ_H
#define BRAMBLE_XZ_H

#include <archive.h>
#include <stdbool.h>
#include "err.h"

/*
 * .xz in front of libarchive, decoded by liblzma on all processors: libarchive's own filter has one
 * thread, and most of what comes as .xz was made in blocks that are independent (Debian's large
 * packages, Raspberry Pi OS). What was made in one piece is decoded by one thread, as it comes.
 * What is damaged or cut off is an error of the archive, as with its own filters.
 */

/* Does the file begin as an .xz does? */
bool xz_is(const char *path);

/* How much the file holds, by its index; 0: it does not say. */
uint64_t xz_size(const char *path);

/* As archive_read_open_filename, of the decoded bytes; the formats are the caller's. */
MUST_CHECK int xz_open_file(struct archive *a, const char *path);

/* As archive_read_open; the caller's function gives the .xz and is not told of the end. */
MUST_CHECK int xz_open(struct archive *a, archive_read_callback *read, void *arg);

#endif
