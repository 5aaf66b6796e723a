/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Contents as they come onto the shelf: from two at once, and from one who is ended half-way; and
 * two lists of one number.
 */
// use: node-agent/apply/shelf.c node-agent/identity.c
#include "node-agent/apply/shelf.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io.h"
#include "tap.h"
#include "util.h"

static const char text[] = "what neo4j.conf says";
#define SIZE (sizeof(text) - 1)
#define HALF (SIZE / 2)

static char digest[GENERATION_DIGEST];

static bool begins(struct shelf_writer *w, const struct shelf *s)
{
	struct err e;

	return shelf_begin(w, s, digest, SIZE, &e) == 0;
}

static bool add(struct shelf_writer *w, size_t from, size_t to)
{
	struct err e;

	return shelf_add(w, text + from, to - from, &e) == 0;
}

static bool ends(struct shelf_writer *w)
{
	struct err e;

	return shelf_end(w, &e) == 0;
}

static bool is_there(const struct shelf *s)
{
	_cleanup_free_ char *path = shelf_content(s, digest);
	_cleanup_buf_ struct buf is = {0};
	struct err e;

	return io_read_file(path, 1024, &is, &e) == 0 && is.len == SIZE &&
	       memcmp(is.data, text, SIZE) == 0;
}

static unsigned count(const struct shelf *s)
{
	DIR *d = opendir(s->dir);
	unsigned n = 0;

	for (struct dirent *de; d && (de = readdir(d));)
		n += de->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

/* A PC brings it while the pull child fetches it. */
static void test_two(const struct shelf *s)
{
	struct shelf_writer a, b;

	ok(begins(&a, s) && add(&a, 0, HALF), "half of it has come");
	ok(begins(&b, s), "and it comes from somebody else");
	ok(add(&a, HALF, SIZE) && ends(&a) && is_there(s), "the first ends, and it is whole");
	ok(add(&b, 0, SIZE) && is_there(s) && ends(&b) && is_there(s), "the second does no harm");
	is_int(count(s), 1, "nothing else is left");
	ok(begins(&a, s) && begins(&b, s) && add(&b, 0, SIZE), "two again");
	shelf_abandon(&a);
	ok(ends(&b) && is_there(s), "one who gives up takes nothing from the other");
	is_int(count(s), 1, "nor leaves anything");
}

static void test_wrong(const struct shelf *s)
{
	struct shelf_writer w;

	ok(begins(&w, s) && add(&w, 0, HALF) && add(&w, 0, SIZE - HALF) && !ends(&w),
		"other bytes than were promised are refused");
	ok(is_there(s) && count(s) == 1, "and what was there stays");
}

static bool leave(const struct shelf *s, const char *end)
{
	_cleanup_free_ char *path = xasprintf("%s/%s%s", s->dir, digest, end);
	struct err e;

	return io_write_atomic(path, text, HALF, 0600, &e) == 0;
}

static void test_prune(const struct shelf *s)
{
	struct identity id = {0};
	struct shelf_writer w;

	ok(leave(s, ".aB3xyZ") && leave(s, ".new"), "agents that were ended have left files");
	ok(begins(&w, s) && add(&w, 0, HALF) && count(s) == 4, "while one comes");
	shelf_prune(s, &id, NULL, 0);
	is_int(count(s), 1, "those are removed, and the content that no list names");
	ok(add(&w, HALF, SIZE) && ends(&w) && is_there(s), "the one that comes gets whole");
}

static void list_of(const char *built, const char *seed, struct buf *sealed)
{
	json_t *json = json_pack("{s:i, s:s, s:i, s:s, s:s, s:[{s:s, s:i, s:[s], s:s}], s:{s:[]}}",
		"bramble", 1, "cluster", "00112233445566778899aabbccddeeff", "generation", 7,
		"built", built, "neo4j", "3.5.0", "members", "name", "pi1", "id", 1, "roles",
		"data", "address", "192.168.2.7", "nodes", "pi1");
	struct err e;

	if (generation_seal(json, seed, sealed, &e) < 0)
		exit(1);
	json_decref(json);
}

static bool keeps(const struct shelf *s, const struct buf *sealed, struct err *e)
{
	const struct generation g = {.number = 7};

	return shelf_keep(s, &g, sealed, e) == 0;
}

/* Two PCs, each with a copy of the state folder, have chosen one number. */
static void test_one_number(const struct shelf *s)
{
	static const char seed[] =
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	char public[GENERATION_PUBLIC_HEX + 1];
	_cleanup_free_ char *key = xasprintf("%s/etc/bramble/owner.pub", s->root);
	_cleanup_free_ char *dir = xasprintf("%s/etc/bramble", s->root);
	_cleanup_free_ char *path = xasprintf("%s/7.list", s->dir);
	_cleanup_buf_ struct buf one = {0}, two = {0}, is = {0};
	struct err e = {0};

	if (generation_public(seed, public, &e) < 0 || io_mkdir_p(dir, 0755, &e) < 0)
		exit(1);
	_cleanup_free_ char *line = xasprintf("%s\n", public);
	list_of("2026-11-28", seed, &one);
	list_of("2026-11-29", seed, &two);
	ok(io_write_atomic(key, line, strlen(line), 0644, &e) == 0 && keeps(s, &one, &e),
		"a list is kept");
	ok(keeps(s, &one, &e), "and again");
	ok(!keeps(s, &two, &e) && e.code == EXIT_BUSY, "another one of its number is not: %s",
		e.msg);
	ok(io_read_file(path, 65536, &is, &e) == 0 && is.len == one.len &&
			memcmp(is.data, one.data, is.len) == 0,
		"the first one stays");
	one.data[one.len / 2] ^= 1;
	ok(io_write_atomic(path, one.data, one.len, 0600, &e) == 0 && keeps(s, &two, &e),
		"but in place of one that is damaged it is kept");
}

int main(void)
{
	char dir[] = "/tmp/shelf.XXXXXX";
	struct shelf s;
	struct err e;

	if (!mkdtemp(dir))
		return 1;
	generation_digest(text, SIZE, digest);
	shelf_open(&s, dir, dir, NULL);
	test_two(&s);
	test_wrong(&s);
	test_prune(&s);
	test_one_number(&s);
	shelf_close(&s);
	(void)!io_remove_tree(dir, &e);
	return done();
}
