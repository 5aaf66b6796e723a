/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FLASH_DECODE_H
#define BRAMBLE_FLASH_DECODE_H

#include "feed.h"
#include "plan.h"

/*
 * Decodes the image of a streamed plan from its beginning to its end and hands out what belongs
 * onto the cards, which the plan's pieces then list: with a map what that names, each range equal
 * to its sum there; without one all of the image, zeros too, since a card's old bytes would show
 * where they are left out. The whole image is compared with manifest.json's sum when no map has
 * better ones. Whatever the decoder leaves unnoticed (libarchive does not look at gzip's own
 * check sum) these notice; an image of another size than its map, its manifest or its partition
 * table says is refused without any of them.
 *
 * A feed_make_fn; arg is the struct plan.
 */
MUST_CHECK int decode_plan(struct feed *f, void *arg, struct err *e);

/*
 * Once more some bytes of it into a medium_buffer, for a piece that a card did not keep: reading
 * forward in one decoder, which begins again when asked for what lies behind. A zeroed struct is
 * one to begin with.
 */
struct decode_again {
	struct archive *archive;
	uint64_t at;
};
MUST_CHECK int decode_again(struct decode_again *d, const struct plan *p, void *buffer, size_t n,
	uint64_t at, struct err *e);
void decode_again_end(struct decode_again *d);

#endif
