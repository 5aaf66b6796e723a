/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_ARCHIVE_PRIVATE_H
#define BRAMBLE_ARCHIVE_PRIVATE_H

/* What archive.c and deb.c share. */
#include <archive.h>
#include <archive_entry.h>
#include "archive.h"

static inline void archive_cleanup(struct archive **a)
{
	archive_read_free(*a);
}
#define _cleanup_archive_ _cleanup_(archive_cleanup)

struct unpack {
	const char *path; /* of the archive, for errors */
	struct ext4 *fs;
	const char *dest;   /* "" for the root, or "/opt/..." */
	size_t strip;       /* characters of a hard link's target that dest replaces */
	bool trusted_links; /* packages may link anywhere on the card; archives may not */
	bool keep_owner;
};

int archive_fail(struct archive *a, const char *path, struct err *e);
MUST_CHECK struct archive *archive_open_tar(const char *path, struct err *e);
/* 1: *entry is the next one; 0: the end; -1: error. */
MUST_CHECK int archive_next(
	struct archive *a, const char *path, struct archive_entry **entry, struct err *e);
MUST_CHECK int unpack_entry(const struct unpack *u, struct archive *a, struct archive_entry *en,
	const char *rel, struct err *e);

#endif
