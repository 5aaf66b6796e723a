/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CATALOGUE_H
#define BRAMBLE_CATALOGUE_H

#include "sha256.h"

/*
 * What `bramble fetch` can download, as data: JSON of the form
 *
 *	{"catalogue": 1, "entries": [{"name": "...", "urls": ["https://..."], "size": 123,
 *	  "sha256": "...", "what": "...", "licence": "..."}]}
 *
 * size may be missing, sha256 may not: nothing is taken on a server's word. The file is called as
 * the first URL ends, unless "file" says otherwise. What was added later replaces entries of the
 * same name.
 */
struct catalogue_entry {
	char *name;  /* a word for people and cluster.conf: a-z, 0-9, ".", "-", "+", "_" */
	char **urls; /* tried in this order, up to NULL; http or https */
	char *file;  /* what it is called in the inputs folder: no slash, no dot in front */
	char *what, *licence;
	uint64_t size; /* 0: not known */
	char sha256[SHA256_HEX];
};

struct catalogue {
	struct catalogue_entry *entries;
	size_t n;
};

/* Bramble's own entries and those of `dir`/catalogue.json, where there is one; EXIT_INPUT. */
MUST_CHECK int catalogue_load(struct catalogue *c, const char *dir, struct err *e);

const struct catalogue_entry *catalogue_find(const struct catalogue *c, const char *name);

void catalogue_free(struct catalogue *c);
#define _cleanup_catalogue_ _cleanup_(catalogue_free)

#endif
