/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PLACE_H
#define BRAMBLE_PLACE_H

#include <sys/stat.h>
#include "buf.h"
#include "err.h"
#include "generation.h"

/*
 * Files put into a tree by root, where others may own folders: no link is followed on the way
 * (lists name real paths), and a file changes by rename in the folder that was opened.
 */
struct place {
	int dir; /* -1: not open */
	const char *name;
	char *path; /* with root, for people */
};

/* Opens path's folder below root; with `make` missing ones are made (0755). */
MUST_CHECK int place_open(
	struct place *p, const char *root, const char *path, bool make, struct err *e);
void place_close(struct place *p);
#define _cleanup_place_ _cleanup_(place_close)

/* Is there what f wants, its owner and mode too? */
bool place_is(const struct place *p, const struct generation_file *f);

/* Makes f's successor beside it, from the content at `from`, checked and synced; for commit. */
MUST_CHECK int place_stage(
	const struct place *p, const struct generation_file *f, const char *from, struct err *e);
/* What was staged takes its place. */
MUST_CHECK int place_commit(const struct place *p, struct err *e);
/* With what was staged for it. */
MUST_CHECK int place_remove(const struct place *p, struct err *e);

/* A second name for what is there, in the folder `dir`; and back. 0: nothing was there. */
MUST_CHECK int place_save(const struct place *p, int dir, const char *name, struct err *e);
MUST_CHECK int place_restore(const struct place *p, int dir, const char *name, struct err *e);

#endif
