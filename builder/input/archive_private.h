/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_ARCHIVE_PRIVATE_H
#define BRAMBLE_ARCHIVE_PRIVATE_H

/* What archive.c, deb.c and unpack.c share. */
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
	const char *dest; /* "" for the root, or "/opt/..." */
	const char *top;  /* the folder of the archive that dest stands for; "" for all of it */
	bool others_too;  /* what is not below top is passed over; else refused */
	bool confined;    /* an archive: nothing of it leaves dest, everything is root's */
	bool package;     /* a package: owners are kept, no file is replaced */
};

int archive_fail(struct archive *a, const char *path, struct err *e);
/* The formats inputs come in, and no filter that would run another program. */
void archive_support_filters(struct archive *a);
MUST_CHECK struct archive *archive_open_tar(const char *path, struct err *e);
/* 1: *entry is the next one, and has a name; 0: the end; -1: error. */
MUST_CHECK int archive_next(
	struct archive *a, const char *path, struct archive_entry **entry, struct err *e);
/* NULL: pax stores it in a way that neither the C locale nor UTF-8 can say. */
const char *archive_name(struct archive_entry *en);
MUST_CHECK int unpack_entry(
	const struct unpack *u, struct archive *a, struct archive_entry *en, struct err *e);

#endif
