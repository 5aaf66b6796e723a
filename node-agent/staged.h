/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_STAGED_H
#define BRAMBLE_STAGED_H

#include "buf.h"
#include "err.h"

/*
 * Files that change together. What is written lies beside each of them, synced, until all of it
 * does: so a disk that is full, or a file that cannot be read, leaves everything as it was. What
 * is left then are renames, for which a filesystem needs no room. What a power cut leaves beside a
 * file goes the next time that file changes; nobody else may write it at that moment.
 */
#define STAGED_MAX 12

struct staged {
	struct staged_file {
		char *path, *next; /* next NULL: it is to go */
	} file[STAGED_MAX];
	size_t n;
	size_t done; /* so many are what they were to become */
};

MUST_CHECK int staged_write(
	struct staged *s, const char *path, const struct buf *text, mode_t mode, struct err *e);
MUST_CHECK int staged_remove(struct staged *s, const char *path, struct err *e);

/* In the order of the calls. -1: as far as `done` tells. */
MUST_CHECK int staged_commit(struct staged *s, struct err *e);

/* Takes away what was not committed. */
void staged_close(struct staged *s);
#define _cleanup_staged_ _cleanup_(staged_close)

#endif
