/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>
#include "tx.h"
#include "util.h"

#define SEGMENTS_MAX 8

struct path {
	struct slice segments[SEGMENTS_MAX]; /* the last one may be empty: a slash at the end */
	size_t n;
	bool dots;
};

/* NULL stands for any name. */
static const struct form {
	enum tx_api api;
	const char *segments[6];
	size_t n;
} forms[] = {
	{TX_TRANSACTIONAL, {"db", "data", "transaction"}, 3},
	{TX_TRANSACTIONAL, {"db", NULL, "tx"}, 3},
	{TX_QUERY, {"db", NULL, "query", "v2", "tx"}, 5},
};

/* The next character of a segment, its percent-encoding undone. */
static inline char next_char(struct slice *s)
{
	char c = s->p[0];
	size_t used = 1;

	if (c == '%' && s->n >= 3 && hex_digit(s->p[1]) >= 0 && hex_digit(s->p[2]) >= 0) {
		c = (char)(hex_digit(s->p[1]) << 4 | hex_digit(s->p[2]));
		used = 3;
	}
	*s = (struct slice){s->p + used, s->n - used};
	return c;
}

static bool segment_is(struct slice s, const char *text)
{
	for (; s.n && *text; text++) {
		if (next_char(&s) != *text)
			return false;
	}
	return !s.n && !*text;
}

/* Without its parameters: Jetty looks for them after a raw ";". */
static struct slice without_parameters(struct slice s)
{
	const char *p = s.n ? memchr(s.p, ';', s.n) : NULL;

	return p ? (struct slice){s.p, (size_t)(p - s.p)} : s;
}

static struct path split(struct slice target)
{
	struct slice authority = http_target_authority(target);
	const char *p = authority.n ? authority.p + authority.n : target.p;
	const char *end = target.p + target.n;
	const char *query = memchr(p, '?', (size_t)(end - p));
	struct path path = {0};

	if (query)
		end = query;
	while (p < end && *p == '/') {
		const char *slash = memchr(p + 1, '/', (size_t)(end - p - 1));
		const char *stop = slash ? slash : end;
		struct slice s = without_parameters((struct slice){p + 1, (size_t)(stop - p - 1)});
		path.dots |= segment_is(s, ".") || segment_is(s, "..");
		if (path.n < SEGMENTS_MAX)
			path.segments[path.n++] = s;
		p = stop;
	}
	return path;
}

static bool matches(const struct form *f, const struct path *path)
{
	if (path->n < f->n)
		return false;
	for (size_t i = 0; i < f->n; i++) {
		if (f->segments[i] && !segment_is(path->segments[i], f->segments[i]))
			return false;
	}
	return true;
}

struct tx_target tx_parse_target(struct slice target)
{
	struct path path = split(target);

	if (path.n < 3 || !segment_is(path.segments[0], "db"))
		return (struct tx_target){.kind = TX_NONE};
	if (path.dots)
		return (struct tx_target){.kind = TX_ODD};
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const struct form *f = &forms[i];
		if (!matches(f, &path))
			continue;
		struct tx_target t = {.kind = TX_BEGIN, .api = f->api};
		if (path.n == f->n || !path.segments[f->n].n)
			return t;
		if (f->api == TX_TRANSACTIONAL && segment_is(path.segments[f->n], "commit"))
			return (struct tx_target){.kind = TX_NONE, .one_shot = true};
		t.kind = TX_OPEN;
		t.id = path.segments[f->n];
		return t;
	}
	return (struct tx_target){
		.kind = TX_NONE,
		.one_shot = path.n == 4 && segment_is(path.segments[2], "query") &&
			    segment_is(path.segments[3], "v2"),
	};
}

/* At most 19 digits: what a Java long may hold, and no overflow here. */
static bool parse_number(struct slice s, uint64_t *n)
{
	*n = 0;
	if (!s.n || s.n > 19)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		*n = *n * 10 + (uint64_t)(s.p[i] - '0');
	}
	return true;
}

static bool token_ok(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    c == '-' || c == '_'))
			return false;
	}
	return s.n > 0;
}

static int decode_token(struct slice outside, struct buf *own)
{
	const char *dash = memrchr(outside.p, '-', outside.n);
	uint64_t server;

	if (!dash)
		return -1;
	struct slice token = {outside.p, (size_t)(dash - outside.p)};
	struct slice suffix = {dash + 1, outside.n - token.n - 1};
	if (!token_ok(token) || !parse_number(suffix, &server) || suffix.p[0] == '0' ||
		server >= TX_SERVERS)
		return -1;
	buf_add(own, token.p, token.n);
	return (int)server;
}

int tx_decode_id(enum tx_api api, struct slice outside, struct buf *own)
{
	uint64_t n;

	if (api == TX_QUERY)
		return decode_token(outside, own);
	/* Neo4j's is a long of Java: none larger was ever given out. */
	if (!parse_number(outside, &n) || n > INT64_MAX || n < TX_SERVERS || n % TX_SERVERS == 0)
		return -1;
	buf_printf(own, "%" PRIu64, n / TX_SERVERS);
	return (int)(n % TX_SERVERS);
}

void tx_encode_id(enum tx_api api, struct slice own, unsigned server, struct buf *outside)
{
	uint64_t n;

	if (api == TX_QUERY && token_ok(own)) {
		buf_add(outside, own.p, own.n);
		buf_printf(outside, "-%u", server);
	} else if (api == TX_TRANSACTIONAL && parse_number(own, &n) &&
		   n <= INT64_MAX / TX_SERVERS) {
		buf_printf(outside, "%" PRIu64, n * TX_SERVERS + server);
	} else {
		buf_puts(outside, "0");
	}
}

void tx_encode_url(struct slice url, const char *origin, unsigned server, struct buf *out)
{
	struct tx_target t = tx_parse_target(url);
	struct slice from = http_target_authority(url);

	if (t.kind != TX_OPEN) {
		buf_add(out, url.p, url.n);
		return;
	}
	const char *path = from.n ? from.p + from.n : url.p, *end = url.p + url.n;
	if (from.n)
		buf_puts(out, origin);
	buf_add(out, path, (size_t)(t.id.p - path));
	tx_encode_id(t.api, t.id, server, out);
	buf_add(out, t.id.p + t.id.n, (size_t)(end - t.id.p - t.id.n));
}
