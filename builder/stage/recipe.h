/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_RECIPE_H
#define BRAMBLE_RECIPE_H

#include "hash.h"

/*
 * What a cached image is made of: named ingredients, each with the hash of its content. The hash of
 * them all is the image's key. The recipe is kept as a small file beside the image, so that
 * `build --explain` can name the ingredient that changed.
 */
#define RECIPE_MAX 32

struct ingredient {
	char name[48];
	char hash[HASH_HEX];
};

struct recipe {
	size_t n;
	struct ingredient list[RECIPE_MAX];
};

/* Each name once per recipe; they are what people read: "cluster.conf", "Neo4j's archive". */
void recipe_bytes(struct recipe *r, const char *name, const void *p, size_t n);
void recipe_text(struct recipe *r, const char *name, const char *text);
void recipe_number(struct recipe *r, const char *name, unsigned long long value);
/* A file's bytes, or all of a folder's (digest.h). */
MUST_CHECK int recipe_path(struct recipe *r, const char *name, const char *path, struct err *e);
/* What the program carries for the cards below `top`, as "overlays/common". */
MUST_CHECK int recipe_assets(struct recipe *r, const char *name, const char *top, struct err *e);

void recipe_key(const struct recipe *r, char key[static HASH_HEX]);

/* As a file of mode 0600, replaced as a whole. */
MUST_CHECK int recipe_save(const struct recipe *r, const char *path, struct err *e);
/* False if there is none or it cannot be read: then nothing is known. */
bool recipe_load(struct recipe *r, const char *path);
/* Was that one's recipe_text(r, name, text)? */
bool recipe_says(const struct recipe *r, const char *name, const char *text);

/* "Neo4j's archive, settings": the names whose hashes differ, or that only one has. */
char *recipe_changes(const struct recipe *now, const struct recipe *before);

#endif
