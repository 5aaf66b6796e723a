/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_UNPACK_H
#define BRAMBLE_UNPACK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include "err.h"

/*
 * A pack (pack.h), the file `from`, becomes the folder `to`, whole and synced, or nothing is there:
 * it is made as `to`.new. What was in either is gone.
 */
MUST_CHECK int unpack(const char *from, const char *to, struct err *e);

/* Where on p3 a store that is to be restored comes, and where it is unpacked, below dir. */
#define UNPACK_FROM "bramble.incoming"
#define UNPACK_TO "neo4j/data/incoming"
/*
 * What became of it, below dir: unpack_name of the file it was, and UNPACK_OK, or ": " and why
 * not. Another file with the same bytes has another name.
 */
#define UNPACK_RESULT "neo4j/data/incoming.result"
#define UNPACK_OK " ok"
void unpack_name(const struct stat *st, char *to, size_t size);

/* Writes that result, of what rc and e tell; returns rc, or -1. */
MUST_CHECK int unpack_tell(const struct stat *from, const char *result, int rc, struct err *e);

/* What unpack_store will delete first, of tries before, in bytes; what cannot be read does not
 * count. */
uint64_t unpack_leftover(const char *dir);

/* All of that, in bramble-unpack.service, as Neo4j's own user; dir is where p3 is mounted. */
MUST_CHECK int unpack_store(const char *dir, struct err *e);

#endif
