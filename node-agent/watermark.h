/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_WATERMARK_H
#define BRAMBLE_WATERMARK_H

#include "err.h"

/*
 * How long the store at rest may be. Neo4j tells its last transaction only while it runs, and what
 * it committed right before it died nobody has seen. So a bound is kept in DIR/bramble.tx on p3:
 * the last number seen, and room for as many more as the busiest second of late had, times
 * WATERMARK_ROOM. It is written when the store comes close to it, and once more when all is quiet:
 * never more often than every few seconds, and not at all on an idle cluster.
 */
#define WATERMARK_ROOM 12
#define WATERMARK_QUIET_MS 10000

struct watermark {
	uint64_t bound;      /* as on p3 */
	uint64_t seen, most; /* the last number seen; most new ones between two looks */
	int64_t moved_ms;    /* when it last grew */
};

/* UINT64_MAX when there is no file: any length is possible. */
MUST_CHECK int watermark_load(const char *dir, struct watermark *w, struct err *e);
/* Neo4j's word, once a second. */
MUST_CHECK int watermark_see(
	const char *dir, struct watermark *w, uint64_t tx, int64_t now_ms, struct err *e);
/*
 * It holds no more than tx, for a reason of the caller's: nobody writes to it any more. Does
 * nothing where the bound is as low.
 */
MUST_CHECK int watermark_lower(const char *dir, struct watermark *w, uint64_t tx, struct err *e);
/* It holds tx exactly, and goes on from there when it is opened again. */
MUST_CHECK int watermark_exact(const char *dir, struct watermark *w, uint64_t tx, struct err *e);
/* It is another store now, which holds no more than tx. */
MUST_CHECK int watermark_replace(const char *dir, struct watermark *w, uint64_t tx, struct err *e);
/* The store is gone. */
MUST_CHECK int watermark_reset(const char *dir, struct watermark *w, struct err *e);

#endif
