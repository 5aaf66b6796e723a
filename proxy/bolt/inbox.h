/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_INBOX_H
#define PROXY_BOLT_INBOX_H

#include "chunk.h"
#include "stream.h"

/*
 * What came from a peer, as messages: the one at the front is looked at, then taken, whole or, once
 * its fate is known, as it comes.
 */
struct inbox {
	struct stream bytes;
	size_t seen;          /* bytes that chunks has walked over */
	struct chunks chunks; /* of the message at the front */
	bool ended;           /* all of that message is here */
};

/* Walks over the bytes of the message at the front that were not looked at yet. */
void inbox_walk(struct inbox *in);
/* Its first two bytes are known. */
static inline bool inbox_has_tag(const struct inbox *in)
{
	return in->chunks.nhead == sizeof(in->chunks.head);
}
static inline uint8_t inbox_tag(const struct inbox *in)
{
	return in->chunks.head[1];
}
/* Appends the data of what was walked over, out of its chunks. */
void inbox_data(const struct inbox *in, struct buf *data);
/* Takes what was walked over: the message goes on. */
void inbox_take(struct inbox *in);
/* The message at the front is done with. */
void inbox_next(struct inbox *in);

#endif
