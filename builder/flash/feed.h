/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FLASH_FEED_H
#define BRAMBLE_FLASH_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "err.h"

/*
 * What one thread makes and several take, in order and each all of it: the pieces of an image that
 * is decompressed once for all of its cards. Each taker has a seat. The maker waits for the
 * slowest, so no more than FEED_DEPTH pieces are in memory; but a seat that keeps others waiting
 * for longer than the feed's patience loses its place, and whoever takes for it is told so. A taker
 * that ends early leaves its seat. When the maker fails, all takers get its error at their next
 * take.
 */
#define FEED_DEPTH 4u
#define FEED_PATIENCE_MS 60000

struct feed_piece {
	uint64_t at; /* where in the image */
	size_t n;
	bool zero;     /* all of it */
	uint8_t *data; /* n bytes in a buffer of medium_buffer */
	unsigned holders;
};

struct feed;
typedef int feed_make_fn(struct feed *f, void *arg, struct err *e);

/* Begins the maker's thread: make(f, arg) calls feed_put for each piece and then returns. */
struct feed *feed_new(size_t seats, int64_t patience_ms, feed_make_fn *make, void *arg);

/*
 * Hands on a piece, which is the feed's from then on, and so are its bytes. -1: nobody sits there
 * any more, or a signal came.
 */
MUST_CHECK int feed_put(struct feed *f, struct feed_piece *p, struct err *e);
/* A piece of MEDIUM_CHUNK bytes to fill. */
struct feed_piece *feed_piece_new(void);
void feed_piece_free(struct feed_piece *p);

/* 1: *p is the next piece, to be given back; 0: that was all; -1: the error. */
MUST_CHECK int feed_take(struct feed *f, size_t seat, struct feed_piece **p, struct err *e);
void feed_give_back(struct feed *f, struct feed_piece *p);
/* May be called twice. */
void feed_leave(struct feed *f, size_t seat);

/* Waits for the maker; to be called when all have left. NULL is fine. */
void feed_free(struct feed *f);

#endif
