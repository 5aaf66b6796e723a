/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a generation would change on this node, found out in turns of the loop. The control port and
 * the quorum are stand-ins.
 */
// use: node-agent/apply/offer.c node-agent/apply/shelf.c node-agent/apply/record.c
// use: node-agent/identity.c
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io.h"
#include "node-agent/apply/record.h"
#include "node-agent/control/verbs.h"
#include "talk.h"
#include "tap.h"
#include "util.h"

#define MANY 2000 /* files, each as it should be */

static const char seed[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
static char root[] = "/tmp/compare.XXXXXX";
static struct loop *loop;
static json_t *answered;
static unsigned told, turns;

static void over(struct call *c)
{
	if (c->verb->end)
		c->verb->end(c);
	c->own = NULL;
}

void call_done(struct call *c, json_t *answer)
{
	answered = answer;
	over(c);
}

void call_fail(struct call *c, enum call_code code, const char *fmt, ...)
{
	(void)code;
	printf("# %s\n", fmt);
	over(c);
}

void call_progress(struct call *c, const char *fmt, ...)
{
	(void)c;
	(void)fmt;
	told++;
}

void call_data(struct call *c, const void *p, size_t n)
{
	(void)c;
	(void)p;
	(void)n;
}

bool peer_present(const struct peer *p)
{
	return p->heard_ms >= 0;
}

void apply_look_again(struct apply *a)
{
	(void)a;
}

static bool put(const char *path, const char *text)
{
	_cleanup_free_ char *full = xasprintf("%s%s", root, path);
	FILE *f = fopen(full, "w");

	return f && fputs(text, f) >= 0 && fchmod(fileno(f), 0644) == 0 && fclose(f) == 0;
}

static json_t *entry(const char *path, const char *text, size_t size)
{
	char hex[GENERATION_DIGEST];

	generation_digest(text, strlen(text), hex);
	return json_pack("{s:s, s:i, s:I, s:I, s:I, s:s}", "path", path, "mode", 0644, "uid",
		(json_int_t)getuid(), "gid", (json_int_t)getgid(), "size", (json_int_t)size,
		"digest", hex);
}

/* What it is to be: all but three files are so already. */
static json_t *files(void)
{
	json_t *list = json_array();
	char path[64];

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "/opt/%u", i);
		put(path, "a");
		json_array_append_new(list, entry(path, "a", 1));
	}
	put("/opt/same-size", "b");
	put("/opt/longer", "aa");
	json_array_append_new(list, entry("/opt/same-size", "a", 1));
	json_array_append_new(list, entry("/opt/longer", "a", 1));
	json_array_append_new(list, entry("/opt/missing", "a", 1));
	return list;
}

/* A file that is too large to be read, and is not what it says: its record is believed. */
static void add_large(json_t *list, json_t *installed)
{
	_cleanup_free_ char *full = xasprintf("%s/opt/large", root);

	put("/opt/large", "");
	ok(truncate(full, 64 << 20) == 0, "a large file");
	json_array_append_new(list, entry("/opt/large", "large", 64 << 20));
	json_array_append_new(installed, entry("/opt/large", "large", 64 << 20));
}

static bool install(json_t *installed)
{
	char public[GENERATION_PUBLIC_HEX + 2];
	struct err e;

	json_array_append_new(installed, entry("/opt/0", "a", 1));
	json_array_append_new(installed, entry("/opt/old", "a", 1));
	_cleanup_json_ json_t *record =
		json_pack("{s:i, s:O}", "generation", 1, "files", installed);
	if (record_save(root, record, &e) < 0 || generation_public(seed, public, &e) < 0)
		return false;
	public[GENERATION_PUBLIC_HEX] = '\n';
	public[GENERATION_PUBLIC_HEX + 1] = '\0';
	return put("/etc/bramble/owner.pub", public);
}

static bool seal(json_t *list, struct buf *sealed)
{
	_cleanup_json_ json_t *json =
		json_pack("{s:i, s:s, s:i, s:s, s:s, s:[{s:s, s:i, s:[s], s:s}], s:{s:O}}",
			"bramble", 1, "cluster", "00000000000000000000000000000000", "generation",
			2, "built", "2026-11-28", "neo4j", "3.5.0", "members", "name", "pi1", "id",
			1, "roles", "data", "address", "192.168.2.7", "nodes", "pi1", list);
	struct err e;

	return generation_seal(json, seed, sealed, &e) == 0;
}

static void give(struct call *c, const struct buf *sealed)
{
	json_t *request = json_pack("{s:I}", "size", (json_int_t)sealed->len);

	c->verb->begin(c, request);
	json_decref(request);
	c->verb->data(c, sealed->data, sealed->len);
}

/* As whatever else the loop has to do, the watchdog's timer above all. */
static void other_turn(struct loop_timer *t)
{
	turns++;
	if (answered)
		loop_stop(loop);
	else
		loop_timer_set(loop, t, 1);
}

static const char *what(const char *path)
{
	const json_t *list = json_object_get(answered, "files");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *f = json_array_get(list, i);
		if (strcmp(json_string_value(json_object_get(f, "path")), path) == 0)
			return json_string_value(json_object_get(f, "what"));
	}
	return NULL;
}

static void test_compare(struct verbs *v, const struct buf *sealed)
{
	struct call c = {.verb = &compare_verb, .agent = v};
	struct loop_timer t;
	struct err e;

	give(&c, sealed);
	ok(c.own && !answered, "no file is compared while the list comes");
	if (c.own)
		c.verb->tick(&c);
	ok(told == 1, "who waits is told that it is under way");
	loop_timer_init(&t, other_turn);
	loop_timer_set(loop, &t, 0);
	ok(loop_run(loop, &e) == 0 && turns > 0, "it is answered in turns of the loop");
	is_int((long long)json_array_size(json_object_get(answered, "files")), 4, "differences");
	is_str(what("/opt/same-size"), "differs", "other bytes");
	is_str(what("/opt/longer"), "differs", "another size");
	is_str(what("/opt/missing"), "is missing", "none");
	is_str(what("/opt/old"), "is only there", "none in the list");
	json_decref(answered);
	answered = NULL;
}

static void test_gone(struct verbs *v, const struct buf *sealed)
{
	struct call c = {.verb = &compare_verb, .agent = v};

	give(&c, sealed);
	over(&c);
	ok(!answered, "whose client has gone ends, and leaves no timer");
}

static bool make_root(void)
{
	static const char *const dirs[] = {"/opt", "/etc/bramble"};
	struct err e;

	if (!mkdtemp(root))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_cleanup_free_ char *dir = xasprintf("%s%s", root, dirs[i]);
		if (io_mkdir_p(dir, 0755, &e) < 0)
			return false;
	}
	return true;
}

int main(void)
{
	static struct identity id = {.nmembers = 1,
		.members = {{.name = "pi1", .id = 1, .roles = ROLE_DATA | ROLE_VOTER}}};
	static struct voter voter;
	static struct apply a = {.id = &id, .voter = &voter, .root = root};
	struct verbs v = {.id = &id, .apply = &a, .root = root};
	_cleanup_buf_ struct buf sealed = {0};
	_cleanup_json_ json_t *installed = json_array();
	struct err e;

	loop = a.loop = loop_new(&e);
	if (!loop || !make_root())
		return 1;
	_cleanup_json_ json_t *list = files();
	add_large(list, installed);
	ok(install(installed) && seal(list, &sealed), "a card, and a list for it");
	shelf_open(&a.shelf, root, root, NULL);
	test_compare(&v, &sealed);
	test_gone(&v, &sealed);
	shelf_close(&a.shelf);
	loop_free(loop);
	(void)!io_remove_tree(root, &e);
	return done();
}
