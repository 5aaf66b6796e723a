/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include "../proxy_conf.h"
#include "../upgrade/install.h"
#include "card_paths.h"
#include "enact.h"
#include "io.h"
#include "log.h"
#include "place.h"
#include "record.h"
#include "shelf.h"
#include "talk.h"

#define NODE_CONF "/etc/bramble/node.conf"
#define CONF_MAX 65536

struct enact {
	const struct agent_options *o;
	struct identity id;
	struct shelf shelf;
	struct generation g;
	struct buf sealed;
	json_t *record;    /* of what is installed */
	bool units, proxy; /* what changed */
	bool begun;        /* files change, one by one: what was there before is kept */
	bool unfit;        /* it is not for this card */
};

static const char *self(const struct enact *x)
{
	return identity_self(&x->id)->name;
}

static size_t nfiles(const struct enact *x)
{
	ssize_t n = generation_count(&x->g, self(x));

	return n > 0 ? (size_t)n : 0;
}

static struct generation_file file_at(const struct enact *x, size_t i)
{
	return generation_file_at(&x->g, self(x), i);
}

/* --- may it be? */

static uint64_t installed(const struct enact *x)
{
	return (uint64_t)json_integer_value(json_object_get(x->record, "generation"));
}

static int check(const struct enact *x, struct err *e)
{
	if (generation_count(&x->g, self(x)) < 0)
		return err_set(e, "%s is not in it", self(x));
	if ((identity_self(&x->id)->roles & ROLE_VOTER) && strcmp(x->g.neo4j, x->id.neo4j) != 0)
		return err_set(e, "it is for Neo4j %s, here is %s; see bramble upgrade", x->g.neo4j,
			x->id.neo4j);
	if (x->g.number < installed(x) || x->g.number < x->id.generation)
		return err_set(e, "generation %llu is installed already",
			(unsigned long long)installed(x));
	return 0;
}

/* --- what was there before */

static bool lists(const json_t *entries, const char *path)
{
	for (size_t i = 0; i < json_array_size(entries); i++) {
		if (strcmp(record_path(json_array_get(entries, i)), path) == 0)
			return true;
	}
	return false;
}

static int save_path(
	const struct enact *x, json_t *entries, int dir, const char *path, struct err *e)
{
	char name[24];
	struct stat st;
	struct err none;
	_cleanup_place_ struct place p = {.dir = -1};

	if (lists(entries, path))
		return 0;
	/* A folder that is not there yet is made for it later. */
	int there = place_open(&p, x->o->root, path, false, &none) < 0 ? 0 : -1;
	if (there < 0 && fstatat(p.dir, p.name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISDIR(st.st_mode))
		return 0;
	snprintf(name, sizeof(name), "%zu", json_array_size(entries));
	if (there < 0 && (there = place_save(&p, dir, name, e)) < 0)
		return -1;
	json_array_append_new(entries, json_pack("{s:s, s:b}", "path", path, "there", there));
	return 0;
}

static int save_paths(const struct enact *x, json_t *entries, int dir, struct err *e)
{
	const json_t *files = json_object_get(x->record, "files");

	for (size_t i = 0; i < nfiles(x); i++) {
		struct generation_file f = file_at(x, i);
		if (f.kind != GENERATION_DIR && save_path(x, entries, dir, f.path, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < json_array_size(files); i++) {
		const char *path = record_path(json_array_get(files, i));
		if (!record_names(&x->g, self(x), path) && save_path(x, entries, dir, path, e) < 0)
			return -1;
	}
	return 0;
}

static bool is_there(const json_t *entry)
{
	return json_is_true(json_object_get(entry, "there"));
}

/* The way back leads to what was there before the generation of which only a part is there. */
static int carry_mixed(
	const json_t *mixed, const char *from, json_t *entries, int dir, struct err *e)
{
	json_t *old = json_object_get(mixed, "entries");
	_cleanup_close_ int old_dir = open(from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (old_dir < 0)
		return err_errno(e, "%s", from);
	for (size_t i = 0; i < json_array_size(old); i++) {
		json_t *entry = json_array_get(old, i);
		char name[24];
		snprintf(name, sizeof(name), "%zu", i);
		if (is_there(entry) && linkat(old_dir, name, dir, name, 0) < 0)
			return err_errno(e, "%s: cannot be kept", record_path(entry));
		json_array_append(entries, entry);
	}
	return 0;
}

/* Fills the folder `new`; what the one at `before` has of a generation that is mixed counts. */
static int fill_before(const struct enact *x, const char *before, const char *new, struct err *e)
{
	_cleanup_free_ char *list = xasprintf("%s/list.json", new);
	_cleanup_json_ json_t *mixed = record_mixed(x->o->root);
	_cleanup_close_ int dir = open(new, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	json_t *entries = json_array();

	int rc = dir < 0 ? err_errno(e, "%s", new) : 0;
	if (rc == 0 && mixed)
		rc = carry_mixed(mixed, before, entries, dir, e);
	if (rc == 0)
		rc = save_paths(x, entries, dir, e);
	_cleanup_json_ json_t *json = json_pack("{s:I, s:b, s:o, s:O?}", "for",
		(json_int_t)x->g.number, "mixed", true, "entries", entries, "installed",
		mixed ? json_object_get(mixed, "installed") : x->record);
	return rc < 0 ? -1 : record_write(list, json, 0600, e);
}

/* At once, where the filesystem can: the one there is may be needed, if it is mixed. */
static int put_in_place(const char *new, const char *path, struct err *e)
{
	bool swapped = renameat2(AT_FDCWD, new, AT_FDCWD, path, RENAME_EXCHANGE) == 0;

	if (!swapped && errno != ENOENT && errno != EINVAL && errno != ENOSYS)
		return err_errno(e, "%s", path);
	if (!swapped && io_remove_tree(path, e) < 0)
		return -1;
	if ((!swapped && rename(new, path) < 0) || io_sync_parent(path) < 0)
		return err_errno(e, "%s", path);
	return swapped ? io_remove_tree(new, e) : 0;
}

static int save_before(const struct enact *x, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s" RECORD_DIR "/before", x->o->root);
	_cleanup_free_ char *new = xasprintf("%s.new", path);

	if (record_before_is(x->o->root, x->g.number))
		return record_set_mixed(x->o->root, true, e); /* the order was not finished */
	if (io_remove_tree(new, e) < 0 || io_mkdir_p(new, 0700, e) < 0 ||
		fill_before(x, path, new, e) < 0)
		return -1;
	return put_in_place(new, path, e);
}

static int open_before(const struct enact *x)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s" RECORD_DIR "/before", x->o->root);
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void note_change(struct enact *x, const char *path)
{
	x->units |= strstr(path, "/systemd/system/") != NULL;
	x->proxy |= card_path_needs(path) == CARD_NEEDS_PROXY;
}

static int remove_path(struct enact *x, const char *path, struct err *e)
{
	_cleanup_place_ struct place p = {.dir = -1};
	struct err none;

	if (place_open(&p, x->o->root, path, false, &none) < 0)
		return 0;
	note_change(x, path);
	return place_remove(&p, e);
}

static int restore_entry(
	struct enact *x, const json_t *entry, int dir, size_t number, struct err *e)
{
	const char *path = record_path(entry);
	_cleanup_place_ struct place p = {.dir = -1};
	char name[24];

	if (!is_there(entry))
		return remove_path(x, path, e);
	snprintf(name, sizeof(name), "%zu", number);
	if (place_open(&p, x->o->root, path, true, e) < 0)
		return -1;
	note_change(x, path);
	return place_restore(&p, dir, name, e);
}

/* --- the new ones */

/* For each file that is not as it should be; node.conf comes by itself. */
typedef int step_fn(
	struct enact *x, const struct place *p, const struct generation_file *f, struct err *e);

static int each_changed(struct enact *x, bool last, step_fn *step, struct err *e)
{
	for (size_t i = 0; i < nfiles(x); i++) {
		struct generation_file f = file_at(x, i);
		_cleanup_place_ struct place p = {.dir = -1};
		if ((strcmp(f.path, NODE_CONF) == 0) != last)
			continue;
		if (place_open(&p, x->o->root, f.path, true, e) < 0)
			return -1;
		if (!place_is(&p, &f) && step(x, &p, &f, e) < 0)
			return -1;
	}
	return 0;
}

static int stage(
	struct enact *x, const struct place *p, const struct generation_file *f, struct err *e)
{
	_cleanup_free_ char *from = shelf_content(&x->shelf, f->digest);

	return place_stage(p, f, from ? from : "", e);
}

static int commit(
	struct enact *x, const struct place *p, const struct generation_file *f, struct err *e)
{
	note_change(x, f->path);
	return f->kind == GENERATION_DIR ? 0 : place_commit(p, e);
}

static bool is_left(const struct enact *x, const char *path)
{
	return !card_path_forbidden(path) && !record_names(&x->g, self(x), path);
}

static int remove_old(struct enact *x, struct err *e)
{
	const json_t *files = json_object_get(x->record, "files");

	for (size_t i = 0; i < json_array_size(files); i++) {
		const char *path = record_path(json_array_get(files, i));
		if (is_left(x, path) && remove_path(x, path, e) < 0)
			return -1;
	}
	return 0;
}

/* What a generation of which a part is there put in place is in no record, but was kept. */
static int remove_mixed(struct enact *x, struct err *e)
{
	_cleanup_json_ json_t *before = record_before(x->o->root);
	const json_t *installed = json_object_get(before, "installed");
	const json_t *entries = json_object_get(before, "entries");
	_cleanup_close_ int dir = open_before(x);

	if (dir < 0)
		return err_errno(e, RECORD_DIR "/before");
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i);
		const char *path = record_path(entry);
		bool is_cards = is_there(entry) && !enact_digest(installed, path);
		if (!is_left(x, path))
			continue;
		if ((is_cards ? restore_entry(x, entry, dir, i, e) : remove_path(x, path, e)) < 0)
			return -1;
	}
	return 0;
}

/*
 * The agent of this card must be able to read it: one that is older than the PC's bramble may not
 * know a key in it, and would find neither the order nor the way back.
 */
static int check_node_conf(const struct enact *x, const struct generation_file *f, struct err *e)
{
	static struct identity next; /* too large for the stack */
	_cleanup_free_ char *content = shelf_content(&x->shelf, f->digest);

	if (f->kind != GENERATION_FILE || !content)
		return err_set(e, NODE_CONF " is no file in it");
	if (identity_load_plain(content, &next, e) < 0)
		return err_prefix(e, "its node.conf, for this card's bramble");
	if (strcmp(identity_self(&next)->name, self(x)) != 0 ||
		memcmp(next.cluster_id, x->id.cluster_id, sizeof(next.cluster_id)) != 0)
		return err_set(e, "its node.conf is another node's");
	return 0;
}

static int check_next_identity(const struct enact *x, struct err *e)
{
	ssize_t n = generation_count(&x->g, self(x));

	for (ssize_t i = 0; i < n; i++) {
		struct generation_file f = generation_file_at(&x->g, self(x), (size_t)i);
		if (strcmp(f.path, NODE_CONF) == 0)
			return check_node_conf(x, &f, e);
	}
	return 0;
}

static int enact_generation(struct enact *x, uint64_t number, struct err *e)
{
	if (shelf_load(&x->shelf, &x->id, number, &x->sealed, &x->g, e) < 0)
		return -1;
	x->unfit = check(x, e) < 0;
	if (x->unfit || check_next_identity(x, e) < 0 || save_before(x, e) < 0)
		return -1;
	x->begun = true;
	if (each_changed(x, false, stage, e) < 0 || each_changed(x, true, stage, e) < 0 ||
		each_changed(x, false, commit, e) < 0 || remove_old(x, e) < 0 ||
		remove_mixed(x, e) < 0)
		return -1;
	json_t *record = record_of(&x->g, self(x));
	int rc = record_save(x->o->root, record, e);
	json_decref(record);
	if (rc < 0 || each_changed(x, true, commit, e) < 0)
		return -1;
	return record_set_mixed(x->o->root, false, e);
}

/* --- back */

/* All that can: one that is barred keeps no other from its place. The first error counts. */
static int restore_entries(
	struct enact *x, const json_t *entries, int dir, bool last, struct err *e)
{
	struct err later;
	int rc = 0;

	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i);
		if ((strcmp(record_path(entry), NODE_CONF) == 0) == last &&
			restore_entry(x, entry, dir, i, rc < 0 ? &later : e) < 0)
			rc = -1;
	}
	return rc;
}

/* In the node.conf that was kept there is to be the Neo4j that this card has now. */
static int rewrite_kept(const struct enact *x, const char *kept, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s" NODE_CONF, x->o->root);
	_cleanup_buf_ struct buf is = {0}, now = {0}, out = {0};

	if (io_read_file(kept, CONF_MAX, &is, e) < 0 || io_read_file(path, CONF_MAX, &now, e) < 0)
		return -1;
	if (switch_line(buf_str(&is), buf_str(&now), &out) < 0)
		return err_set(e, "%s: has no line for Neo4j", kept);
	return io_write_atomic(kept, out.data, out.len, 0644, e);
}

/* No way back undoes a `bramble upgrade`: the old Neo4j could not open the store any more. */
static int keep_neo4j(const struct enact *x, size_t number, struct err *e)
{
	static struct identity was; /* too large for the stack */
	_cleanup_free_ char *kept = xasprintf("%s" RECORD_DIR "/before/%zu", x->o->root, number);

	if (identity_load(kept, &was, e) < 0)
		return -1;
	return strcmp(was.neo4j, x->id.neo4j) == 0 ? 0 : rewrite_kept(x, kept, e);
}

static int keep_neo4j_of(const struct enact *x, const json_t *entries, struct err *e)
{
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i);
		if (is_there(entry) && strcmp(record_path(entry), NODE_CONF) == 0)
			return keep_neo4j(x, i, e);
	}
	return 0;
}

static int restore(struct enact *x, int dir, struct err *e)
{
	_cleanup_json_ json_t *before = record_before(x->o->root);
	const json_t *entries = json_object_get(before, "entries");
	json_t *installed = json_object_get(before, "installed");

	if (restore_entries(x, entries, dir, false, e) < 0)
		return -1;
	if (json_is_object(installed) && record_save(x->o->root, installed, e) < 0)
		return -1;
	if (keep_neo4j_of(x, entries, e) < 0 || restore_entries(x, entries, dir, true, e) < 0)
		return -1;
	return record_set_mixed(x->o->root, false, e);
}

static int enact_before(struct enact *x, uint64_t number, struct err *e)
{
	struct err unmarked;
	_cleanup_close_ int dir = open_before(x);

	x->begun = dir >= 0 ? record_before_is(x->o->root, number) : errno != ENOENT;
	if (dir < 0 && x->begun)
		return err_errno(e, RECORD_DIR "/before");
	if (!x->begun)
		return err_set(e, "what was there before generation %llu is not here",
			(unsigned long long)number);
	/* Where there is no room for that there may be some when files are taken away. */
	if (record_set_mixed(x->o->root, true, &unmarked) < 0)
		log_warn("%s", unmarked.msg);
	int rc = restore(x, dir, e);
	if (rc < 0 && record_set_mixed(x->o->root, true, &unmarked) < 0)
		log_warn("%s", unmarked.msg);
	return rc;
}

/* --- the unit */

static void tell_manager(const struct enact *x, const char *const *words)
{
	const char *argv[5] = {x->o->service_manager};
	pid_t pid = fork();
	int status;

	for (size_t i = 0; i < 3 && words[i]; i++)
		argv[i + 1] = words[i];
	if (pid == 0) {
		execv(argv[0], (char *const *)(void *)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		log_error("%s %s: failed", argv[0], argv[1]);
}

static void tell_services(const struct enact *x)
{
	static const char *const reload[] = {"daemon-reload", NULL, NULL};
	/* A reload loses no request. One that a person has stopped stays so. */
	static const char *const proxy[] = {
		"reload-or-try-restart", "--no-block", "bramble-proxy.service"};

	if (x->units)
		tell_manager(x, reload);
	if (x->proxy && (identity_self(&x->id)->roles & ROLE_PROXY))
		tell_manager(x, proxy);
}

/* The generation is whole without it. Of one that is not, /etc/hosts may be in place. */
static void keep_host_name(const struct enact *x)
{
	struct err e;

	if (agent_settings_hosts(x->o, &e) < 0)
		log_error("%s", e.msg);
}

/*
 * The list does not tell where the network has put the members. When the agent tells it to
 * bramble-addresses it is because something has changed there, and nothing has.
 */
static void keep_addresses(const struct enact *x)
{
	struct err e;
	bool changed;

	if (proxy_conf_renew(x->o->root, &changed, &e) < 0)
		log_error("%s", e.msg);
}

static int carry_out(struct enact *x, struct enact_order *order, struct err *e)
{
	_cleanup_close_ int lock = proxy_conf_lock(x->o->root, e);
	_cleanup_free_ char *dir = NULL;

	if (lock < 0 || identity_load_root(x->o->root, &x->id, e) < 0)
		return -1;
	dir = shelf_dir(x->o->root, &x->id);
	shelf_open(&x->shelf, x->o->root, dir, self(x));
	x->record = enact_record(x->o->root);
	int rc = enact_order_load(dir, order, e);
	if (rc == 0)
		return err_set(e, "%s: there is no order", dir);
	if (rc > 0 && order->what == ENACT_GENERATION)
		rc = enact_generation(x, order->generation, e);
	else if (rc > 0)
		rc = enact_before(x, order->generation, e);
	if (x->begun) {
		keep_host_name(x);
		keep_addresses(x);
		tell_services(x);
	}
	return rc;
}

int enact_run(const struct agent_options *o, struct err *e)
{
	static struct enact x; /* too large for the stack */
	struct enact_order order = {0};

	x.o = o;
	int rc = carry_out(&x, &order, e);
	generation_close(&x.g);
	buf_free(&x.sealed);
	json_decref(x.record);
	shelf_close(&x.shelf);
	if (rc == 0)
		log_info("generation %llu: %s", (unsigned long long)order.generation,
			order.what == ENACT_BEFORE ? "taken back" : "installed");
	struct err ignored;
	const struct enact_failure how = {.passing = rc < 0 && x.begun, .unfit = x.unfit};
	if (record_result(o->root, order.serial, rc == 0 ? NULL : e->msg, &how, &ignored) < 0)
		log_error("%s", ignored.msg);
	return rc;
}
