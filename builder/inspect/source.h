/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_INSPECT_SOURCE_H
#define BRAMBLE_INSPECT_SOURCE_H

#include "stage/cache.h"

/*
 * The file to read for what the user names: itself, or for a compressed image (.xz, .gz, .zst,
 * .zip) a decompressed copy in the cache that goes when the source is closed.
 */
struct source {
	char *image;
	struct cache cache;
};
#define SOURCE_NONE ((struct source){.cache = CACHE_NONE})

/* By its name. */
bool source_is_compressed(const char *name);
MUST_CHECK int source_open(struct source *s, const char *name, struct err *e);
/* Makes it a copy that goes when the source is closed, if it is none yet; for those who change it.
 */
MUST_CHECK int source_make_own(struct source *s, struct err *e);
void source_close(struct source *s);
#define _cleanup_source_ _cleanup_(source_close)

#endif
