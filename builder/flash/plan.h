/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FLASH_PLAN_H
#define BRAMBLE_FLASH_PLAN_H

#include "image/bmap.h"
#include "inspect/card.h"
#include "inspect/source.h"
#include "progress.h"

/*
 * What of an image goes onto a card, in which order: the pieces, and last of all the head with the
 * partition table, so that a card boots when all of it is there and not before. Made once per
 * image, read by the writers of all its cards.
 *
 * The map is IMAGE.bmap where there is one, else made from the image's filesystems. All of the
 * image's bytes that are written have been compared with the map's sums when plan_make returns:
 * a damaged image costs no card.
 *
 * A compressed image is streamed: decoded once for all of its cards (decode.h), and never a file.
 * Of it plan_open knows the head, the map beside it and what manifest.json tells; the pieces are
 * what was handed out, with sums taken on the way, once it has been decoded. So a damaged one is
 * noticed while cards are written, and they do not boot. For --keep-data a card is compared with
 * all of the image first: that decompresses into the cache.
 */
#define HEAD_SIZE (1u << 20)

struct piece {
	uint64_t at, length; /* bytes, from HEAD_SIZE on */
	uint8_t sum[32];
};

struct plan {
	char *name;  /* of the image, as the user calls it */
	char *label; /* "pi1 of garden", of a node's image; else the image's name */
	struct source source;
	int fd;
	struct card card; /* what is in the image */
	uint64_t image_size;
	uint8_t *head; /* HEAD_SIZE bytes */
	struct piece *pieces;
	size_t npieces;
	uint64_t bytes; /* of all pieces */

	bool upgrade; /* the card shall upgrade its store: plan_make writes that into a copy */

	/* Of a streamed image: */
	bool streamed;
	bool size_known;  /* else image_size is where its last partition ends */
	bool nobody_told; /* it may be a node's: there is a p3, and no manifest */
	struct bmap map;  /* no ranges: there is none, all of the image is written */
	char *sha256;     /* of all of it, in hex; NULL: not known */
};
#define PLAN_NONE ((struct plan){.source = SOURCE_NONE, .fd = -1})

/*
 * Opens the image and looks at what it is; nothing of its map yet. whole: all of the image is
 * wanted at once, a compressed one is not streamed.
 */
MUST_CHECK int plan_open(struct plan *p, const char *image, bool whole, struct err *e);
/* Its part for streamed images. */
MUST_CHECK int plan_open_stream(struct plan *p, struct err *e);

/* Finds or makes the map. only_front: p3 stays as it is, so nothing of it is written. */
MUST_CHECK int plan_make(struct plan *p, bool only_front, struct progress *progress, struct err *e);

void plan_close(struct plan *p);

/*
 * Makes the plan's image one of the cache's own, decompressed or copied, and leaves in its p2 the
 * configuration under which bramble-upgrade.service runs Neo4j once. The image that was named is
 * as it was: the next card made of it must not upgrade anything.
 */
MUST_CHECK int plan_order_upgrade(struct plan *p, struct err *e);

/*
 * Where the map of an image may be, as bmaptool looks for it: the name with .bmap added, then with
 * the last suffixes replaced ("a.img.xz": a.img.xz.bmap, a.img.bmap, a.bmap). NULL: nowhere.
 */
char *plan_find_map(const char *image);

#endif
