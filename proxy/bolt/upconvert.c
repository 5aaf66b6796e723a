/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sodium.h>
#include "message.h"
#include "upconvert.h"

/* What is asked of the member for one request. */
enum asks {
	ASKS_ONE = 1,
	ASKS_TWO, /* RUN and PULL_ALL */
};

/* --- requests */

static void put_raw(struct buf *to, struct slice raw)
{
	buf_add(to, raw.p, raw.n);
}

struct entries {
	struct buf pairs; /* keys and values, encoded */
	size_t n;
};

static void add_entry(void *arg, struct slice key, struct slice raw_value)
{
	struct entries *e = arg;

	pack_put_string(&e->pairs, key.p, key.n);
	put_raw(&e->pairs, raw_value);
	e->n++;
}

/* The value of a key in a message's only map, encoded; n = 0 when it is not there. */
static struct slice find_value(struct pack r, const char *wanted)
{
	struct pack_value map = pack_next(&r);
	struct slice key, raw;

	for (size_t i = 0; map.type == PACK_MAP && i < map.n; i++) {
		if (!pack_key(&r, &key) || pack_skip(&r, &raw) < 0)
			break;
		if (slice_eq(key, wanted))
			return raw;
	}
	return (struct slice){0};
}

int upconvert_hello(const void *hello, size_t n, struct buf *init)
{
	struct entries who = {0};
	struct pack r = pack_of(hello, n);
	/* Memory that grows would leave the password where it was before. */
	(void)buf_reserve(&who.pairs, 2 * n);
	(void)buf_reserve(init, 3 * n + sizeof("bramble-proxy"));
	int result = bolt_read_identity(hello, n, 3, add_entry, &who);

	(void)pack_next(&r);
	struct slice raw = find_value(r, "user_agent");
	struct pack agent = pack_of(raw.p, raw.n);
	pack_put_struct(init, 2, BOLT_HELLO);
	if (raw.n && pack_next(&agent).type == PACK_STRING)
		put_raw(init, raw);
	else
		pack_put_text(init, "bramble-proxy");
	pack_put_map(init, who.n);
	buf_add(init, buf_str(&who.pairs), who.pairs.len);
	if (!buf_ok(&who.pairs))
		init->failed = true;
	if (who.pairs.data)
		sodium_memzero(who.pairs.data, who.pairs.cap);
	buf_free(&who.pairs);
	return result;
}

/* The bookmark, encoded, with the highest transaction: all that Neo4j 3.1 looks at. */
static struct slice highest(struct slice bookmarks)
{
	struct pack r = pack_of(bookmarks.p, bookmarks.n);
	struct pack_value list = pack_next(&r);
	struct slice best = {0};
	uint64_t most = 0;

	for (size_t i = 0; list.type == PACK_LIST && i < list.n; i++) {
		struct pack before = r;
		uint64_t tx = bolt_bookmark(pack_next(&r).s);
		if (tx > most) {
			most = tx;
			best = (struct slice){(const char *)before.p, (size_t)(r.p - before.p)};
		}
	}
	return best;
}

static void put_word(struct buf *to, const char *word, struct slice bookmarks)
{
	struct buf b = {0};
	struct slice one = highest(bookmarks);

	pack_put_struct(&b, 2, BOLT_RUN);
	pack_put_text(&b, word);
	pack_put_map(&b, (one.n != 0) + (bookmarks.n != 0));
	if (one.n) {
		pack_put_text(&b, "bookmark");
		put_raw(&b, one);
	}
	if (bookmarks.n) {
		pack_put_text(&b, "bookmarks");
		put_raw(&b, bookmarks);
	}
	bolt_put_message(to, &b);
	bolt_put_request(to, BOLT_PULL);
}

/*
 * A statement of one of the words that early versions take for a transaction's begin or end is a
 * syntax error in Bolt 3, and with a comment behind it in these, too.
 */
static void put_text(struct buf *to, struct slice text)
{
	static const char comment[] = " //";
	struct buf b = {0};

	if (!bolt_is_early_word(text)) {
		pack_put_string(to, text.p, text.n);
		return;
	}
	put_raw(&b, text);
	buf_add(&b, comment, sizeof(comment) - 1);
	pack_put_string(to, buf_str(&b), b.len);
	buf_free(&b);
}

static int put_run(struct buf *to, const void *data, size_t n)
{
	struct bolt_demand d;
	struct buf b = {0};

	if (bolt_read_demand(data, n, &d) < 0)
		return -1;
	pack_put_struct(&b, 2, BOLT_RUN);
	put_text(&b, d.text);
	put_raw(&b, d.parameters);
	bolt_put_message(to, &b);
	return 0;
}

static int put_begin(struct buf *to, const void *data, size_t n)
{
	struct pack r = pack_of(data, n);
	struct bolt_demand d;

	if (bolt_read_demand(data, n, &d) < 0)
		return -1;
	(void)pack_next(&r);
	put_word(to, "BEGIN", find_value(r, "bookmarks"));
	return 0;
}

int upconvert_request(struct upconvert *u, const void *data, size_t n, struct buf *to)
{
	struct pack r = pack_of(data, n);
	struct pack_value message = pack_next(&r);
	enum asks asks = ASKS_TWO;
	int result = 0;

	if (message.type != PACK_STRUCT || u->asked.n >= ASKED_MAX)
		return -1;
	switch (message.tag) {
	case BOLT_BEGIN:
		result = put_begin(to, data, n);
		break;
	case BOLT_COMMIT:
		put_word(to, "COMMIT", (struct slice){0});
		break;
	case BOLT_ROLLBACK:
		put_word(to, "ROLLBACK", (struct slice){0});
		break;
	case BOLT_RUN:
		asks = ASKS_ONE;
		result = put_run(to, data, n);
		break;
	default:
		asks = ASKS_ONE;
		chunk_message(to, data, n);
	}
	if (result == 0)
		asked_push(&u->asked, (uint8_t)asks);
	return result;
}

/* --- answers */

static const char *new_name(struct slice key)
{
	if (slice_eq(key, "result_available_after"))
		return "t_first";
	return slice_eq(key, "result_consumed_after") ? "t_last" : NULL;
}

static int put_success(struct buf *to, const struct buf *data)
{
	struct pack r = pack_of(buf_str(data), data->len);
	struct buf b = {0};
	struct slice key, raw;

	(void)pack_next(&r);
	struct pack_value map = pack_next(&r);
	if (map.type != PACK_MAP)
		return -1;
	pack_put_struct(&b, 1, BOLT_SUCCESS);
	pack_put_map(&b, map.n);
	for (size_t i = 0; i < map.n; i++) {
		if (!pack_key(&r, &key) || pack_skip(&r, &raw) < 0) {
			buf_free(&b);
			return -1;
		}
		const char *name = new_name(key);
		pack_put_string(&b, name ? name : key.p, name ? strlen(name) : key.n);
		put_raw(&b, raw);
	}
	bolt_put_message(to, &b);
	return 0;
}

static int pass(const struct upconvert *u, struct buf *to)
{
	_cleanup_buf_ struct buf data = {0};

	if (inbox_tag(&u->in) != BOLT_SUCCESS) {
		buf_add(to, stream_bytes(&u->in.bytes), u->in.seen);
		return 0;
	}
	inbox_data(&u->in, &data);
	return buf_ok(&data) ? put_success(to, &data) : -1;
}

/* The first of two says only whether it went wrong: then the other is IGNORED. */
static int first_of_two(struct upconvert *u, struct buf *to)
{
	u->second = true;
	u->told = inbox_tag(&u->in) == BOLT_FAILURE;
	u->done = inbox_tag(&u->in) == BOLT_SUCCESS;
	return u->told ? pass(u, to) : 0;
}

/*
 * A RESET may come between the two: then what the first one said is done, a COMMIT above all, and
 * only its bookmark is not known.
 */
static int second_of_two(struct upconvert *u, struct buf *to)
{
	bool told = u->told, done = u->done;

	u->second = u->told = u->done = false;
	if (told)
		return 0;
	if (!done || inbox_tag(&u->in) != BOLT_IGNORED)
		return pass(u, to);
	bolt_put_success(to);
	return 0;
}

/* The whole message at the front of u->in. */
static int answer(struct upconvert *u, struct buf *to)
{
	if (!inbox_has_tag(&u->in) || !u->asked.n)
		return -1;
	bool two = u->asked.tag[u->asked.first] == ASKS_TWO;
	if (inbox_tag(&u->in) == BOLT_RECORD)
		return two ? -1 : pass(u, to);
	if (two && !u->second)
		return first_of_two(u, to);
	(void)asked_pop(&u->asked);
	return two ? second_of_two(u, to) : pass(u, to);
}

int upconvert_answers(struct upconvert *u, struct buf *to)
{
	for (;;) {
		inbox_walk(&u->in);
		if (!u->in.ended)
			return 0;
		int r = answer(u, to);
		inbox_next(&u->in);
		if (r < 0)
			return -1;
	}
}

bool upconvert_calm(const struct upconvert *u)
{
	/* Of a pair whose first one failed the other, IGNORED, may still come: it is nobody's. */
	return u->asked.n <= (u->second && u->told) && !stream_len(&u->in.bytes);
}
