/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include "io.h"
#include "log.h"
#include "shelf.h"

#define SYNC_EACH (1u << 20)   /* so that no sync lasts long */
#define ROOM_PERCENT 15        /* of p3 must stay free for Neo4j, */
#define ROOM_KEPT (256u << 20) /* and never more than this much */

char *shelf_dir(const char *root, const struct identity *id)
{
	bool has_p3 = identity_self(id)->roles & ROLE_VOTER;

	return xasprintf("%s%s", root, has_p3 ? "/srv/bramble/apply" : "/run/bramble/apply");
}

void shelf_open(struct shelf *s, const char *root, const char *dir, const char *only)
{
	*s = (struct shelf){.dir = xstrdup(dir), .root = xstrdup(root), .only = only};
}

void shelf_close(struct shelf *s)
{
	free(s->dir);
	free(s->root);
	*s = (struct shelf){0};
}

static char *list_path(const struct shelf *s, uint64_t number)
{
	return xasprintf("%s/%llu.list", s->dir, (unsigned long long)number);
}

static void cleanup_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}
#define _cleanup_dir_ _cleanup_(cleanup_closedir)

/* "7.list" -> 7; 0: it is none. */
static uint64_t number_of(const char *name)
{
	size_t n = strspn(name, "0123456789");

	return n && n < 10 && strcmp(name + n, ".list") == 0 ? strtoull(name, NULL, 10) : 0;
}

uint64_t shelf_newest(const struct shelf *s)
{
	_cleanup_dir_ DIR *d = opendir(s->dir);
	uint64_t newest = 0;

	for (struct dirent *de; d && (de = readdir(d));) {
		if (number_of(de->d_name) > newest)
			newest = number_of(de->d_name);
	}
	return newest;
}

bool shelf_has(const struct shelf *s, uint64_t number)
{
	_cleanup_free_ char *path = list_path(s, number);

	return access(path, F_OK) == 0;
}

int shelf_key(const char *root, char public_hex[GENERATION_PUBLIC_HEX + 1], struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/etc/bramble/owner.pub", root);
	_cleanup_buf_ struct buf text = {0};

	if (access(path, F_OK) < 0)
		return err_set(e, "this card was built before bramble could apply, and knows no "
				  "key of its owner's; flash it anew once (--keep-data)");
	if (io_read_file(path, 256, &text, e) < 0)
		return -1;
	if (text.len != GENERATION_PUBLIC_HEX + 1)
		return err_set(e, "%s: damaged", path);
	memcpy(public_hex, text.data, GENERATION_PUBLIC_HEX);
	public_hex[GENERATION_PUBLIC_HEX] = '\0';
	return 0;
}

int shelf_check(const struct shelf *s, const struct identity *id, const struct buf *sealed,
	struct generation *g, struct err *e)
{
	char public[GENERATION_PUBLIC_HEX + 1], hex[2 * CLUSTER_ID_SIZE + 1];

	*g = (struct generation){0};
	if (shelf_key(s->root, public, e) < 0 || generation_open(sealed, public, g, e) < 0)
		return -1;
	hex_encode(hex, id->cluster_id, CLUSTER_ID_SIZE);
	if (strcmp(g->cluster, hex) == 0)
		return 0;
	generation_close(g);
	return err_set(e, "the configuration of another cluster");
}

int shelf_load(const struct shelf *s, const struct identity *id, uint64_t number,
	struct buf *sealed, struct generation *g, struct err *e)
{
	_cleanup_free_ char *path = list_path(s, number);

	*g = (struct generation){0};
	if (io_read_plain(path, GENERATION_LIST_MAX, sealed, e) < 0 ||
		shelf_check(s, id, sealed, g, e) < 0)
		return err_prefix(e, "generation %llu", (unsigned long long)number);
	if (g->number == number)
		return 0;
	generation_close(g);
	return err_set(e, "%s: is of another generation", path);
}

/* --- contents */

char *shelf_content(const struct shelf *s, const char *digest)
{
	if (strlen(digest) != GENERATION_DIGEST - 1 ||
		strspn(digest, "0123456789abcdef") != GENERATION_DIGEST - 1)
		return NULL;
	return xasprintf("%s/%s", s->dir, digest);
}

static bool has_content(const struct shelf *s, const struct generation_file *f)
{
	_cleanup_free_ char *path = shelf_content(s, f->digest);
	struct stat st;

	return path && stat(path, &st) == 0 && (uint64_t)st.st_size == f->size;
}

typedef void each_fn(void *arg, const struct generation_file *f);

/* Files with contents that this shelf is to have. */
static void each_file(const struct shelf *s, const struct generation *g, each_fn *fn, void *arg)
{
	const char *node;
	json_t *files;

	json_object_foreach(json_object_get(g->json, "nodes"), node, files)
	{
		if (s->only && strcmp(s->only, node) != 0)
			continue;
		for (size_t i = 0; i < json_array_size(files); i++) {
			struct generation_file f = generation_file_at(g, node, i);
			if (f.kind == GENERATION_FILE)
				fn(arg, &f);
		}
	}
}

struct missing {
	const struct shelf *s;
	json_t *list, *seen;
	size_t most;
};

static void note_missing(void *arg, const struct generation_file *f)
{
	struct missing *m = arg;

	if (json_array_size(m->list) >= m->most || json_object_get(m->seen, f->digest) ||
		has_content(m->s, f))
		return;
	json_object_set_new(m->seen, f->digest, json_true());
	json_array_append_new(
		m->list, json_pack("{s:s, s:I}", "digest", f->digest, "size", (json_int_t)f->size));
}

json_t *shelf_missing(const struct shelf *s, const struct generation *g, size_t most)
{
	struct missing m = {.s = s, .list = json_array(), .seen = json_object(), .most = most};

	each_file(s, g, note_missing, &m);
	json_decref(m.seen);
	return m.list;
}

/* One that is not may be replaced: it is damaged, or of an owner of before. */
static bool is_owners(const struct shelf *s, const struct buf *sealed)
{
	_cleanup_generation_ struct generation g = {0};
	char public[GENERATION_PUBLIC_HEX + 1];
	struct err e;

	return shelf_key(s->root, public, &e) == 0 && generation_open(sealed, public, &g, &e) == 0;
}

int shelf_check_number(
	const struct shelf *s, uint64_t number, const struct buf *sealed, struct err *e)
{
	_cleanup_free_ char *path = list_path(s, number);
	_cleanup_buf_ struct buf is = {0};
	struct err none;

	if (io_read_plain(path, GENERATION_LIST_MAX, &is, &none) < 0 ||
		(is.len == sealed->len && memcmp(is.data, sealed->data, is.len) == 0) ||
		!is_owners(s, &is))
		return 0;
	return err_code(e, EXIT_BUSY,
		"another generation %llu is here already, which somebody else has sent; apply "
		"again",
		(unsigned long long)number);
}

int shelf_keep(
	const struct shelf *s, const struct generation *g, const struct buf *sealed, struct err *e)
{
	_cleanup_free_ char *path = list_path(s, g->number);
	json_t *missing = shelf_missing(s, g, 1);
	size_t n = json_array_size(missing);

	json_decref(missing);
	if (shelf_check_number(s, g->number, sealed, e) < 0)
		return -1;
	if (n)
		return err_set(e, "generation %llu is not whole", (unsigned long long)g->number);
	return io_write_atomic(path, sealed->data, sealed->len, 0600, e);
}

/* --- tidying */

static void note_used(void *arg, const struct generation_file *f)
{
	json_object_set_new(arg, f->digest, json_true());
}

/* false: something could not be read, and nothing is to be removed. */
static bool note_all_used(const struct shelf *s, const struct identity *id, const uint64_t *keep,
	size_t nkeep, json_t *used)
{
	for (size_t i = 0; i < nkeep; i++) {
		_cleanup_generation_ struct generation g = {0};
		_cleanup_buf_ struct buf sealed = {0};
		struct err e;
		if (!keep[i] || !shelf_has(s, keep[i]))
			continue;
		if (shelf_load(s, id, keep[i], &sealed, &g, &e) < 0)
			return false;
		each_file(s, &g, note_used, used);
	}
	return true;
}

static bool is_kept(uint64_t number, const uint64_t *keep, size_t nkeep)
{
	for (size_t i = 0; i < nkeep; i++) {
		if (keep[i] == number)
			return true;
	}
	return false;
}

/* "DIGEST.XXXXXX" that nobody writes to any more; agents of before wrote to "DIGEST.new". */
static bool is_leftover(int dir, const char *name)
{
	size_t n = strspn(name, "0123456789abcdef");

	if (n != GENERATION_DIGEST - 1 || name[n] != '.')
		return false;
	struct stat st;
	struct err none;
	_cleanup_close_ int fd = io_open_plain(dir, name, &st, &none);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

void shelf_prune(
	const struct shelf *s, const struct identity *id, const uint64_t *keep, size_t nkeep)
{
	_cleanup_dir_ DIR *d = opendir(s->dir);
	json_t *used = json_object();

	bool ok = d && note_all_used(s, id, keep, nkeep, used);
	for (struct dirent *de; ok && (de = readdir(d));) {
		_cleanup_free_ char *content = shelf_content(s, de->d_name);
		uint64_t number = number_of(de->d_name);
		if ((number && !is_kept(number, keep, nkeep)) ||
			(content && !json_object_get(used, de->d_name)) ||
			is_leftover(dirfd(d), de->d_name))
			unlinkat(dirfd(d), de->d_name, 0);
	}
	json_decref(used);
}

/* --- a content that comes */

static int check_room(const char *dir, uint64_t size, struct err *e)
{
	struct statvfs fs;

	if (statvfs(dir, &fs) < 0)
		return err_errno(e, "%s", dir);
	uint64_t spare = (uint64_t)fs.f_blocks * fs.f_frsize / 100 * ROOM_PERCENT;
	uint64_t has = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (spare > ROOM_KEPT)
		spare = ROOM_KEPT;
	if (has >= size + spare)
		return 0;
	return err_set(e, "%s: no room: %llu KiB are free, and %llu are needed", dir,
		(unsigned long long)(has >> 10), (unsigned long long)((size + spare) >> 10));
}

int shelf_begin(struct shelf_writer *w, const struct shelf *s, const char *digest, uint64_t size,
	struct err *e)
{
	*w = (struct shelf_writer){.fd = -1, .path = shelf_content(s, digest), .left = size};
	if (!w->path || size > GENERATION_FILE_MAX)
		return err_set(e, "no digest, or too large a file");
	memcpy(w->digest, digest, sizeof(w->digest));
	if (io_mkdir_p(s->dir, 0700, e) < 0 || check_room(s->dir, size, e) < 0)
		return -1;
	crypto_generichash_init(&w->hash, NULL, 0, crypto_generichash_BYTES);
	w->new = xasprintf("%s.XXXXXX", w->path);
	w->fd = mkostemp(w->new, O_CLOEXEC);
	/* Pruned by another process just before: it cannot be renamed at the end, and comes again.
	 */
	return w->fd < 0 || flock(w->fd, LOCK_EX) < 0 ? err_errno(e, "%s", w->new) : 0;
}

int shelf_add(struct shelf_writer *w, const void *p, size_t n, struct err *e)
{
	if (n > w->left)
		return err_set(e, "%s: more than was told", w->digest);
	if (io_write_full(w->fd, p, n) < 0)
		return err_errno(e, "%s", w->path);
	crypto_generichash_update(&w->hash, p, n);
	w->left -= n;
	w->unsynced += n;
	if (w->unsynced < SYNC_EACH)
		return 0;
	w->unsynced = 0;
	return fdatasync(w->fd) < 0 ? err_errno(e, "%s", w->path) : 0;
}

static int finish(struct shelf_writer *w, struct err *e)
{
	uint8_t hash[crypto_generichash_BYTES];
	char hex[GENERATION_DIGEST];

	crypto_generichash_final(&w->hash, hash, sizeof(hash));
	hex_encode(hex, hash, sizeof(hash));
	if (w->left || strcmp(hex, w->digest) != 0)
		return err_set(e, "%s: other bytes came than were promised", w->digest);
	if (fsync(w->fd) < 0 || rename(w->new, w->path) < 0 || io_sync_parent(w->path) < 0)
		return err_errno(e, "%s", w->path);
	return 0;
}

int shelf_end(struct shelf_writer *w, struct err *e)
{
	int rc = finish(w, e);

	shelf_abandon(w);
	return rc;
}

void shelf_abandon(struct shelf_writer *w)
{
	if (w->fd >= 0)
		unlink(w->new); /* there no more when it has appeared */
	cleanup_close(&w->fd);
	free(w->path);
	free(w->new);
	*w = (struct shelf_writer){.fd = -1};
}
