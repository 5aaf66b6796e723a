/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FLASH_MEDIUM_H
#define BRAMBLE_FLASH_MEDIUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "err.h"

/*
 * A card open for writing and reading back, past the page cache (O_DIRECT) where the kernel lets
 * us: what is read back must come from the card. Where it does not (tmpfs, a last piece that is no
 * whole sector) the cache is synced and dropped instead.
 *
 * Buffers come from medium_buffer and hold MEDIUM_CHUNK bytes; each call moves at most that many.
 * Errors name the card, the byte and what to do, and set `gone` when the card was pulled out.
 */
#define MEDIUM_CHUNK (4u << 20)

struct medium {
	const char *path;
	int fd; /* not owned */
	bool direct;
	bool gone;
};

void medium_begin(struct medium *m, const char *path, int fd);
/* The caller frees. */
void *medium_buffer(void);

MUST_CHECK int medium_write(
	struct medium *m, const void *buffer, size_t n, uint64_t at, struct err *e);
MUST_CHECK int medium_read(struct medium *m, void *buffer, size_t n, uint64_t at, struct err *e);

/* All that was written is on the card; nothing of it is in the cache afterwards. */
MUST_CHECK int medium_sync(struct medium *m, struct err *e);

/*
 * Makes these bytes zeros without moving them, where the kernel promises that they are
 * (BLKZEROOUT, a hole in a file); false: they have to be written. Not by discarding: some cards
 * show their old bytes after that.
 */
bool medium_zero(struct medium *m, uint64_t at, uint64_t n);

/* Tells the card that these bytes need not be kept. A card that cannot be told is left alone. */
void medium_discard(struct medium *m, uint64_t at, uint64_t n);

/* Lets the kernel read the new partition table; nothing depends on it. */
void medium_reread_table(struct medium *m);

#endif
