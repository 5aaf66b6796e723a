/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>
#include "websocket.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 1.3 */
#define KEY_SIZE 24                                 /* 16 bytes in base64 */

enum opcode {
	OP_CONTINUATION = 0x0,
	OP_BINARY = 0x2,
	OP_CLOSE = 0x8,
	OP_PING = 0x9,
	OP_PONG = 0xa,
};

#define FIN 0x80
#define MASKED 0x80

static bool field_has(const struct http_head *h, enum http_name name, const char *token)
{
	const struct http_field *f = http_find(h, name);

	return f && http_list_has(f->value, token);
}

bool websocket_asked(const struct http_head *h)
{
	const struct http_field *key = http_find(h, FIELD_SEC_WEBSOCKET_KEY);

	return slice_eq(h->method, "GET") && h->minor >= 1 &&
	       field_has(h, FIELD_UPGRADE, "websocket") &&
	       field_has(h, FIELD_CONNECTION, "Upgrade") &&
	       field_has(h, FIELD_SEC_WEBSOCKET_VERSION, "13") && key && key->value.n == KEY_SIZE;
}

int websocket_put_accept(struct buf *to, const struct http_head *h)
{
	const struct http_field *key = http_find(h, FIELD_SEC_WEBSOCKET_KEY);
	char text[KEY_SIZE + sizeof(GUID)], accept[64];
	unsigned char hash[SHA_DIGEST_LENGTH];

	snprintf(text, sizeof(text), "%.*s%s", KEY_SIZE, key->value.p, GUID);
	if (!EVP_Digest(text, strlen(text), hash, NULL, EVP_sha1(), NULL))
		return -1;
	sodium_bin2base64(
		accept, sizeof(accept), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
	buf_printf(to,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		accept);
	return buf_ok(to) ? 0 : -1;
}

static void put_frame(struct buf *to, uint8_t opcode, const void *p, size_t n)
{
	uint8_t head[10] = {FIN | opcode};
	size_t width = n < 126 ? 0 : n <= 0xffff ? 2 : 8;

	head[1] = width == 0 ? (uint8_t)n : width == 2 ? 126 : 127;
	for (size_t i = 0; i < width; i++)
		head[2 + i] = (uint8_t)((uint64_t)n >> 8 * (width - 1 - i));
	buf_add(to, head, 2 + width);
	buf_add(to, p, n);
}

void websocket_put(struct buf *to, const void *p, size_t n)
{
	put_frame(to, OP_BINARY, p, n);
}

/* Bytes of the whole head, as far as its first two tell. */
static size_t head_size(const struct websocket *w)
{
	if (w->nhead < 2)
		return 2;
	unsigned n = w->head[1] & 0x7f;
	return 2 + (n == 126 ? 2 : n == 127 ? 8 : 0) + 4;
}

static uint64_t data_size(const struct websocket *w)
{
	unsigned short_form = w->head[1] & 0x7f;
	size_t width = short_form == 126 ? 2 : short_form == 127 ? 8 : 0;
	uint64_t n = width ? 0 : short_form;

	for (size_t i = 0; i < width; i++)
		n = n << 8 | w->head[2 + i];
	return n;
}

static uint8_t opcode_of(const struct websocket *w)
{
	return w->head[0] & 0x0f;
}

/* Clients mask, control frames are short and whole, and no extension was agreed on (5.1, 5.5). */
static bool head_is_good(struct websocket *w)
{
	uint8_t opcode = opcode_of(w);
	bool fin = w->head[0] & FIN;

	if ((w->head[0] & 0x70) || !(w->head[1] & MASKED))
		return false;
	switch (opcode) {
	case OP_CLOSE:
	case OP_PING:
	case OP_PONG:
		return fin && w->left <= sizeof(w->control);
	case OP_BINARY:
	case OP_CONTINUATION:
		if (w->in_message != (opcode == OP_CONTINUATION))
			return false;
		w->in_message = !fin;
		return w->left >> 63 == 0;
	default:
		return false;
	}
}

static size_t take_head(struct websocket *w, const uint8_t *p, size_t n)
{
	size_t used = 0;

	while (used < n && w->nhead < head_size(w))
		w->head[w->nhead++] = p[used++];
	w->open = w->nhead >= 2 && w->nhead == head_size(w);
	if (w->open) {
		w->left = data_size(w);
		w->at = 0;
		w->ncontrol = 0;
	}
	return used;
}

/* Unmasks what there is of the data into a control frame's place or to `data`. */
static size_t take_data(struct websocket *w, const uint8_t *p, size_t n, struct buf *data)
{
	const uint8_t *mask = w->head + w->nhead - 4;
	bool control = opcode_of(w) & 0x8;

	if (n > w->left)
		n = (size_t)w->left;
	char *dst = control ? NULL : buf_reserve(data, n);
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = p[i] ^ mask[w->at++ & 3];
		if (control)
			w->control[w->ncontrol++] = byte;
		else if (dst)
			dst[i] = (char)byte;
	}
	if (dst)
		data->len += n;
	w->left -= n;
	return n;
}

/* The frame is whole. */
static enum websocket_result finish(struct websocket *w, struct buf *reply)
{
	uint8_t opcode = opcode_of(w);

	w->open = false;
	w->nhead = 0;
	if (opcode == OP_PING)
		put_frame(reply, OP_PONG, w->control, w->ncontrol);
	if (opcode == OP_CLOSE)
		put_frame(reply, OP_CLOSE, w->control, w->ncontrol);
	return opcode == OP_CLOSE ? WEBSOCKET_CLOSED : WEBSOCKET_MORE;
}

enum websocket_result websocket_take(
	struct websocket *w, const uint8_t *p, size_t n, struct buf *data, struct buf *reply)
{
	enum websocket_result r = WEBSOCKET_MORE;

	while (n && r == WEBSOCKET_MORE) {
		size_t used = w->open ? 0 : take_head(w, p, n);
		if (used && w->open && !head_is_good(w))
			return WEBSOCKET_BAD;
		if (w->open)
			used += take_data(w, p + used, n - used, data);
		p += used;
		n -= used;
		if (w->open && !w->left)
			r = finish(w, reply);
	}
	return buf_ok(data) && buf_ok(reply) ? r : WEBSOCKET_BAD;
}
