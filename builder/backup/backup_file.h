/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_BACKUP_FILE_H
#define BRAMBLE_BACKUP_FILE_H

#include "neostore.h"
#include "pack.h"

/*
 * A backup on the PC: a tar in zstd of the store's files below "store/", and as its last entry
 * "bramble-backup.json", which says what it is and the digest of the pack (pack.h) those files
 * make. A file without that entry, or with another digest, is not whole.
 */
struct backup_about {
	char cluster[64], node[64], neo4j[32], taken[32]; /* taken: by the PC's clock, UTC */
	char id[33];                                      /* of the cluster */
	struct neostore store;
	struct pack_sums sums;
};

/* --- writing: beside path, and renamed to it when it is whole; errors begin with path */
struct backup_writer;

/* EXIT_USAGE where something is at path that a file cannot take the place of. */
MUST_CHECK struct backup_writer *backup_create(const char *path, struct err *e);
/* The pack as it comes. 1: it has ended. */
MUST_CHECK int backup_take(struct backup_writer *w, const void *p, size_t n, struct err *e);
/* about's store and sums are filled in here. */
MUST_CHECK int backup_finish(struct backup_writer *w, struct backup_about *about, struct err *e);
/* Removes what was not finished. */
void backup_writer_free(struct backup_writer *w);

/* --- reading: EXIT_INPUT for what is no backup, or not whole */
struct backup_reader;

MUST_CHECK struct backup_reader *backup_open(const char *path, struct err *e);
/*
 * Appends some more of the pack to out. 1: there is more to come; 0: that was all, and it was
 * whole.
 */
MUST_CHECK int backup_next(struct backup_reader *r, struct buf *out, struct err *e);
void backup_reader_free(struct backup_reader *r);

/* Reads all of it: is it whole, and what is it? */
MUST_CHECK int backup_check(const char *path, struct backup_about *about, struct err *e);

static inline void backup_writer_cleanup(struct backup_writer **w)
{
	backup_writer_free(*w);
}
static inline void backup_reader_cleanup(struct backup_reader **r)
{
	backup_reader_free(*r);
}

#endif
