/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CACHE_H
#define BRAMBLE_CACHE_H

#include "hash.h"

/*
 * The folder of finished stages, shared by any number of builds. A file there is whole: it is made
 * in a folder of the build's own, synced, and renamed. That folder is locked while its build
 * lives; the next build removes folders nobody holds, so a killed build costs no room for long.
 */
struct cache {
	char *dir;  /* CACHE/stages */
	char *work; /* dir/.work-XXXXXX */
	int lock;   /* of work */
};
#define CACHE_NONE ((struct cache){.lock = -1})

MUST_CHECK int cache_open(struct cache *c, struct err *e);
void cache_close(struct cache *c);

/* Where a stage's image is or will be; and is it there already? The caller frees *path. */
bool cache_find(const struct cache *c, const char *stage, const char *key, char **path);

/* The name of a new file in the build's own folder; nothing is there. The caller frees. */
char *cache_temporary(const struct cache *c, const char *name);
MUST_CHECK int cache_publish(const char *temporary, const char *path, struct err *e);

#endif
