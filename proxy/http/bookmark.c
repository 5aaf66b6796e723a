/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "http/bookmark.h"

#define NAME "X-Bramble-Bookmark"
#define COOKIE "bramble-bookmark="

void bookmark_format(uint32_t id, int64_t since_ms, char token[static BOOKMARK_MAX])
{
	snprintf(token, BOOKMARK_MAX, "%08" PRIx32 "-%" PRId64, id, since_ms);
}

/* Only what bookmark_format would write. */
static int64_t time_of(struct slice value, uint32_t id, int64_t now_ms)
{
	char text[BOOKMARK_MAX], again[BOOKMARK_MAX];
	const char *dash = value.n ? memchr(value.p, '-', value.n) : NULL;

	if (!dash || value.n >= sizeof(text))
		return now_ms;
	memcpy(text, value.p, value.n);
	text[value.n] = '\0';
	int64_t ms = strtoll(text + (dash - value.p) + 1, NULL, 10);
	bookmark_format(id, ms, again);
	return ms > 0 && ms <= now_ms && strcmp(text, again) == 0 ? ms : now_ms;
}

/* The cookie's value in one Cookie field: pairs between "; " (RFC 6265 4.2.1). */
static bool find_cookie(struct slice field, struct slice *value)
{
	const size_t n = strlen(COOKIE);
	const char *p = field.p, *end = field.p + field.n;

	while (p < end) {
		const char *semicolon = memchr(p, ';', (size_t)(end - p));
		const char *stop = semicolon ? semicolon : end;
		while (p < stop && *p == ' ')
			p++;
		if ((size_t)(stop - p) >= n && memcmp(p, COOKIE, n) == 0) {
			*value = (struct slice){p + n, (size_t)(stop - p) - n};
			return true;
		}
		p = semicolon ? semicolon + 1 : end;
	}
	return false;
}

struct bookmark bookmark_read(const struct http_head *h, uint32_t id, int64_t now_ms)
{
	const struct http_field *field = http_find(h, FIELD_X_BRAMBLE_BOOKMARK);
	struct slice value;

	if (field)
		return (struct bookmark){BOOKMARK_FIELD, time_of(field->value, id, now_ms)};
	for (field = http_find(h, FIELD_COOKIE); field; field = http_find_next(h, field)) {
		if (find_cookie(field->value, &value))
			return (struct bookmark){BOOKMARK_COOKIE, time_of(value, id, now_ms)};
	}
	return (struct bookmark){BOOKMARK_NONE, 0};
}

void bookmark_put(enum bookmark_by by, const char *token, struct buf *out)
{
	buf_printf(out, NAME ": %s\r\n", token);
	if (by == BOOKMARK_COOKIE)
		buf_printf(
			out, "Set-Cookie: " COOKIE "%s; Path=/; HttpOnly; SameSite=Lax\r\n", token);
}
