/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_INSPECT_PLACES_H
#define BRAMBLE_INSPECT_PLACES_H

#include "image/ext4_look.h"

/* The places on p2 where a node's configuration lies. */
enum place_use {
	PLACE_CONFIG = 1 << 0,  /* what `inspect --config` prints */
	PLACE_COMPARE = 1 << 1, /* what is compared with cluster.conf */
};

struct place {
	const char *path; /* a file, or a folder with all below it */
	unsigned use;
};
extern const struct place places[];
extern const size_t nplaces;

struct place_file {
	struct ext4 *fs;
	const char *path;
	struct ext4_stat st;
	bool secret; /* its content must not be shown */
};

/*
 * Calls each for every file, link and folder of the places of that use, in a fixed order; one that
 * returns -1 ends it. A place that is not there is passed over.
 */
MUST_CHECK int places_each(struct ext4 *fs, enum place_use use,
	int (*each)(void *arg, const struct place_file *f, struct err *e), void *arg,
	struct err *e);

/* Fills f for one path; false: nothing is there. */
bool place_look(struct ext4 *fs, const char *path, struct place_file *f);

/* Is it that folder, or something below it? */
bool place_lies_in(const char *path, const char *folder);

/* Is it in a place that is compared with cluster.conf? */
bool place_is_compared(const char *path);

/* Does a running card write this file itself, so that it says nothing about how it was built? */
bool place_is_live(const char *path);

#endif
