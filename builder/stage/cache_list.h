/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CACHE_LIST_H
#define BRAMBLE_CACHE_LIST_H

#include <stdint.h>
#include <time.h>
#include "util.h"

/*
 * The cached images as a list, and what keeps the cache small: of images nobody uses those go first
 * that were not used for the longest time.
 */
struct cached {
	char *path;
	char stage[32];
	char key[32];   /* as in the file's name */
	uint64_t bytes; /* on the disk */
	struct timespec used;
	bool in_use; /* by a build right now */
};

struct cache_list {
	struct cached *list; /* longest unused first */
	size_t n;
	uint64_t bytes;
};

/* A folder that is not there has no images. */
MUST_CHECK int cache_list_read(struct cache_list *l, const char *dir, struct err *e);
void cache_list_free(struct cache_list *l);
#define _cleanup_cache_list_ _cleanup_(cache_list_free)

/* CACHE/stages; the caller frees. It need not be there. */
char *cache_stages_dir(void);

/* The recipe beside an image; the caller frees. */
char *cache_recipe_path(const char *image);

/*
 * How large the images may become: $BRAMBLE_CACHE_MAX (a size as in cluster.conf), else 20 GB or a
 * tenth of the disk, whichever is less.
 */
MUST_CHECK int cache_limit(uint64_t *max, struct err *e);

/*
 * Removes images until max bytes are left, or all but those in use. *freed: bytes. What a build
 * uses is locked and stays.
 */
MUST_CHECK int cache_trim(const char *dir, uint64_t max, uint64_t *freed, struct err *e);

#endif
