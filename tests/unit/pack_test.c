/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pack in pieces of every size, cut, changed, and with names that would lead out of a folder. */
#include <string.h>
#include "pack.h"
#include "tap.h"

static struct buf seen;

static int see_dir(void *arg, const char *path, unsigned mode, struct err *e)
{
	(void)arg, (void)e;
	buf_printf(&seen, "D%o %s;", mode, path);
	return 0;
}

static int see_file(void *arg, const char *path, unsigned mode, uint64_t size, struct err *e)
{
	(void)arg, (void)e;
	buf_printf(&seen, "F%o %s %llu:", mode, path, (unsigned long long)size);
	return 0;
}

static int see_data(void *arg, const void *p, size_t n, struct err *e)
{
	(void)arg, (void)e;
	buf_add(&seen, p, n);
	return 0;
}

static int see_end(void *arg, struct err *e)
{
	(void)arg, (void)e;
	buf_puts(&seen, ";");
	return 0;
}

static const struct pack_sink sink = {
	.dir = see_dir, .file = see_file, .data = see_data, .file_end = see_end};

/* The last word of pack_read, piece by piece. */
static int read_in(const struct buf *b, size_t piece, struct err *e)
{
	struct pack_reader r;
	int rc = 0;

	seen.len = 0;
	pack_reader_begin(&r);
	for (size_t at = 0; at < b->len && rc >= 0; at += piece) {
		size_t n = b->len - at;
		rc = pack_read(&r, b->data + at, n < piece ? n : piece, &sink, e);
	}
	pack_reader_end(&r);
	return rc;
}

static void make(struct buf *b, const char *path)
{
	struct pack p;

	b->len = 0;
	pack_begin(&p, b);
	pack_dir(&p, "schema", 0755, b);
	pack_file(&p, path, 0644, 5, b);
	pack_data(&p, "hel", 3, b);
	pack_data(&p, "lo", 2, b);
	pack_file(&p, "empty", 0600, 0, b);
	pack_end(&p, NULL, b);
}

static void test_whole(const struct buf *b)
{
	struct err e;
	bool same = true;

	for (size_t piece = 1; piece <= b->len; piece++)
		same = same && read_in(b, piece, &e) == 1 &&
		       strcmp(buf_str(&seen), "D755 schema;F644 schema/a 5:hello;F600 empty 0:;") ==
			       0;
	ok(same, "what went in comes out, in pieces of any size");
}

static void test_damage(const struct buf *b)
{
	_cleanup_buf_ struct buf copy = {0};
	struct err e;
	size_t cut_ends = 0, changed_ends = 0;

	for (size_t n = 0; n < b->len; n++) {
		copy.len = 0;
		buf_add(&copy, b->data, n);
		cut_ends += read_in(&copy, 7, &e) == 1;
	}
	for (size_t i = 0; i < b->len; i++) {
		copy.len = 0;
		buf_add(&copy, b->data, b->len);
		copy.data[i] ^= 1;
		changed_ends += read_in(&copy, 7, &e) == 1;
	}
	is_int((long long)cut_ends, 0, "no cut one is whole");
	is_int((long long)changed_ends, 0, "nor one with a bit changed");
	copy.len = 0;
	buf_add(&copy, b->data, b->len);
	buf_puts(&copy, "x");
	is_int(read_in(&copy, 1000, &e), -1, "nor one with something behind its end");
}

static void test_names(void)
{
	static const char *const bad[] = {"", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".",
		"a/.", "..", "tab\there", "\xc3\xa4"};
	static const char *const good[] = {"a", "a/b.c", "...", "a/..b", "schema/index/lucene/1"};
	_cleanup_buf_ struct buf b = {0};
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		make(&b, bad[i]);
		is_int(read_in(&b, 1000, &e), -1, "the name \"%s\" is refused", bad[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		make(&b, good[i]);
		is_int(read_in(&b, 1000, &e), 1, "the name \"%s\" is not", good[i]);
	}
}

static void test_failure(void)
{
	_cleanup_buf_ struct buf b = {0};
	struct pack p;
	struct err e;

	pack_begin(&p, &b);
	pack_file(&p, "a", 0644, 0, &b);
	pack_fail("the card\nis gone", &b);
	is_int(read_in(&b, 3, &e), -1, "who wrote it could not go on");
	is_str(e.msg, "the card?is gone", "and why is told, in one line");
}

int main(void)
{
	_cleanup_buf_ struct buf b = {0};

	make(&b, "schema/a");
	test_whole(&b);
	test_damage(&b);
	test_names();
	test_failure();
	buf_free(&seen);
	return done();
}
