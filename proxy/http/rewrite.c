/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>
#include "rewrite.h"
#include "tx.h"
#include "util.h"

/* Room for the fields we add, most often. */
#define OURS 240
#define FORWARDS_MAX 1000000

/* Between two neighbours only, or written by us. */
static const uint32_t hop_by_hop = FIELD_BIT(FIELD_CONNECTION) | FIELD_BIT(FIELD_KEEP_ALIVE) |
				   FIELD_BIT(FIELD_PROXY_CONNECTION) |
				   FIELD_BIT(FIELD_PROXY_AUTHENTICATE) | FIELD_BIT(FIELD_TE) |
				   FIELD_BIT(FIELD_TRAILER) | FIELD_BIT(FIELD_TRANSFER_ENCODING) |
				   FIELD_BIT(FIELD_UPGRADE) | FIELD_BIT(FIELD_CONTENT_LENGTH);

/* Of a request, also written by us. */
static const uint32_t of_requests = FIELD_BIT(FIELD_HOST) | FIELD_BIT(FIELD_X_FORWARDED_FOR) |
				    FIELD_BIT(FIELD_X_FORWARDED_HOST) |
				    FIELD_BIT(FIELD_X_FORWARDED_PROTO);

static void put_field(struct buf *out, const char *name, struct slice value)
{
	buf_puts(out, name);
	buf_puts(out, ": ");
	buf_add(out, value.p, value.n);
	buf_puts(out, "\r\n");
}

static void put_location(struct slice value, const struct rewrite_as *as, struct buf *out)
{
	buf_puts(out, "Location: ");
	tx_encode_url(value, as->origin, as->server, out);
	buf_puts(out, "\r\n");
}

/* All lines end in CRLF (http_head.h), so most fields are there as they are to be written. */
static void copy_field(const struct http_field *f, struct buf *out)
{
	const char *colon = f->name.p + f->name.n, *end = f->value.p + f->value.n;

	if (f->value.p == colon + 2 && colon[1] == ' ' && *end == '\r') {
		buf_add(out, f->name.p, (size_t)(end + 2 - f->name.p));
		return;
	}
	buf_add(out, f->name.p, f->name.n);
	buf_puts(out, ": ");
	buf_add(out, f->value.p, f->value.n);
	buf_puts(out, "\r\n");
}

/* as: of a response; NULL for a request. */
static void copy_fields(
	const struct http_head *h, const struct rewrite_as *as, uint32_t but, struct buf *out)
{
	for (size_t i = 0; i < h->nfields; i++) {
		const struct http_field *f = &h->fields[i];
		if (FIELD_BIT(f->is) & but || http_connection_has(h, f->name))
			continue;
		if (as && as->origin && f->is == FIELD_LOCATION)
			put_location(f->value, as, out);
		else
			copy_field(f, out);
	}
}

/* The origin-form of an absolute target: what follows the authority (RFC 9112 3.2.1). */
static void put_target(const struct http_head *h, struct slice authority, struct buf *out)
{
	const char *p = authority.n ? authority.p + authority.n : h->target.p;
	size_t n = (size_t)(h->target.p + h->target.n - p);

	if (n == 0)
		buf_puts(out, slice_eq(h->method, "OPTIONS") ? "*" : "/");
	else if (*p == '?')
		buf_puts(out, "/");
	buf_add(out, p, n);
}

static void put_forwarded(const struct http_head *h, const char *client, const char *scheme,
	struct slice host, struct buf *out)
{
	const struct http_field *f = http_find(h, FIELD_X_FORWARDED_FOR);

	buf_puts(out, "X-Forwarded-For: ");
	for (; f; f = http_find_next(h, f)) {
		if (!f->value.n)
			continue;
		buf_add(out, f->value.p, f->value.n);
		buf_puts(out, ", ");
	}
	buf_puts(out, client);
	buf_puts(out, "\r\nX-Forwarded-Host: ");
	buf_add(out, host.p, host.n);
	buf_puts(out, "\r\nX-Forwarded-Proto: ");
	buf_puts(out, scheme);
	buf_puts(out, "\r\nVia: 1.1 bramble\r\n");
}

static void put_framing(enum http_framing to, uint64_t length, struct buf *out)
{
	if (to == HTTP_BODY_LENGTH) {
		buf_puts(out, "Content-Length: ");
		buf_number(out, length);
		buf_puts(out, "\r\n");
	} else if (to == HTTP_BODY_CHUNKED) {
		buf_puts(out, "Transfer-Encoding: chunked\r\n");
	}
}

struct slice rewrite_authority(const struct http_head *h)
{
	struct slice authority = http_target_authority(h->target);
	const struct http_field *field = http_find(h, FIELD_HOST);

	if (authority.n)
		return authority;
	return field ? field->value : (struct slice){0};
}

int rewrite_forwards(const struct http_head *h)
{
	const struct http_field *f = http_find(h, FIELD_MAX_FORWARDS);
	int n = 0;

	if (!f || !(slice_eq(h->method, "OPTIONS") || slice_eq(h->method, "TRACE")))
		return -1;
	if (!f->value.n || http_find_next(h, f))
		return -2;
	for (size_t i = 0; i < f->value.n; i++) {
		if (f->value.p[i] < '0' || f->value.p[i] > '9')
			return -2;
		n = n * 10 + (f->value.p[i] - '0');
		n = n < FORWARDS_MAX ? n : FORWARDS_MAX;
	}
	return n;
}

static void put_forwards(int n, struct buf *out)
{
	buf_puts(out, "Max-Forwards: ");
	buf_number(out, (uint64_t)n);
	buf_puts(out, "\r\n");
}

void rewrite_request(const struct http_head *h, const char *client, const char *scheme,
	struct slice host, bool plain, struct buf *out)
{
	struct slice authority = http_target_authority(h->target);
	int forwards = rewrite_forwards(h);
	uint32_t but = hop_by_hop | of_requests | (plain ? FIELD_BIT(FIELD_ACCEPT_ENCODING) : 0) |
		       (forwards > 0 ? FIELD_BIT(FIELD_MAX_FORWARDS) : 0);

	buf_reserve(out, h->len + OURS);
	buf_add(out, h->method.p, h->method.n);
	buf_puts(out, " ");
	put_target(h, authority, out);
	buf_puts(out, " HTTP/1.1\r\nHost: ");
	buf_add(out, host.p, host.n);
	buf_puts(out, "\r\n");
	copy_fields(h, NULL, but, out);
	if (forwards > 0)
		put_forwards(forwards - 1, out);
	put_forwarded(h, client, scheme, host, out);
	put_framing(h->framing, h->content_length, out);
	buf_puts(out, "\r\n");
}

/* Answers without a body may still tell the length one would have: to HEAD, and 304. */
static void put_length_of_none(const struct http_head *h, struct buf *out)
{
	const struct http_field *f = http_find(h, FIELD_CONTENT_LENGTH);

	if (f && h->status >= 200 && h->status != 204)
		put_field(out, "Content-Length", f->value);
}

void rewrite_response(
	const struct http_head *h, const char *member, const struct rewrite_as *as, struct buf *out)
{
	buf_reserve(out, h->len + OURS);
	buf_puts(out, "HTTP/1.1 ");
	buf_number(out, h->status);
	buf_puts(out, " ");
	buf_add(out, h->reason.p, h->reason.n);
	buf_puts(out, "\r\n");
	copy_fields(h, as, hop_by_hop, out);
	buf_puts(out, "Via: 1.1 bramble (");
	buf_puts(out, member);
	buf_puts(out, ")\r\n");
	if (as->bookmark)
		bookmark_put(as->bookmark, as->token, out);
	if (h->framing == HTTP_BODY_NONE)
		put_length_of_none(h, out);
	else
		put_framing(as->to, h->content_length, out);
	if (h->status >= 200 && (as->close || as->minor == 0))
		buf_puts(out, as->close ? "Connection: close\r\n" : "Connection: keep-alive\r\n");
	buf_puts(out, "\r\n");
}
