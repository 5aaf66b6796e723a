/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "enact.h"
#include "io.h"
#include "record.h"
#include "talk.h"

int record_write(const char *path, const json_t *json, mode_t mode, struct err *e)
{
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	if (!text)
		return err_set(e, "%s: out of memory", path);
	if (strlen(text) > RECORD_MAX)
		return err_set(e, "%s: its files have too long a list", path);
	return io_write_atomic(path, text, strlen(text), mode, e);
}

json_t *record_read(const char *path)
{
	_cleanup_buf_ struct buf text = {0};
	json_error_t je;
	struct err e;

	if (io_read_plain(path, RECORD_MAX, &text, &e) < 0)
		return NULL;
	return json_loadb(buf_str(&text), text.len, JSON_REJECT_DUPLICATES, &je);
}

const char *record_path(const json_t *entry)
{
	const char *path = json_string_value(json_object_get(entry, "path"));

	return path && path[0] == '/' ? path : "";
}

bool record_names(const struct generation *g, const char *node, const char *path)
{
	ssize_t n = generation_count(g, node);

	if (!*path)
		return true;
	for (ssize_t i = 0; i < n; i++) {
		if (strcmp(generation_file_at(g, node, (size_t)i).path, path) == 0)
			return true;
	}
	return false;
}

json_t *record_paths(const struct generation *g, const char *node)
{
	ssize_t n = generation_count(g, node);
	json_t *paths = json_object();

	for (ssize_t i = 0; i < n; i++)
		json_object_set_new(
			paths, generation_file_at(g, node, (size_t)i).path, json_true());
	return paths;
}

json_t *record_digests(const json_t *record)
{
	const json_t *files = json_object_get(record, "files");
	json_t *digests = json_object();

	for (size_t i = 0; i < json_array_size(files); i++) {
		const json_t *f = json_array_get(files, i);
		json_t *digest = json_object_get(f, "digest");
		if (*record_path(f))
			json_object_set_new(digests, record_path(f),
				digest ? json_incref(digest) : json_null());
	}
	return digests;
}

json_t *record_of(const struct generation *g, const char *node)
{
	ssize_t n = generation_count(g, node);
	json_t *files = json_array();

	for (ssize_t i = 0; i < n; i++) {
		struct generation_file f = generation_file_at(g, node, (size_t)i);
		if (f.kind != GENERATION_DIR)
			json_array_append_new(
				files, json_pack("{s:s, s:s}", "path", f.path, "digest", f.digest));
	}
	return json_pack("{s:I, s:o}", "generation", (json_int_t)g->number, "files", files);
}

/* Digests of secrets are in it: nobody but root and the agent may try which they are of. */
int record_save(const char *root, const json_t *record, struct err *e)
{
	_cleanup_free_ char *dir = xasprintf("%s" RECORD_DIR, root);
	_cleanup_free_ char *path = xasprintf("%s/installed.json", dir);
	_cleanup_free_ char *new = xasprintf("%s.new", path);
	_cleanup_free_ char *secret = xasprintf("%s/etc/bramble/cluster.secret", root);
	struct stat st;

	if (io_mkdir_p(dir, 0755, e) < 0 || record_write(new, record, 0640, e) < 0)
		return -1;
	if (stat(secret, &st) == 0 && chown(new, (uid_t)-1, st.st_gid) < 0)
		return err_errno(e, "%s", new);
	return rename(new, path) < 0 || io_sync_parent(path) < 0 ? err_errno(e, "%s", path) : 0;
}

json_t *enact_record(const char *root)
{
	_cleanup_free_ char *path = xasprintf("%s" RECORD_DIR "/installed.json", root);

	return record_read(path);
}

const char *enact_digest(const json_t *record, const char *path)
{
	const json_t *files = json_object_get(record, "files");

	for (size_t i = 0; i < json_array_size(files); i++) {
		const json_t *f = json_array_get(files, i);
		if (strcmp(record_path(f), path) == 0)
			return json_string_value(json_object_get(f, "digest"));
	}
	return NULL;
}

static char *before_path(const char *root)
{
	return xasprintf("%s" RECORD_DIR "/before/list.json", root);
}

json_t *record_before(const char *root)
{
	_cleanup_free_ char *path = before_path(root);

	return record_read(path);
}

bool record_before_is(const char *root, uint64_t generation)
{
	json_t *json = record_before(root);
	const json_t *of = json_object_get(json, "for");
	bool is = of && (uint64_t)json_integer_value(of) == generation;

	json_decref(json);
	return is;
}

static bool is_mixed(const json_t *before)
{
	return json_is_true(json_object_get(before, "mixed"));
}

json_t *record_mixed(const char *root)
{
	_cleanup_json_ json_t *before = record_before(root);

	return is_mixed(before) ? json_incref(before) : NULL;
}

int record_set_mixed(const char *root, bool mixed, struct err *e)
{
	_cleanup_free_ char *path = before_path(root);
	_cleanup_json_ json_t *before = record_before(root);

	if (is_mixed(before) == mixed)
		return 0;
	json_object_set_new(before, "mixed", json_boolean(mixed));
	return record_write(path, before, 0600, e);
}

/* --- orders and results */

static const char *const whats[] = {
	[ENACT_GENERATION] = "generation",
	[ENACT_BEFORE] = "before",
};

static char *order_path(const char *dir)
{
	return xasprintf("%s/order.json", dir);
}

int enact_order_save(const char *dir, const struct enact_order *o, struct err *e)
{
	_cleanup_free_ char *path = order_path(dir);
	json_t *json = json_pack("{s:I, s:s, s:I}", "serial", (json_int_t)o->serial, "what",
		whats[o->what], "generation", (json_int_t)o->generation);
	int rc = io_mkdir_p(dir, 0700, e) < 0 ? -1 : record_write(path, json, 0600, e);

	json_decref(json);
	return rc;
}

int enact_order_load(const char *dir, struct enact_order *o, struct err *e)
{
	_cleanup_free_ char *path = order_path(dir);
	json_t *json = record_read(path);
	const char *what = json_string_value(json_object_get(json, "what"));

	*o = (struct enact_order){
		.serial = (uint64_t)json_integer_value(json_object_get(json, "serial")),
		.what = what && strcmp(what, whats[ENACT_BEFORE]) == 0 ? ENACT_BEFORE
								       : ENACT_GENERATION,
		.generation = (uint64_t)json_integer_value(json_object_get(json, "generation"))};
	bool there = json != NULL, good = o->serial && o->generation && what;
	json_decref(json);
	if (there && !good)
		return err_set(e, "%s: damaged", path);
	return there;
}

void enact_order_forget(const char *dir)
{
	_cleanup_free_ char *path = order_path(dir);

	unlink(path);
}

static char *result_path(const char *root)
{
	return xasprintf("%s/run/bramble-enact/result.json", root);
}

int record_result(const char *root, uint64_t serial, const char *why,
	const struct enact_failure *how, struct err *e)
{
	_cleanup_free_ char *path = result_path(root);
	_cleanup_free_ char *dir = xasprintf("%s/run/bramble-enact", root);
	json_t *json = json_pack("{s:I, s:b, s:b, s:b, s:s}", "serial", (json_int_t)serial, "ok",
		why == NULL, "passing", how->passing, "unfit", how->unfit, "why", why ? why : "");
	int rc = io_mkdir_p(dir, 0755, e) < 0 ? -1 : record_write(path, json, 0644, e);

	json_decref(json);
	return rc;
}

int enact_result(const char *root, uint64_t serial, struct enact_failure *how, struct err *e)
{
	_cleanup_free_ char *path = result_path(root);
	json_t *json = record_read(path);
	const char *why = json_string_value(json_object_get(json, "why"));
	bool mine = (uint64_t)json_integer_value(json_object_get(json, "serial")) == serial;
	bool ok = json_is_true(json_object_get(json, "ok"));

	*how = (struct enact_failure){
		.passing = mine && json_is_true(json_object_get(json, "passing")),
		.unfit = mine && json_is_true(json_object_get(json, "unfit"))};
	if (mine && !ok)
		err_set(e, "%s", why ? why : "it says not why");
	json_decref(json);
	return !mine ? 0 : ok ? 1 : -1;
}
