/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>
#include "rewrite.h"
#include "tx.h"
#include "util.h"

/* Between two neighbours only, or written by us. */
static const char *const hop_by_hop[] = {
	"Connection",
	"Keep-Alive",
	"Proxy-Connection",
	"Proxy-Authenticate",
	"TE",
	"Trailer",
	"Transfer-Encoding",
	"Upgrade",
	"Content-Length",
};

static const char *const request_only[] = {
	"Host",
	"X-Forwarded-For",
	"X-Forwarded-Host",
	"X-Forwarded-Proto",
};

static bool is_one_of(struct slice name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (slice_ieq(name, names[i]))
			return true;
	}
	return false;
}

/* Does a Connection field name this one? */
static bool named_by_connection(const struct http_head *h, struct slice name)
{
	char text[128];

	if (name.n >= sizeof(text))
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	for (size_t i = 0; i < h->nfields; i++) {
		if (slice_ieq(h->fields[i].name, "Connection") &&
			http_list_has(h->fields[i].value, text))
			return true;
	}
	return false;
}

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

/* as: of a response; NULL for a request, which is asked for plainly or not. */
static void copy_fields(
	const struct http_head *h, const struct rewrite_as *as, bool plain, struct buf *out)
{
	for (size_t i = 0; i < h->nfields; i++) {
		const struct http_field *f = &h->fields[i];
		if (is_one_of(f->name, hop_by_hop, ARRAY_SIZE(hop_by_hop)) ||
			(!as && is_one_of(f->name, request_only, ARRAY_SIZE(request_only))) ||
			named_by_connection(h, f->name))
			continue;
		if (plain && slice_ieq(f->name, "Accept-Encoding"))
			continue;
		if (as && as->origin && slice_ieq(f->name, "Location")) {
			put_location(f->value, as, out);
			continue;
		}
		buf_add(out, f->name.p, f->name.n);
		buf_puts(out, ": ");
		buf_add(out, f->value.p, f->value.n);
		buf_puts(out, "\r\n");
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
	buf_puts(out, "X-Forwarded-For: ");
	for (size_t i = 0; i < h->nfields; i++) {
		if (!slice_ieq(h->fields[i].name, "X-Forwarded-For") || !h->fields[i].value.n)
			continue;
		buf_add(out, h->fields[i].value.p, h->fields[i].value.n);
		buf_puts(out, ", ");
	}
	buf_puts(out, client);
	buf_puts(out, "\r\n");
	put_field(out, "X-Forwarded-Host", host);
	buf_puts(out, "X-Forwarded-Proto: ");
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
	const struct http_field *field = http_find(h, "Host");

	if (authority.n)
		return authority;
	return field ? field->value : (struct slice){0};
}

void rewrite_request(const struct http_head *h, const char *client, const char *scheme,
	struct slice host, bool plain, struct buf *out)
{
	struct slice authority = http_target_authority(h->target);

	buf_add(out, h->method.p, h->method.n);
	buf_puts(out, " ");
	put_target(h, authority, out);
	buf_puts(out, " HTTP/1.1\r\n");
	put_field(out, "Host", host);
	copy_fields(h, NULL, plain, out);
	put_forwarded(h, client, scheme, host, out);
	put_framing(h->framing, h->content_length, out);
	buf_puts(out, "\r\n");
}

/* Answers without a body may still tell the length one would have: to HEAD, and 304. */
static void put_length_of_none(const struct http_head *h, struct buf *out)
{
	const struct http_field *f = http_find(h, "Content-Length");

	if (f && h->status >= 200 && h->status != 204)
		put_field(out, "Content-Length", f->value);
}

void rewrite_response(
	const struct http_head *h, const char *member, const struct rewrite_as *as, struct buf *out)
{
	buf_puts(out, "HTTP/1.1 ");
	buf_number(out, h->status);
	buf_puts(out, " ");
	buf_add(out, h->reason.p, h->reason.n);
	buf_puts(out, "\r\n");
	copy_fields(h, as, false, out);
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
