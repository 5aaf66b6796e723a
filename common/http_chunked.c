/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The chunked coding (RFC 9112 7.1) as a state machine over single bytes; only the data of a chunk
 * is taken in runs. Strict: CRLF everywhere, no white space around a size, no folded trailer.
 */
#include "http_head.h"
#include "util.h"

#define MAX_SIZE_LINE 256 /* a size of at most 16 digits and its extensions */
#define MAX_TRAILERS 8192

enum chunk_state {
	SIZE_FIRST, /* the first digit of a size */
	SIZE,
	EXTENSION,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_START, /* the first byte of a trailer field or of the final CRLF */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	END_LF,
	END,
};

static int add_digit(struct http_chunked *c, int digit)
{
	if (digit < 0 || c->left > (uint64_t)INT64_MAX >> 4 || c->line > 16)
		return -1;
	c->left = c->left << 4 | (uint64_t)digit;
	return SIZE;
}

static bool is_text_char(char ch)
{
	unsigned char c = (unsigned char)ch;

	return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static int after_size(struct http_chunked *c, char ch)
{
	if (ch == '\r')
		return SIZE_LF;
	return ch == ';' ? EXTENSION : add_digit(c, hex_digit(ch));
}

static int after_size_lf(struct http_chunked *c)
{
	c->line = 0;
	return c->left ? DATA : TRAILER_START;
}

static int after_trailer_start(char ch)
{
	if (ch == '\r')
		return END_LF;
	return http_is_token((struct slice){&ch, 1}) ? TRAILER_NAME : -1;
}

static int after_trailer_name(char ch)
{
	if (ch == ':')
		return TRAILER_VALUE;
	return http_is_token((struct slice){&ch, 1}) ? TRAILER_NAME : -1;
}

/* The state after one byte of framing, or -1. */
static int step(struct http_chunked *c, char ch)
{
	switch ((enum chunk_state)c->state) {
	case SIZE_FIRST:
		return add_digit(c, hex_digit(ch));
	case SIZE:
		return after_size(c, ch);
	case EXTENSION:
		return ch == '\r' ? SIZE_LF : is_text_char(ch) ? EXTENSION : -1;
	case SIZE_LF:
		return ch == '\n' ? after_size_lf(c) : -1;
	case DATA_CR:
		return ch == '\r' ? DATA_LF : -1;
	case DATA_LF:
		c->line = 0;
		return ch == '\n' ? SIZE_FIRST : -1;
	case TRAILER_START:
		return after_trailer_start(ch);
	case TRAILER_NAME:
		return after_trailer_name(ch);
	case TRAILER_VALUE:
		return ch == '\r' ? TRAILER_LF : is_text_char(ch) ? TRAILER_VALUE : -1;
	case TRAILER_LF:
		return ch == '\n' ? TRAILER_START : -1;
	case END_LF:
		return ch == '\n' ? END : -1;
	case DATA:
	case END:
		break;
	}
	return -1;
}

long http_chunked_next(struct http_chunked *c, const char *p, size_t n, struct slice *data)
{
	size_t i = 0;

	*data = (struct slice){p, 0};
	for (; i < n && c->state != DATA && c->state != END; i++) {
		unsigned max = c->state >= TRAILER_START ? MAX_TRAILERS : MAX_SIZE_LINE;
		int next = ++c->line > max ? -1 : step(c, p[i]);
		if (next < 0)
			return -1;
		c->state = next;
	}
	if (c->state == DATA && i < n) {
		*data = (struct slice){p + i, c->left < n - i ? (size_t)c->left : n - i};
		c->left -= data->n;
		i += data->n;
		if (!c->left)
			c->state = DATA_CR;
	}
	c->done = c->state == END;
	return (long)i;
}
