/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CACHE_H
#define BRAMBLE_CACHE_H

#include "recipe.h"

/*
 * The folder of finished stages, shared by any number of builds. A file there is whole: it is made
 * in a folder of the build's own, synced, and renamed. That folder is locked while its build
 * lives; the next build removes folders nobody holds, so a killed build costs no room for long.
 * An image a build uses is locked too (shared) until the build closes the cache: cache_trim leaves
 * it. Files have mode 0600, folders 0700.
 */
struct cache {
	char *dir;  /* CACHE/stages */
	char *work; /* dir/.work-XXXXXX */
	int lock;   /* of work */
	int *held;  /* the images in use */
	size_t nheld;
};
#define CACHE_NONE ((struct cache){.lock = -1})

MUST_CHECK int cache_open(struct cache *c, struct err *e);
void cache_close(struct cache *c);

/*
 * Where a stage's image is or will be; the caller frees *path. True: it is there, counts as used
 * now, and stays there until cache_close.
 */
bool cache_find(struct cache *c, const char *stage, const char *key, char **path);

/* The name of a new file in the build's own folder; nothing is there. The caller frees. */
char *cache_temporary(const struct cache *c, const char *name);
/* Syncs the file, puts it and its recipe in place and holds it as cache_find does. */
MUST_CHECK int cache_publish(struct cache *c, const char *temporary, const char *path,
	const struct recipe *r, struct err *e);

/* The recipe of the stage's image that was used last; false: there is none. */
bool cache_newest_recipe(const struct cache *c, const char *stage, struct recipe *r);

#endif
