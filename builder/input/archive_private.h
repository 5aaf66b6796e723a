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
	/* Asked first for each entry that is no folder: 1: it has dealt with it; 0: no; -1: error.
	 */
	int (*special)(void *arg, struct ext4 *fs, struct archive *a, struct archive_entry *en,
		const char *to, struct err *e);
	void *arg;
};

int archive_fail(struct archive *a, const char *path, struct err *e);
/* The formats inputs come in, and no filter that would run another program. */
void archive_support_filters(struct archive *a);
/* A tar or .zip of a folder. */
MUST_CHECK struct archive *archive_open_tree(const char *path, struct err *e);

/* Called with a name below the top folder: 0 goes on, 1 has seen enough, -1 is an error. */
typedef int archive_look_fn(
	void *arg, const char *name, struct archive *a, struct archive_entry *en, struct err *e);
/* Shows f the entries below top, until it has seen enough. */
MUST_CHECK int archive_look(
	const char *path, const char *top, archive_look_fn *f, void *arg, struct err *e);
/* Appends up to max bytes of the entry just seen. */
MUST_CHECK int archive_read_head(
	struct archive *a, const char *path, size_t max, struct buf *b, struct err *e);
/* 1: *entry is the next one, and has a name; 0: the end; -1: error. */
MUST_CHECK int archive_next(
	struct archive *a, const char *path, struct archive_entry **entry, struct err *e);
/* NULL: pax stores it in a way that neither the C locale nor UTF-8 can say. */
const char *archive_name(struct archive_entry *en);
MUST_CHECK int unpack_entry(
	const struct unpack *u, struct archive *a, struct archive_entry *en, struct err *e);

#endif
