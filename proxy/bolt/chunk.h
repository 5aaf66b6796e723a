/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_CHUNK_H
#define PROXY_BOLT_CHUNK_H

#include <stdbool.h>
#include "buf.h"

/*
 * Bolt's chunking: a message is chunks, each two bytes of length and that many of data, and ends
 * with a chunk of length 0; one of length 0 between messages is a NOOP. Incremental: bytes may
 * come in any pieces, and what is found out does not depend on how they came.
 */
struct chunks {
	uint16_t left;   /* data bytes still to come in the current chunk */
	uint8_t high;    /* the first of its two length bytes */
	bool half;       /* only that one has come */
	bool begun;      /* inside of a message */
	uint8_t nhead;   /* how many of head are known */
	uint8_t head[2]; /* the message's first two data bytes: its structure's marker and tag */
	uint64_t bytes;  /* data of the message so far */
};

struct chunk_piece {
	size_t used;         /* bytes consumed, never 0 when there were any */
	const uint8_t *data; /* message data among them */
	size_t n;            /* bytes of data, 0 when none */
	bool end;            /* the message ended with them; *c is ready for the next */
	bool noop;           /* they were a NOOP */
};

/*
 * Takes one piece off p: at most one run of data. After `end`, c->head and c->nhead are still
 * those of the ended message; c->begun tells whether a new one has begun.
 */
struct chunk_piece chunk_next(struct chunks *c, const uint8_t *p, size_t n);

/*
 * How many bytes from p on, where a message may begin, are whole messages of one chunk each with
 * this tag: most records are, and need not be walked over chunk by chunk.
 */
size_t chunk_run(const struct chunks *c, const uint8_t *p, size_t n, uint8_t tag);

/* Appends a message's data in as few chunks as possible, and its end. */
void chunk_message(struct buf *to, const void *data, size_t n);

#endif
