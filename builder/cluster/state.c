/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include "input/conf_hash.h"
#include "io.h"
#include "state.h"

#define VALUE_MAX 256

struct folder {
	char *path;
	uid_t uid, owner; /* ours, and who else may own what root reads */
	gid_t group;
	int lock;
};

static void close_folder(struct folder *d)
{
	cleanup_close(&d->lock);
	free(d->path);
}
#define _cleanup_folder_ _cleanup_(close_folder)

struct value {
	const char *file;
	size_t at, size; /* in struct state: hex digits and a NUL */
};

#define VALUE(name, member)                                                               \
	{                                                                                 \
		name, offsetof(struct state, member), sizeof(((struct state *)0)->member) \
	}
static const struct value values[] = {
	VALUE("id", id),
	VALUE("secret", secret),
	VALUE("stats.password", stats_password),
};

static const struct value next_secret = VALUE("secret.next", next);
static const struct value neo4j_password = VALUE("neo4j.password", neo4j_password);
static const struct value apply_key = VALUE("apply.key", apply_seed);

static char *value_of(struct state *s, const struct value *v)
{
	return (char *)s + v->at;
}

/* A build by root, as a rehearsal's, must not take the state away from its owner. */
static int write_file(
	const struct folder *d, const char *name, const void *p, size_t n, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", d->path, name);

	if (io_write_atomic(path, p, n, 0600, e) < 0)
		return -1;
	if (d->uid == 0 && d->owner != 0 && chown(path, d->owner, d->group) < 0)
		return err_errno(e, "%s", path);
	return 0;
}

static int write_value(const struct folder *d, const char *name, const char *value, struct err *e)
{
	_cleanup_free_ char *line = xasprintf("%s\n", value);

	return write_file(d, name, line, strlen(line), e);
}

static int refuse_shared(
	const struct folder *d, const char *path, const struct stat *st, struct err *e)
{
	unsigned mode = S_ISDIR(st->st_mode) ? 0700 : 0600;

	if (st->st_uid != d->uid && st->st_uid != d->owner)
		return err_code(e, EXIT_CONFIG,
			"%s: holds secrets and belongs to user %u, not to you: chown it, or build "
			"as "
			"that user",
			path, (unsigned)st->st_uid);
	if (st->st_mode & 077)
		return err_code(e, EXIT_CONFIG,
			"%s: holds secrets and must have mode %04o, not %04o; if others could read "
			"it, "
			"the cluster needs new ones",
			path, mode, st->st_mode & 07777);
	return 0;
}

/* No link is followed and no pipe waited for. */
static int open_value(const struct folder *d, const char *path, struct err *e)
{
	struct stat st;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_size > VALUE_MAX)
		return err_code(e, EXIT_CONFIG, "%s: damaged", path);
	return refuse_shared(d, path, &st, e) < 0 ? -1 : steal_fd(&fd);
}

/* 1: read into value (n bytes with its NUL); 0: there is none. */
static int read_value(
	const struct folder *d, const char *name, char *value, size_t n, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", d->path, name);
	char text[VALUE_MAX + 1] = "";
	struct stat st;

	if (lstat(path, &st) < 0 && errno == ENOENT)
		return 0;
	_cleanup_close_ int fd = open_value(d, path, e);
	if (fd < 0)
		return -1;
	ssize_t len = read(fd, text, VALUE_MAX);
	if (len < 0)
		return err_errno(e, "%s", path);
	size_t end = strcspn(text, "\n");
	if (end == 0 || end >= n || text[end] != '\n' || end + 1 != (size_t)len)
		return err_code(e, EXIT_CONFIG, "%s: damaged", path);
	memcpy(value, text, end);
	value[end] = '\0';
	return 1;
}

static int check_hex(const char *dir, const struct value *v, const char *text, struct err *e)
{
	uint8_t bytes[32];

	if (strlen(text) == v->size - 1 && hex_decode(bytes, (v->size - 1) / 2, text) == 0)
		return 0;
	return err_code(e, EXIT_CONFIG, "%s/%s: damaged", dir, v->file);
}

static int read_values(const struct folder *d, struct state *s, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		const struct value *v = &values[i];
		int rc = read_value(d, v->file, value_of(s, v), v->size, e);
		if (rc == 0)
			return err_code(e, EXIT_CONFIG,
				"%s/%s is gone; a new one would make cards the old ones do not "
				"know: put "
				"it back, or move the folder away and run bramble recover-state",
				d->path, v->file);
		if (rc < 0 || check_hex(d->path, v, value_of(s, v), e) < 0)
			return -1;
	}
	return 0;
}

/* "" when there is none. */
static int read_next(const struct folder *d, struct state *s, struct err *e)
{
	const struct value *v = &next_secret;
	int rc = read_value(d, v->file, s->next, v->size, e);

	return rc > 0 ? check_hex(d->path, v, s->next, e) : rc;
}

/* A person's, or one of ours. */
static int check_password(const char *dir, const char *text, struct err *e)
{
	size_t len = strlen(text);

	if (len > 0 && len < sizeof(((struct state *)0)->neo4j_password) && is_printable(text, len))
		return 0;
	return err_code(e, EXIT_CONFIG, "%s/%s: damaged: not 1 to 64 printable ASCII characters",
		dir, neo4j_password.file);
}

static void derive_password(struct state *s)
{
	uint8_t bytes[16];

	hash_derive(bytes, sizeof(bytes), s->secret, "neo4j-password", s->id);
	hex_encode(s->neo4j_password, bytes, sizeof(bytes));
}

/* What is in the file counts: somebody may have wanted another one. 1: there is none. */
static int read_password(const struct folder *d, struct state *s, struct err *e)
{
	const struct value *v = &neo4j_password;
	int rc = read_value(d, v->file, s->neo4j_password, v->size, e);

	if (rc > 0)
		return check_password(d->path, s->neo4j_password, e);
	derive_password(s);
	return rc < 0 ? -1 : 1;
}

/* For people to look it up. */
static int keep_password(const struct folder *d, struct state *s, struct err *e)
{
	int rc = read_password(d, s, e);

	return rc > 0 ? write_value(d, neo4j_password.file, s->neo4j_password, e) : rc;
}

/* "" when there is none. */
static int read_apply_key(const struct folder *d, struct state *s, struct err *e)
{
	int rc = read_value(d, apply_key.file, s->apply_seed, sizeof(s->apply_seed), e);

	return rc > 0 ? check_hex(d->path, &apply_key, s->apply_seed, e) : rc;
}

/* Cards made before know no key, or another one: they are told so, and are flashed anew. */
static int keep_apply_key(const struct folder *d, struct state *s, struct err *e)
{
	uint8_t seed[32];

	if (read_apply_key(d, s, e) < 0)
		return -1;
	if (s->apply_seed[0])
		return 0;
	randombytes_buf(seed, sizeof(seed));
	hex_encode(s->apply_seed, seed, sizeof(seed));
	sodium_memzero(seed, sizeof(seed));
	return write_value(d, apply_key.file, s->apply_seed, e);
}

static int read_generation(const struct folder *d, unsigned *generation, struct err *e)
{
	char text[16] = "0";

	if (read_value(d, "generation", text, sizeof(text), e) < 0)
		return -1;
	unsigned long n = strtoul(text, NULL, 10);
	if (strspn(text, "0123456789") != strlen(text) || n > STATE_GENERATION_MAX)
		return err_code(e, EXIT_CONFIG, "%s/generation: damaged", d->path);
	*generation = (unsigned)n;
	return 0;
}

static int write_generation(const struct folder *d, unsigned generation, struct err *e)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", generation);
	return write_value(d, "generation", text, e);
}

/* 1: there is none, as in a folder of an earlier bramble. */
static int read_built(const struct folder *d, struct state *s, struct err *e)
{
	struct tm tm;
	int rc = read_value(d, "built", s->built, sizeof(s->built), e);

	if (rc <= 0)
		return rc < 0 ? -1 : 1;
	const char *end = strptime(s->built, "%Y-%m-%d", &tm);
	return end && !*end ? 0 : err_code(e, EXIT_CONFIG, "%s/built: damaged", d->path);
}

static void built_today(struct state *s)
{
	time_t now = time(NULL);
	struct tm tm;

	strftime(s->built, sizeof(s->built), "%Y-%m-%d", gmtime_r(&now, &tm));
}

/* The generation a build has now, and the hash to keep for it; 1: that is a new one. */
static int count_generation(const struct folder *d, const struct cluster *c, struct state *s,
	char hash[static HASH_HEX], struct err *e)
{
	char old[HASH_HEX] = "";

	if (conf_hash(c, hash, e) < 0 || read_value(d, "conf.hash", old, sizeof(old), e) < 0 ||
		read_generation(d, &s->generation, e) < 0 || read_built(d, s, e) < 0)
		return -1;
	if (s->generation && strcmp(hash, old) == 0)
		return 0;
	s->generation++;
	built_today(s);
	return 1;
}

static int write_built(const struct folder *d, struct state *s, struct err *e)
{
	if (!s->built[0])
		built_today(s);
	return write_value(d, "built", s->built, e);
}

/* The number first: after a crash in between, the next build counts once more. */
static int next_generation(
	const struct folder *d, const struct cluster *c, struct state *s, struct err *e)
{
	char hash[HASH_HEX];
	int rc = count_generation(d, c, s, hash, e);

	if (rc < 0 || (rc == 0 && s->built[0]))
		return rc;
	if (write_built(d, s, e) < 0 || write_generation(d, s->generation, e) < 0)
		return -1;
	return write_value(d, "conf.hash", hash, e);
}

static int find_folder(const struct cluster *c, struct folder *d, struct err *e)
{
	struct stat st;

	*d = (struct folder){.path = cluster_state_dir(c), .uid = geteuid(), .lock = -1};
	if (sodium_init() < 0)
		return err_set(e, "no source of random numbers");
	if (stat(c->path, &st) < 0)
		return err_errno(e, "%s", c->path);
	d->owner = d->uid == 0 ? st.st_uid : d->uid;
	d->group = st.st_gid;
	return 0;
}

/* 1: the folder is there, fit and locked; 0: there is none. */
static int open_folder(struct folder *d, int how, struct err *e)
{
	struct stat st;

	cleanup_close(&d->lock);
	d->lock = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->lock < 0 && errno == ENOENT)
		return 0;
	if (d->lock < 0 || fstat(d->lock, &st) < 0)
		return err_errno(e, "%s", d->path);
	if (refuse_shared(d, d->path, &st, e) < 0)
		return -1;
	return flock(d->lock, how) < 0 ? err_errno(e, "%s", d->path) : 1;
}

/* Images without a state are those of a cluster whose state was lost. */
static int refuse_lost(const struct cluster *c, const struct folder *d, struct err *e)
{
	_cleanup_free_ char *images = cluster_images_dir(c);
	_cleanup_free_ char *manifest = xasprintf("%s/manifest.json", images);

	if (access(manifest, F_OK) < 0)
		return 0;
	return err_code(e, EXIT_CONFIG,
		"%s is gone, but %s has images made with it; new cards could not join the old "
		"ones: "
		"run bramble recover-state, or remove the images to make a new cluster",
		d->path, images);
}

static int fill_folder(const struct folder *d, struct state *s, struct err *e)
{
	uint8_t bytes[32];

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		char *text = value_of(s, &values[i]);
		size_t n = (values[i].size - 1) / 2;
		if (!*text) {
			randombytes_buf(bytes, n);
			hex_encode(text, bytes, n);
		}
		if (write_value(d, values[i].file, text, e) < 0)
			return -1;
	}
	if (*s->neo4j_password && write_value(d, neo4j_password.file, s->neo4j_password, e) < 0)
		return -1;
	if (*s->next && write_value(d, next_secret.file, s->next, e) < 0)
		return -1;
	return s->generation ? write_generation(d, s->generation, e) : 0;
}

/*
 * The folder is made under another name, locked, and renamed when it is whole. 1: done, and d->lock
 * holds it; 0: somebody else was at it, look again.
 */
static int make_folder(struct folder *d, struct state *s, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s.new", d->path);
	struct folder new = *d;
	struct stat st, now;

	new.path = path;
	bool fresh = mkdir(path, 0700) == 0;
	if (!fresh && errno != EEXIST)
		return err_errno(e, "%s", d->path);
	d->lock = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d->lock < 0 && errno == ENOENT)
		return 0;
	if (d->lock < 0 || flock(d->lock, LOCK_EX) < 0 || fstat(d->lock, &st) < 0)
		return err_errno(e, "%s", path);
	if (stat(path, &now) < 0 || now.st_ino != st.st_ino)
		return 0; /* it has become the state while we waited, or was removed */
	if (!fresh || access(d->path, F_OK) == 0)
		return io_remove_tree(path, e); /* of somebody who was killed, or too late */
	if (d->uid == 0 && fchown(d->lock, d->owner, d->group) < 0)
		return err_errno(e, "%s", path);
	if (fill_folder(&new, s, e) < 0) {
		struct err ignored;
		(void)!io_remove_tree(path, &ignored);
		return -1;
	}
	if (rename(path, d->path) < 0 || io_sync_parent(d->path) < 0)
		return err_errno(e, "%s", d->path);
	return 1;
}

/* 1: the folder was there; 0: it was made from s. */
static int open_or_make(const struct cluster *c, struct folder *d, struct state *s,
	int (*may_make)(const struct cluster *, const struct folder *, struct err *), struct err *e)
{
	for (;;) {
		int rc = open_folder(d, LOCK_EX, e);
		if (rc)
			return rc;
		if (may_make && may_make(c, d, e) < 0)
			return -1;
		rc = make_folder(d, s, e);
		if (rc)
			return rc < 0 ? -1 : 0;
	}
}

int state_open(const struct cluster *c, struct state *s, struct err *e)
{
	_cleanup_folder_ struct folder d = {.lock = -1};

	*s = (struct state){0};
	if (find_folder(c, &d, e) < 0 || open_or_make(c, &d, s, refuse_lost, e) < 0 ||
		read_values(&d, s, e) < 0 || read_next(&d, s, e) < 0 ||
		keep_password(&d, s, e) < 0 || keep_apply_key(&d, s, e) < 0)
		return -1;
	return next_generation(&d, c, s, e);
}

static int open_known(const struct cluster *c, struct folder *d, int how, struct err *e)
{
	int rc = find_folder(c, d, e) < 0 ? -1 : open_folder(d, how, e);

	if (rc)
		return rc < 0 ? -1 : 0;
	return err_code(e, EXIT_CONFIG,
		"%s: no such folder; bramble build makes it, bramble recover-state rebuilds a "
		"lost one",
		d->path);
}

int state_lock(const struct cluster *c, struct err *e)
{
	_cleanup_folder_ struct folder d = {.lock = -1};

	return open_known(c, &d, LOCK_EX, e) < 0 ? -1 : steal_fd(&d.lock);
}

int state_keep(const struct cluster *c, const char *name, const void *p, size_t n, struct err *e)
{
	_cleanup_folder_ struct folder d = {.lock = -1};

	return find_folder(c, &d, e) < 0 ? -1 : write_file(&d, name, p, n, e);
}

static int read_known(const struct cluster *c, struct folder *d, struct state *s, struct err *e)
{
	*s = (struct state){0};
	if (open_known(c, d, LOCK_SH, e) < 0 || read_values(d, s, e) < 0 ||
		read_next(d, s, e) < 0 || read_password(d, s, e) < 0)
		return -1;
	return read_apply_key(d, s, e);
}

int state_read(const struct cluster *c, struct state *s, struct err *e)
{
	_cleanup_folder_ struct folder d = {.lock = -1};

	return read_known(c, &d, s, e);
}

int state_peek(const struct cluster *c, struct state *s, struct err *e)
{
	_cleanup_folder_ struct folder d = {.lock = -1};
	char hash[HASH_HEX];

	if (read_known(c, &d, s, e) < 0)
		return -1;
	int new = count_generation(&d, c, s, hash, e);
	s->unstamped = new > 0;
	return new < 0 ? -1 : 0;
}

int state_stamp(const struct cluster *c, unsigned least, struct state *s, struct err *e)
{
	_cleanup_folder_ struct folder d = {.lock = -1};
	char hash[HASH_HEX];

	*s = (struct state){0};
	if (open_known(c, &d, LOCK_EX, e) < 0 || read_values(&d, s, e) < 0 ||
		read_password(&d, s, e) < 0 || keep_apply_key(&d, s, e) < 0 ||
		count_generation(&d, c, s, hash, e) < 0)
		return -1;
	if (s->generation < least) {
		s->generation = least;
		built_today(s);
	}
	if (write_built(&d, s, e) < 0 || write_generation(&d, s->generation, e) < 0)
		return -1;
	return write_value(&d, "conf.hash", hash, e);
}

int state_withdraw(const struct cluster *c, unsigned generation, struct err *e)
{
	_cleanup_folder_ struct folder d = {.lock = -1};
	unsigned newest;

	if (open_known(c, &d, LOCK_EX, e) < 0 || read_generation(&d, &newest, e) < 0)
		return -1;
	_cleanup_free_ char *path = xasprintf("%s/conf.hash", d.path);
	if (newest != generation)
		return 0;
	if ((unlink(path) < 0 && errno != ENOENT) || io_sync_parent(path) < 0)
		return err_errno(e, "%s", path);
	return 0;
}

int state_next_secret(const struct cluster *c, struct state *s, struct err *e)
{
	_cleanup_folder_ struct folder d = {.lock = -1};
	uint8_t bytes[32];

	*s = (struct state){0};
	if (open_known(c, &d, LOCK_EX, e) < 0 || read_values(&d, s, e) < 0 ||
		keep_password(&d, s, e) < 0 || read_next(&d, s, e) < 0)
		return -1;
	if (s->next[0])
		return 0;
	randombytes_buf(bytes, sizeof(bytes));
	hex_encode(s->next, bytes, sizeof(bytes));
	sodium_memzero(bytes, sizeof(bytes));
	return write_value(&d, next_secret.file, s->next, e);
}

int state_set_password(const struct cluster *c, const char *password, struct err *e)
{
	_cleanup_folder_ struct folder d = {.lock = -1};

	if (open_known(c, &d, LOCK_EX, e) < 0 || check_password(d.path, password, e) < 0)
		return -1;
	return write_value(&d, neo4j_password.file, password, e);
}

int state_take_secret(const struct cluster *c, struct err *e)
{
	_cleanup_folder_ struct folder d = {.lock = -1};

	if (open_known(c, &d, LOCK_EX, e) < 0)
		return -1;
	_cleanup_free_ char *next = xasprintf("%s/%s", d.path, next_secret.file);
	_cleanup_free_ char *secret = xasprintf("%s/secret", d.path);
	if (rename(next, secret) < 0 || io_sync_parent(secret) < 0)
		return err_errno(e, "%s", next);
	return 0;
}

/* A state that is there is of the same cluster, or stays as it is. */
static int other_password(const struct folder *d, const char *file, struct err *e)
{
	return err_code(e, EXIT_CONFIG,
		"%s: its %s is not the cards'; move the folder away first if the cards are right",
		d->path, file);
}

/* It is derived from a secret, but not from the present one if that was changed since. */
static int adopt_password(const struct folder *d, struct state *s, struct err *e)
{
	const struct value *v = &neo4j_password;
	char old[sizeof(s->neo4j_password)] = "";
	int rc = read_value(d, v->file, old, sizeof(old), e);

	if (rc < 0 || !*s->neo4j_password)
		return rc < 0 ? -1 : 0;
	if (rc == 0)
		return write_value(d, v->file, s->neo4j_password, e);
	return strcmp(old, s->neo4j_password) == 0 ? 0 : other_password(d, v->file, e);
}

/* In the middle of a change the nodes know two. */
static bool is_known(const struct state *s, const char *secret)
{
	return strcmp(secret, s->secret) == 0 || (*s->next && strcmp(secret, s->second) == 0);
}

/*
 * The folder's own is the better one, for it is known to be the new one: if the nodes know it. And
 * s->next must be one of the two, to be understood by those that have forgotten the other one.
 */
static int adopt_next(const struct folder *d, struct state *s, struct state *old, struct err *e)
{
	if (!*s->next)
		return 0;
	if (read_next(d, old, e) < 0)
		return -1;
	if (strcmp(old->secret, s->next) == 0 && *old->next && is_known(s, old->next))
		return 0;
	return write_value(d, next_secret.file, s->next, e);
}

static int merge(const struct folder *d, struct state *s, struct err *e)
{
	struct state old = {0};

	if (read_values(d, &old, e) < 0 || read_generation(d, &old.generation, e) < 0)
		return -1;
	if (memcmp(old.id, s->id, sizeof(old.id)) != 0 || !is_known(s, old.secret))
		return err_code(e, EXIT_CONFIG,
			"%s: holds the state of %s; move it away first if the cards are right",
			d->path,
			memcmp(old.id, s->id, sizeof(old.id)) ? "another cluster"
							      : "this cluster with another secret");
	if (s->stats_password[0] && strcmp(s->stats_password, old.stats_password) != 0)
		return other_password(d, "stats.password", e);
	if (adopt_password(d, s, e) < 0 || adopt_next(d, s, &old, e) < 0 ||
		read_apply_key(d, s, e) < 0)
		return -1;
	memcpy(s->stats_password, old.stats_password, sizeof(s->stats_password));
	if (s->generation > old.generation)
		return write_generation(d, s->generation, e);
	s->generation = old.generation;
	return 0;
}

int state_adopt(const struct cluster *c, struct state *s, struct err *e)
{
	_cleanup_folder_ struct folder d = {.lock = -1};

	if (find_folder(c, &d, e) < 0)
		return -1;
	int rc = open_or_make(c, &d, s, NULL, e);
	return rc > 0 ? merge(&d, s, e) : rc;
}
