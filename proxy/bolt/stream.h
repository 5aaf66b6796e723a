/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_STREAM_H
#define PROXY_BOLT_STREAM_H

#include "buf.h"

/*
 * Bytes on their way: appended at the end of `b`, taken from the front at `at`, moved only when
 * that is cheap. Relaying pauses its source above STREAM_HIGH and goes on below STREAM_LOW.
 */
#define STREAM_HIGH (256u << 10)
#define STREAM_LOW (64u << 10)
#define STREAM_READ (64u << 10) /* most bytes of one read */

struct stream {
	struct buf b;
	size_t at;
};

static inline size_t stream_len(const struct stream *s)
{
	return s->b.len - s->at;
}
static inline const uint8_t *stream_bytes(const struct stream *s)
{
	return (const uint8_t *)buf_str(&s->b) + s->at;
}

/* Takes n bytes off the front; an empty stream starts over at the front of its memory. */
void stream_take(struct stream *s, size_t n);
/* Gives the memory back. With secrets in it, use stream_wipe. */
void stream_free(struct stream *s);
void stream_wipe(struct stream *s);

/* Sends what there is; 0, also when the socket takes no more, or -1 with errno. */
MUST_CHECK int stream_send(struct stream *s, int fd, uint64_t *count);
/*
 * Reads up to STREAM_READ bytes to the end, in one call: > 0 how many, 0 none now, -1 closed or
 * broken or no memory.
 */
MUST_CHECK int stream_recv(struct stream *s, int fd, uint64_t *count);
/* The same with at most so many bytes, not 0. */
MUST_CHECK int stream_recv_most(struct stream *s, int fd, size_t most, uint64_t *count);
/* Gives back the memory of what was taken, if that is much of it. */
void stream_fit(struct stream *s);

#endif
