/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <sodium.h>
#include <sys/socket.h>
#include "stream.h"

#define KEEP 4096 /* an empty stream keeps no more memory than this */

void stream_take(struct stream *s, size_t n)
{
	s->at += n;
	if (s->at < s->b.len) {
		/* Of one that is never empty, as a slow peer's, no more than the half is gaps. */
		if (s->at > STREAM_READ && s->at >= stream_len(s)) {
			buf_consume(&s->b, s->at);
			s->at = 0;
		}
		return;
	}
	s->at = 0;
	s->b.len = 0;
	if (s->b.cap > KEEP)
		buf_free(&s->b);
}

void stream_free(struct stream *s)
{
	buf_free(&s->b);
	s->at = 0;
}

void stream_wipe(struct stream *s)
{
	if (s->b.data)
		sodium_memzero(s->b.data, s->b.cap);
	stream_free(s);
}

int stream_send(struct stream *s, int fd, uint64_t *count)
{
	while (stream_len(s)) {
		ssize_t n = send(fd, stream_bytes(s), stream_len(s), MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		*count += (uint64_t)n;
		stream_take(s, (size_t)n);
	}
	return buf_ok(&s->b) ? 0 : -1;
}

/* What was sent already makes room before more memory does. */
static void compact(struct stream *s)
{
	if (s->at > STREAM_READ) {
		buf_consume(&s->b, s->at);
		s->at = 0;
	}
}

void stream_fit(struct stream *s)
{
	buf_consume(&s->b, s->at);
	s->at = 0;
	size_t cap = s->b.cap;
	while (cap > KEEP && s->b.len < cap / 4)
		cap /= 2;
	char *less = cap < s->b.cap ? realloc(s->b.data, cap) : NULL;
	if (less) {
		s->b.data = less;
		s->b.cap = cap;
	}
}

int stream_recv(struct stream *s, int fd, uint64_t *count)
{
	return stream_recv_most(s, fd, STREAM_READ, count);
}

int stream_recv_most(struct stream *s, int fd, size_t most, uint64_t *count)
{
	uint8_t first[2048]; /* most messages are short: memory grows only for more */

	compact(s);
	ssize_t n = recv(fd, first, most < sizeof(first) ? most : sizeof(first), 0);
	if (n > 0) {
		buf_add(&s->b, first, (size_t)n);
		*count += (uint64_t)n;
	}
	if (n == sizeof(first) && most > sizeof(first)) {
		char *dst = buf_reserve(&s->b, most - sizeof(first));
		ssize_t more = dst ? recv(fd, dst, most - sizeof(first), 0) : 0;
		if (more > 0) {
			s->b.len += (size_t)more;
			*count += (uint64_t)more;
			n += more;
		}
	}
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	return n && buf_ok(&s->b) ? (int)n : -1;
}
