/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "tx_body.h"
#include "util.h"

enum key { KEY_NONE, KEY_OTHER, KEY_COMMIT, KEY_INFO, KEY_TRANSACTION, KEY_ID, KEY_BODY };

static const struct {
	const char *word;
	enum key key;
} words[] = {
	{"commit", KEY_COMMIT}, {"info", KEY_INFO}, /* Jolt: one JSON text per event */
	{"transaction", KEY_TRANSACTION}, {"id", KEY_ID},
	{"_body", KEY_BODY}, /* the Query API's stream of events */
};

/* Where the strings to rewrite are, by the keys that lead there. */
static const struct {
	enum tx_api api;
	unsigned char keys[TX_LEVELS];
} watched[] = {
	{TX_TRANSACTIONAL, {KEY_COMMIT}},
	{TX_TRANSACTIONAL, {KEY_INFO, KEY_COMMIT}},
	{TX_QUERY, {KEY_TRANSACTION, KEY_ID}},
	{TX_QUERY, {KEY_BODY, KEY_TRANSACTION, KEY_ID}},
};

void tx_body_start(struct tx_body *b, enum tx_api api, unsigned server, const char *origin)
{
	*b = (struct tx_body){.api = api, .server = server, .origin = origin};
}

void tx_body_free(struct tx_body *b)
{
	buf_free(&b->held);
	buf_free(&b->out);
}

static bool looked_at(const struct tx_body *b)
{
	return b->depth >= 1 && b->depth <= TX_LEVELS;
}

static bool is_watched(const struct tx_body *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(watched); i++) {
		if (watched[i].api == b->api &&
			memcmp(watched[i].keys, b->key, sizeof(b->key)) == 0)
			return true;
	}
	return false;
}

static void begin_string(struct tx_body *b)
{
	b->in_string = true;
	b->escaped = false;
	b->word_len = 0;
	b->holding = looked_at(b) && !b->key_next && b->object[b->depth] && is_watched(b);
}

static enum key key_of(const char *word, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (slice_eq((struct slice){word, n}, words[i].word))
			return words[i].key;
	}
	return KEY_OTHER;
}

/* "\/" is a slash; any other escape has no place in a URL or an id. */
static void unescape_slashes(struct buf *b)
{
	size_t to = 0;

	for (size_t i = 0; i < b->len; i++) {
		if (b->data[i] == '\\' && i + 1 < b->len && b->data[i + 1] == '/')
			continue;
		b->data[to++] = b->data[i];
	}
	b->len = to;
}

static void release(struct tx_body *b, struct buf *out)
{
	unescape_slashes(&b->held);
	struct slice s = {buf_str(&b->held), b->held.len};
	if (b->api == TX_QUERY)
		tx_encode_id(b->api, s, b->server, out);
	else
		tx_encode_url(s, b->origin, b->server, out);
	buf_consume(&b->held, b->held.len);
	b->holding = false;
}

static void end_string(struct tx_body *b, struct buf *out)
{
	b->in_string = false;
	if (b->holding)
		release(b, out);
	if (looked_at(b) && b->key_next)
		b->key[b->depth - 1] = (unsigned char)key_of(b->word, b->word_len);
}

/* No URL of Neo4j's is as long: it passes as it came. */
static void give_up_holding(struct tx_body *b, struct buf *out)
{
	buf_add(out, buf_str(&b->held), b->held.len);
	buf_consume(&b->held, b->held.len);
	b->holding = false;
}

static void keep_word(struct tx_body *b, struct slice s)
{
	size_t room = sizeof(b->word) - b->word_len;
	size_t n = s.n < room ? s.n : room; /* a full word is none of ours */

	memcpy(b->word + b->word_len, s.p, n);
	b->word_len += n;
}

static void put_string(struct tx_body *b, struct slice s, struct buf *out)
{
	if (b->key_next)
		keep_word(b, s);
	buf_add(b->holding ? &b->held : out, s.p, s.n);
	if (b->held.len > TX_HELD_MAX)
		give_up_holding(b, out);
}

/* What of data is inside the string, its closing quote not included. */
static size_t string_len(struct tx_body *b, struct slice data)
{
	size_t i = 0;

	for (; i < data.n; i++) {
		if (b->escaped)
			b->escaped = false;
		else if (data.p[i] == '\\')
			b->escaped = true;
		else if (data.p[i] == '"')
			break;
	}
	return i;
}

static void open_container(struct tx_body *b, bool object)
{
	b->depth++;
	b->key_next = object;
	if (!looked_at(b))
		return;
	b->object[b->depth] = object;
	for (unsigned i = b->depth - 1; i < TX_LEVELS; i++)
		b->key[i] = KEY_NONE;
}

static void close_container(struct tx_body *b)
{
	if (looked_at(b))
		b->key[b->depth - 1] = KEY_NONE;
	b->depth -= b->depth > 0;
	b->key_next = false;
}

static void step(struct tx_body *b, char c)
{
	switch (c) {
	case '"':
		begin_string(b);
		break;
	case '{':
	case '[':
		open_container(b, c == '{');
		break;
	case '}':
	case ']':
		close_container(b);
		break;
	case ',':
		b->key_next = looked_at(b) && b->object[b->depth];
		break;
	case ':':
		b->key_next = false;
		break;
	default:
		break;
	}
}

void tx_body_pass(struct tx_body *b, struct slice data, struct buf *out)
{
	while (data.n) {
		size_t n = 0;
		if (b->in_string) {
			n = string_len(b, data);
			put_string(b, (struct slice){data.p, n}, out);
			if (n < data.n) {
				end_string(b, out);
				buf_puts(out, "\"");
				n++;
			}
		} else {
			while (n < data.n && !b->in_string)
				step(b, data.p[n++]);
			buf_add(out, data.p, n);
		}
		data = (struct slice){data.p + n, data.n - n};
	}
}

void tx_body_end(struct tx_body *b, struct buf *out)
{
	if (b->holding)
		give_up_holding(b, out);
}
