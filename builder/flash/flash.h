/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FLASH_FLASH_H
#define BRAMBLE_FLASH_FLASH_H

#include "job.h"

/*
 * A run of `bramble flash`: which images go onto which cards, and may they? Nothing is written
 * before flash_write, and flash_write begins no card unless all of them could be opened and all
 * images are whole.
 */
struct flash_options {
	const char *cluster; /* the cluster.conf nodes are named in; NULL: the only one here */
	bool keep_data, allow_store_upgrade;
	bool allow_fixed, unmount, clones;
	bool discard;
	bool yes;
};

struct flash {
	const struct flash_options *options;
	struct plan **plans; /* one per image */
	size_t nplans;
	struct job *jobs; /* one per card */
	size_t njobs;
};

/* What the command line asks for: n words "NODE|IMAGE DEVICE..." or "NODE|IMAGE=DEVICE...". */
struct operand {
	char *image, *device;
};
MUST_CHECK int operands_parse(
	char *const *words, size_t n, struct operand **operands, size_t *count, struct err *e);
void operands_free(struct operand *operands, size_t count);

/* The image file a NODE or IMAGE stands for; the caller's. */
MUST_CHECK char *find_image(const char *what, const char *cluster, struct err *e);

/* Looks at all images and cards and refuses what must not be. */
MUST_CHECK int flash_prepare(struct flash *f, const struct operand *operands, size_t count,
	const struct flash_options *options, struct err *e);

/* Says on standard error what will be lost and, unless --yes, asks. -1: no. */
MUST_CHECK int flash_confirm(const struct flash *f, struct err *e);

/* Writes all cards at once. -1 when any of them failed; each failure has been printed. */
MUST_CHECK int flash_write(struct flash *f, struct err *e);

void flash_free(struct flash *f);
#define _cleanup_flash_ _cleanup_(flash_free)

#endif
