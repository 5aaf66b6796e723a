/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <strings.h>
#include "chunk.h"
#include "message.h"

const struct bolt_version bolt_spoken_versions[BOLT_SPOKEN_VERSIONS] = {
	{.major = 3}, {.major = 2}, {.major = 1}};

static const struct {
	uint8_t tag;
	uint8_t first, last; /* versions in which a client sends it */
	const char *name;
} tags[] = {
	{BOLT_HELLO, 1, 3, "HELLO"},
	{BOLT_GOODBYE, 3, 3, "GOODBYE"},
	{BOLT_ACK_FAILURE, 1, 2, "ACK_FAILURE"},
	{BOLT_RESET, 1, 3, "RESET"},
	{BOLT_RUN, 1, 3, "RUN"},
	{BOLT_BEGIN, 3, 3, "BEGIN"},
	{BOLT_COMMIT, 3, 3, "COMMIT"},
	{BOLT_ROLLBACK, 3, 3, "ROLLBACK"},
	{BOLT_DISCARD, 1, 3, "DISCARD_ALL"},
	{BOLT_PULL, 1, 3, "PULL_ALL"},
	{BOLT_SUCCESS, 0, 0, "SUCCESS"},
	{BOLT_RECORD, 0, 0, "RECORD"},
	{BOLT_IGNORED, 0, 0, "IGNORED"},
	{BOLT_FAILURE, 0, 0, "FAILURE"},
};

const char *bolt_tag_name(uint8_t tag)
{
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		if (tags[i].tag == tag)
			return tags[i].name;
	}
	return "?";
}

bool bolt_tag_from_client(uint8_t tag, uint8_t major)
{
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		if (tags[i].tag == tag)
			return major >= tags[i].first && major <= tags[i].last;
	}
	return false;
}

uint64_t bolt_bookmark(struct slice text)
{
	static const char prefix[] = "neo4j:bookmark:v1:tx";
	size_t skip = sizeof(prefix) - 1;
	uint64_t tx = 0;

	if (text.n <= skip || text.n > skip + 18 || memcmp(text.p, prefix, skip) != 0)
		return 0;
	for (size_t i = skip; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return 0;
		tx = tx * 10 + (uint64_t)(text.p[i] - '0');
	}
	return tx;
}

static void note_bookmark(struct slice text, uint64_t *mark)
{
	uint64_t tx = bolt_bookmark(text);

	if (tx > *mark)
		*mark = tx;
}

/* A list of strings, or one string; anything else is the server's to refuse. */
static int read_bookmarks(struct pack *r, uint64_t *mark)
{
	struct pack_value list = pack_next(r);

	if (list.type == PACK_STRING)
		note_bookmark(list.s, mark);
	if (list.type != PACK_LIST)
		return list.type == PACK_STRING || list.type == PACK_NULL ? 0 : -1;
	for (size_t i = 0; i < list.n; i++) {
		struct pack_value v = pack_next(r);
		if (v.type != PACK_STRING && v.type != PACK_NULL)
			return -1;
		note_bookmark(v.s, mark);
	}
	return 0;
}

static int read_extra(struct pack *r, struct bolt_demand *d)
{
	struct pack_value map = pack_next(r);

	if (map.type != PACK_MAP)
		return -1;
	for (size_t i = 0; i < map.n; i++) {
		struct slice key, raw;
		if (!pack_key(r, &key))
			return -1;
		if (slice_eq(key, "bookmarks") || slice_eq(key, "bookmark")) {
			if (read_bookmarks(r, &d->mark) < 0)
				return -1;
			continue;
		}
		if (pack_skip(r, &raw) < 0)
			return -1;
		if (slice_eq(key, "mode"))
			d->read = raw.n == 2 && raw.p[0] == (char)0x81 && raw.p[1] == 'r';
	}
	return 0;
}

int bolt_read_demand(const void *data, size_t n, struct bolt_demand *d)
{
	struct pack r = pack_of(data, n);
	struct pack_value message = pack_next(&r);

	*d = (struct bolt_demand){0};
	if (message.type != PACK_STRUCT)
		return -1;
	if (message.tag == BOLT_RUN) {
		struct pack_value text = pack_next(&r);
		d->text = text.s;
		if (message.n != 3 || text.type != PACK_STRING || pack_skip(&r, &d->parameters) < 0)
			return -1;
	} else if (message.tag != BOLT_BEGIN || message.n != 1) {
		return -1;
	}
	return read_extra(&r, d);
}

static bool only_word(struct slice text, const char *word)
{
	static const char space[] = " \t\n\v\f\r";
	const char *p = text.p, *end = text.p + text.n;
	size_t n = strlen(word);

	while (p < end && memchr(space, *p, sizeof(space) - 1))
		p++;
	if ((size_t)(end - p) < n || strncasecmp(p, word, n) != 0)
		return false;
	p += n;
	while (p < end && memchr(space, *p, sizeof(space) - 1))
		p++;
	if (p < end && *p == ';')
		p++;
	while (p < end && memchr(space, *p, sizeof(space) - 1))
		p++;
	return p == end;
}

static uint8_t early_tag(struct slice text)
{
	static const struct {
		const char *word;
		uint8_t tag;
	} words[] = {{"BEGIN", BOLT_BEGIN}, {"COMMIT", BOLT_COMMIT}, {"ROLLBACK", BOLT_ROLLBACK}};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (only_word(text, words[i].word))
			return words[i].tag;
	}
	return BOLT_RUN;
}

bool bolt_is_early_word(struct slice text)
{
	return early_tag(text) != BOLT_RUN;
}

/* The head of a RUN of versions 1 and 2: its text; the reader is at its parameters then. */
static int read_early_text(struct pack *r, struct slice *text)
{
	struct pack_value message = pack_next(r), v;

	if (message.type != PACK_STRUCT || message.tag != BOLT_RUN || message.n != 2)
		return -1;
	v = pack_next(r);
	*text = v.s;
	return v.type == PACK_STRING ? 0 : -1;
}

uint8_t bolt_read_early_tag(const void *data, size_t n)
{
	struct pack r = pack_of(data, n);
	struct slice text;

	return read_early_text(&r, &text) < 0 ? 0 : early_tag(text);
}

int bolt_read_early_demand(const void *data, size_t n, struct bolt_demand *d)
{
	struct pack r = pack_of(data, n), parameters;

	*d = (struct bolt_demand){0};
	if (read_early_text(&r, &d->text) < 0)
		return -1;
	parameters = r;
	if (pack_skip(&r, &d->parameters) < 0)
		return -1;
	if (early_tag(d->text) != BOLT_BEGIN)
		return 0;
	int result = read_extra(&parameters, d);
	d->read = false; /* a parameter of that name says nothing */
	return result;
}

static int read_entry(struct pack *r, struct slice key, struct bolt_summary *s)
{
	const struct {
		const char *key;
		struct slice *to;
	} texts[] = {
		{"code", &s->code},
		{"message", &s->message},
		{"server", &s->server},
		{"bookmark", &s->bookmark},
	};
	struct pack before = *r;
	struct pack_value v = pack_next(r);

	for (size_t i = 0; i < ARRAY_SIZE(texts) && v.type == PACK_STRING; i++) {
		if (slice_eq(key, texts[i].key))
			*texts[i].to = v.s;
	}
	if (slice_eq(key, "type"))
		s->wrote = v.type == PACK_STRING && !slice_eq(v.s, "r");
	if (slice_eq(key, "credentials_expired"))
		s->credentials_expired = v.type == PACK_BOOL && v.i;
	s->more |= slice_eq(key, "fields") ||
		   (slice_eq(key, "has_more") && v.type == PACK_BOOL && v.i);
	*r = before;
	return pack_skip(r, NULL);
}

int bolt_read_summary(const void *data, size_t n, struct bolt_summary *s)
{
	struct pack r = pack_of(data, n);
	struct pack_value message = pack_next(&r);

	*s = (struct bolt_summary){0};
	if (message.type != PACK_STRUCT)
		return -1;
	if (!message.n)
		return 0;
	struct pack_value map = pack_next(&r);
	if (map.type != PACK_MAP)
		return -1;
	for (size_t i = 0; i < map.n; i++) {
		struct slice key;
		if (!pack_key(&r, &key) || read_entry(&r, key, s) < 0)
			return -1;
	}
	return 0;
}

static bool tells_who(struct slice key)
{
	static const char *const others[] = {"user_agent", "bolt_agent", "routing", "patch_bolt"};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (slice_eq(key, others[i]))
			return false;
	}
	return true;
}

int bolt_read_identity(const void *data, size_t n, uint8_t major,
	void (*fn)(void *arg, struct slice key, struct slice raw_value), void *arg)
{
	struct pack r = pack_of(data, n);
	struct pack_value message = pack_next(&r);
	bool scheme = false;

	if (message.type != PACK_STRUCT || message.tag != BOLT_HELLO)
		return -1;
	if (message.n != (major < 3 ? 2 : 1) || (major < 3 && pack_next(&r).type != PACK_STRING))
		return -1;
	struct pack_value map = pack_next(&r);
	if (map.type != PACK_MAP)
		return -1;
	for (size_t i = 0; i < map.n; i++) {
		struct slice key, raw;
		if (!pack_key(&r, &key) || pack_skip(&r, &raw) < 0)
			return -1;
		scheme |= slice_eq(key, "scheme");
		if (tells_who(key))
			fn(arg, key, raw);
	}
	return scheme && r.p == r.end ? 0 : -1;
}

void bolt_put_message(struct buf *to, struct buf *message)
{
	if (!buf_ok(message))
		to->failed = true;
	chunk_message(to, buf_str(message), message->len);
	buf_free(message);
}

void bolt_put_success(struct buf *to)
{
	buf_add(to, "\0\x03\xb1\x70\xa0\0\0", 7);
}

void bolt_put_ignored(struct buf *to)
{
	buf_add(to, "\0\x02\xb0\x7e\0\0", 6);
}

void bolt_put_failure(struct buf *to, const char *code, const char *message)
{
	struct buf b = {0};

	pack_put_struct(&b, 1, BOLT_FAILURE);
	pack_put_map(&b, 2);
	pack_put_text(&b, "code");
	pack_put_text(&b, code);
	pack_put_text(&b, "message");
	pack_put_text(&b, message);
	bolt_put_message(to, &b);
}

void bolt_put_hello_success(
	struct buf *to, const char *server, uint64_t connection, bool credentials_expired)
{
	struct buf b = {0};
	char id[32];

	snprintf(id, sizeof(id), "bolt-%llu", (unsigned long long)connection);
	pack_put_struct(&b, 1, BOLT_SUCCESS);
	pack_put_map(&b, credentials_expired ? 3 : 2);
	pack_put_text(&b, "server");
	pack_put_text(&b, server);
	pack_put_text(&b, "connection_id");
	pack_put_text(&b, id);
	if (credentials_expired) {
		pack_put_text(&b, "credentials_expired");
		pack_put_bool(&b, true);
	}
	bolt_put_message(to, &b);
}

void bolt_put_request(struct buf *to, enum bolt_tag tag)
{
	const uint8_t bytes[] = {0, 2, 0xb0, (uint8_t)tag, 0, 0};

	buf_add(to, bytes, sizeof(bytes));
}
