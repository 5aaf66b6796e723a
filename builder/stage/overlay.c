/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Overlays: folders of cluster.conf whose trees go onto a node's card, in order, the last one wins.
 * The same walk checks them (build_plan, on the base image, nothing written) and puts them (the
 * node's step), so that what check accepts can be put.
 *
 * The host's tree is read without following links. On the card a path is first led through the
 * links that are there: a file must not reach bramble's own by a detour.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "build.h"
#include "card_paths.h"
#include "cmd.h"
#include "image/account.h"
#include "image/ext4_look.h"
#include "input/template.h"
#include "io.h"
#include "variables.h"

#define TEXT_MAX (1u << 20) /* what is larger holds no variables and goes piece by piece */
#define DEPTH_MAX 32

struct laying {
	const struct build *b;
	const struct overlay *o;
	struct variables vars;
	struct ext4 *fs;
	bool put;      /* else only checked */
	uint64_t room; /* bytes left of the root partition: an upper bound */
	uid_t uid;
	gid_t gid;
};

/* The path with its last name cut off, "" for the root. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return xstrndup(path, slash ? (size_t)(slash - path) : 0);
}

/* parent + a link's target; ".." is taken by the text, as every part before it is resolved. */
static char *join_target(const char *parent, const char *target)
{
	_cleanup_free_ char *path = xstrdup(target[0] == '/' ? "" : parent);
	_cleanup_free_ char *copy = xstrdup(target);
	char *save = NULL;

	for (char *n = strtok_r(copy, "/", &save); n; n = strtok_r(NULL, "/", &save)) {
		char *next = strcmp(n, ".") == 0    ? xstrdup(path)
			     : strcmp(n, "..") == 0 ? parent_of(path)
						    : xasprintf("%s/%s", path, n);
		free(path);
		path = next;
	}
	return steal(&path);
}

char *overlay_resolve(struct ext4 *fs, const char *path, unsigned hops)
{
	_cleanup_free_ char *at = xstrdup("");

	for (const char *p = path + strspn(path, "/"); *p;) {
		size_t n = strcspn(p, "/");
		_cleanup_free_ char *next = xasprintf("%s/%.*s", at, (int)n, p);
		_cleanup_buf_ struct buf link = {0};
		struct err e;
		p += n + strspn(p + n, "/");
		if (ext4_kind(fs, next) == EXT4_LINK && ext4_readlink(fs, next, &link, &e) == 0) {
			if (hops == 0)
				return NULL;
			_cleanup_free_ char *joined = join_target(at, buf_str(&link));
			free(next);
			next = overlay_resolve(fs, joined, hops - 1);
			if (!next)
				return NULL;
		}
		free(at);
		at = steal(&next);
	}
	return steal(&at);
}

char *overlay_real_path(struct ext4 *fs, const char *path)
{
	_cleanup_free_ char *folder = parent_of(path);
	_cleanup_free_ char *real = overlay_resolve(fs, folder, OVERLAY_HOPS_MAX);

	return real ? xasprintf("%s%s", real, strrchr(path, '/')) : NULL;
}

/* Both the name as written and where links on the card lead it. */
static int check_target(const struct laying *l, const char *to, struct err *e)
{
	_cleanup_free_ char *folder = parent_of(to);
	_cleanup_free_ char *real = overlay_resolve(l->fs, folder, OVERLAY_HOPS_MAX);
	const char *why = card_path_own(to), *home = l->b->inputs.neo4j_version;

	if (!real)
		return err_code(e, EXIT_CONFIG, "%s: too many links on its way", to);
	_cleanup_free_ char *path = xasprintf("%s%s", real, strrchr(to, '/'));
	_cleanup_free_ char *unpacked = xasprintf("/opt/neo4j-%s/", home);
	if (!why)
		why = card_path_own(path);
	if (!why && str_starts(path, unpacked)) {
		_cleanup_free_ char *linked = xasprintf("/opt/neo4j/%s", path + strlen(unpacked));
		why = card_path_own(linked);
	}
	return why ? err_code(e, EXIT_CONFIG, "%s %s", to, why) : 0;
}

/* A secret stays one: what only its owner may read on this machine is so on the card. */
static mode_t mode_of(const struct overlay *o, mode_t source)
{
	bool secret = (source & 077) == 0;
	mode_t mode = o->has_mode ? o->mode : secret ? source & 0700 : source & 0100 ? 0755 : 0644;

	return secret ? mode & 0700 : mode;
}

/* A file takes a link's place, not that of what it leads to. */
static int clear_link(struct laying *l, const char *to, struct err *e)
{
	return ext4_kind(l->fs, to) == EXT4_LINK ? ext4_remove(l->fs, to, e) : 0;
}

static int put_small(
	struct laying *l, const char *from, const char *to, struct ext4_owner owner, struct err *e)
{
	_cleanup_buf_ struct buf text = {0}, out = {0};

	if (io_read_file(from, TEXT_MAX, &text, e) < 0)
		return -1;
	bool expand = l->o->template && template_is_text(&text);
	if (expand && template_expand(from, buf_str(&text), variable_value, &l->vars, &out, e) < 0)
		return -1;
	if (!l->put)
		return 0;
	const struct buf *b = expand ? &out : &text;
	return clear_link(l, to, e) < 0 ? -1 : ext4_write(l->fs, to, buf_str(b), b->len, owner, e);
}

static int put_large(struct laying *l, const char *from, const char *to, struct ext4_owner owner,
	off_t size, struct err *e)
{
	_cleanup_close_ int fd = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *piece = xcalloc(1, TEXT_MAX);

	if (fd < 0)
		return err_errno(e, "%s", from);
	if (!l->put)
		return 0;
	if (clear_link(l, to, e) < 0 || ext4_file_begin(l->fs, to, (uint64_t)size, owner, e) < 0)
		return -1;
	for (off_t at = 0; at < size;) {
		size_t n = size - at < TEXT_MAX ? (size_t)(size - at) : TEXT_MAX;
		if (check_interrupted(e) < 0)
			return -1;
		if (io_pread_full(fd, piece, n, at) < 0)
			return err_errno(e, "%s", from);
		if (ext4_file_add(l->fs, piece, n, e) < 0)
			return -1;
		at += (off_t)n;
	}
	return ext4_file_end(l->fs, e);
}

/* Before anything reads the files: a sparse one of a tebibyte takes hours to read. */
static int take_room(struct laying *l, const char *from, const struct stat *st, struct err *e)
{
	uint64_t size = (uint64_t)st->st_size;

	if (size > l->room)
		return err_code(
			e, EXIT_INPUT, "%s: no room left in the partition (root_size)", from);
	l->room -= size;
	return 0;
}

static int put_file(
	struct laying *l, const char *from, const char *to, const struct stat *st, struct err *e)
{
	struct ext4_owner owner = {l->uid, l->gid, mode_of(l->o, st->st_mode)};

	if (take_room(l, from, st, e) < 0)
		return -1;
	return st->st_size > (off_t)TEXT_MAX ? put_large(l, from, to, owner, st->st_size, e)
					     : put_small(l, from, to, owner, e);
}

static int put_link(struct laying *l, const char *from, const char *to, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlink(from, target, sizeof(target) - 1);

	if (n <= 0)
		return err_errno(e, "%s", from);
	target[n] = '\0';
	if (!l->put)
		return 0;
	if (ext4_kind(l->fs, to) == EXT4_FILE && ext4_remove(l->fs, to, e) < 0)
		return -1;
	return ext4_symlink(l->fs, to, target, e);
}

/* A folder that is there stays as it is; so does what a link leads to. */
static int put_folder(struct laying *l, const char *to, mode_t source, struct err *e)
{
	struct ext4_owner owner = {l->uid, l->gid, (source & 077) == 0 ? 0700 : 0755};

	if (!l->put || !*to || ext4_is_dir(l->fs, to))
		return 0;
	return ext4_mkdir(l->fs, to, owner, e);
}

static bool is_plain(const char *name)
{
	for (; *name; name++) {
		if ((unsigned char)*name < 0x20 || *name == 0x7f)
			return false;
	}
	return true;
}

static int lay_folder(
	struct laying *l, const char *from, const char *to, unsigned depth, struct err *e);

static int lay_entry(
	struct laying *l, const char *from, const char *to, unsigned depth, struct err *e)
{
	struct stat st;

	if (lstat(from, &st) < 0)
		return err_errno(e, "%s", from);
	if (S_ISDIR(st.st_mode))
		return put_folder(l, to, st.st_mode, e) < 0 ? -1
							    : lay_folder(l, from, to, depth + 1, e);
	if (check_target(l, to, e) < 0)
		return -1;
	if (S_ISLNK(st.st_mode))
		return put_link(l, from, to, e);
	if (S_ISREG(st.st_mode))
		return put_file(l, from, to, &st, e);
	return err_code(e, EXIT_CONFIG, "%s: is neither file, folder nor link", from);
}

static int not_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int lay_folder(
	struct laying *l, const char *from, const char *to, unsigned depth, struct err *e)
{
	struct dirent **names;

	if (depth > DEPTH_MAX)
		return err_code(e, EXIT_CONFIG, "%s: more than %d folders deep", from, DEPTH_MAX);
	int n = scandir(from, &names, not_dots, alphasort), rc = 0;
	if (n < 0)
		return err_errno(e, "%s", from);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *source = xasprintf("%s/%s", from, names[i]->d_name);
		_cleanup_free_ char *target = xasprintf("%s/%s", to, names[i]->d_name);
		if (rc == 0 && !is_plain(names[i]->d_name))
			rc = err_code(
				e, EXIT_CONFIG, "%s: holds a name with control characters", from);
		rc = rc < 0 ? rc : lay_entry(l, source, target, depth, e);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* Users that stages after the base add: a check on the base does not find them. */
static bool comes_later(const char *name, uid_t *id)
{
	static const struct later {
		const char *name;
		uid_t id;
	} later[] = {
		{"neo4j", NEO4J_UID}, {"bramble-proxy", PROXY_UID}, {"bramble-agent", AGENT_UID}};

	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		if (strcmp(later[i].name, name) == 0) {
			*id = later[i].id;
			return true;
		}
	}
	return false;
}

static bool is_number(const char *s, uid_t *id)
{
	size_t n = strspn(s, "0123456789");

	*id = n && n < 10 && !s[n] ? (uid_t)atol(s) : 0;
	return n && n < 10 && !s[n];
}

static int find_owner(struct laying *l, struct err *e)
{
	_cleanup_account_ struct account a = {0};
	const struct overlay *o = l->o;
	int rc;

	if (!is_number(o->user, &l->uid) && !comes_later(o->user, &l->uid)) {
		rc = account_find(l->fs, o->user, &a, e);
		if (rc <= 0)
			return rc < 0 ? -1
				      : err_code(e, EXIT_CONFIG,
						"owner: no user \"%s\" on the card", o->user);
		l->uid = a.uid;
	}
	if (is_number(o->group, &l->gid) || comes_later(o->group, &l->gid))
		return 0;
	rc = account_find_group(l->fs, o->group, &l->gid, e);
	if (rc > 0)
		return 0;
	return rc < 0 ? -1
		      : err_code(e, EXIT_CONFIG, "owner: no group \"%s\" on the card", o->group);
}

static bool is_for(const struct overlay *o, const struct node *n)
{
	return (!o->roles || (o->roles & n->roles)) && (!o->node || strcmp(o->node, n->name) == 0);
}

static int lay(
	const struct build *b, const struct node *n, struct ext4 *fs, bool put, struct err *e)
{
	for (size_t i = 0; i < b->cluster->noverlays; i++) {
		struct laying l = {.b = b,
			.o = &b->cluster->overlays[i],
			.vars = {b->cluster, &b->inputs, n},
			.fs = fs,
			.put = put,
			.room = b->table.part[1].size};
		if (!is_for(l.o, n))
			continue;
		if (find_owner(&l, e) < 0 || put_folder(&l, l.o->dest, 0755, e) < 0 ||
			lay_folder(&l, b->inputs.overlays[i], l.o->dest, 0, e) < 0)
			return err_prefix(e, "%s: overlay \"%s\" on node \"%s\"", b->cluster->path,
				l.o->dir, n->name);
	}
	return 0;
}

int overlay_put(const struct build *b, const struct node *n, struct ext4 *fs, struct err *e)
{
	return lay(b, n, fs, true, e);
}

int overlay_check(const struct build *b, const char *base, struct err *e)
{
	if (!b->cluster->noverlays)
		return 0;
	_cleanup_ext4_ struct ext4 *fs = ext4_open_readonly(base, b->base_table.part[1].start, e);
	for (size_t i = 0; i < b->cluster->nnodes; i++) {
		if (!fs || lay(b, &b->cluster->nodes[i], fs, false, e) < 0)
			return -1;
	}
	return 0;
}
