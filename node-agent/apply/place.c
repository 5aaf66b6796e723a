/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include "io.h"
#include "place.h"

#define STAGED ".bramble-new"

static int open_next(int dir, const char *name, bool make)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
		return -1;
	fsync(dir);
	return openat(dir, name, flags);
}

int place_open(struct place *p, const char *root, const char *path, bool make, struct err *e)
{
	_cleanup_close_ int at = open(*root ? root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*p = (struct place){
		.dir = -1, .name = strrchr(path, '/') + 1, .path = xasprintf("%s%s", root, path)};
	for (const char *c = path + 1; at >= 0 && c < p->name;) {
		size_t n = strcspn(c, "/");
		_cleanup_free_ char *name = xstrndup(c, n);
		int next = open_next(at, name, make);
		close(at);
		at = next;
		c += n + 1;
	}
	if (at < 0)
		return err_errno(e, "%s: its folder", p->path);
	p->dir = steal_fd(&at);
	return 0;
}

void place_close(struct place *p)
{
	cleanup_close(&p->dir);
	free(p->path);
	*p = (struct place){.dir = -1};
}

/* --- is it there? */

static bool is_link(const struct place *p, const char *target)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(p->dir, p->name, text, sizeof(text) - 1);

	return n >= 0 && (size_t)n == strlen(target) && memcmp(text, target, (size_t)n) == 0;
}

static bool has_owner(const struct stat *st, const struct generation_file *f)
{
	return st->st_uid == f->uid && st->st_gid == f->gid && (st->st_mode & 07777) == f->mode;
}

bool place_is(const struct place *p, const struct generation_file *f)
{
	char hex[GENERATION_DIGEST];
	struct stat st;
	struct err none;
	uint64_t size;

	if (f->kind == GENERATION_LINK)
		return is_link(p, f->link);
	if (fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !has_owner(&st, f))
		return false;
	if (f->kind == GENERATION_DIR)
		return S_ISDIR(st.st_mode);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != f->size)
		return false;
	_cleanup_close_ int fd = io_open_plain(p->dir, p->name, &st, &none);
	return fd >= 0 && generation_digest_fd(fd, hex, &size) == 0 && strcmp(hex, f->digest) == 0;
}

/* --- making it */

static char *staged(const struct place *p)
{
	return xasprintf(".%.200s" STAGED, p->name);
}

/* What is written is hashed, not what is read again: its giver may change it meanwhile. */
static int copy(int from, int to, const char *digest)
{
	uint8_t hash[crypto_generichash_BYTES], piece[16384];
	crypto_generichash_state h;
	char hex[GENERATION_DIGEST];
	ssize_t n;

	crypto_generichash_init(&h, NULL, 0, sizeof(hash));
	while ((n = read(from, piece, sizeof(piece))) > 0) {
		crypto_generichash_update(&h, piece, (size_t)n);
		if (io_write_full(to, piece, (size_t)n) < 0)
			return -1;
	}
	crypto_generichash_final(&h, hash, sizeof(hash));
	hex_encode(hex, hash, sizeof(hash));
	if (n == 0 && strcmp(hex, digest) == 0)
		return 0;
	errno = n < 0 ? errno : EBADMSG;
	return -1;
}

static int set_owner(int fd, const struct generation_file *f)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	if ((st.st_uid != f->uid || st.st_gid != f->gid) && fchown(fd, f->uid, f->gid) < 0)
		return -1;
	return fchmod(fd, f->mode);
}

static int stage_file(const struct place *p, const char *name, const struct generation_file *f,
	const char *from, struct err *e)
{
	struct stat st;
	_cleanup_close_ int in = io_open_plain(AT_FDCWD, from, &st, e);

	if (in < 0)
		return -1;
	_cleanup_close_ int out =
		openat(p->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out >= 0 && copy(in, out, f->digest) == 0 && set_owner(out, f) == 0 && fsync(out) == 0)
		return 0;
	int rc = err_errno(e, "%s", p->path);
	if (out >= 0)
		(void)unlinkat(p->dir, name, 0); /* it may have filled the disk */
	return rc;
}

static int stage_dir(const struct place *p, const struct generation_file *f, struct err *e)
{
	_cleanup_close_ int fd = open_next(p->dir, p->name, true);

	return fd < 0 || set_owner(fd, f) < 0 ? err_errno(e, "%s", p->path) : 0;
}

int place_stage(
	const struct place *p, const struct generation_file *f, const char *from, struct err *e)
{
	_cleanup_free_ char *name = staged(p);

	if (f->kind == GENERATION_DIR)
		return stage_dir(p, f, e);
	if (unlinkat(p->dir, name, 0) < 0 && errno != ENOENT)
		return err_errno(e, "%s", p->path);
	if (f->kind == GENERATION_LINK)
		return symlinkat(f->link, p->dir, name) < 0 ? err_errno(e, "%s", p->path) : 0;
	return stage_file(p, name, f, from, e);
}

int place_commit(const struct place *p, struct err *e)
{
	_cleanup_free_ char *name = staged(p);

	if (renameat(p->dir, name, p->dir, p->name) < 0 || fsync(p->dir) < 0)
		return err_errno(e, "%s", p->path);
	return 0;
}

int place_remove(const struct place *p, struct err *e)
{
	_cleanup_free_ char *name = staged(p);

	if (unlinkat(p->dir, p->name, 0) < 0 && errno != ENOENT)
		return err_errno(e, "%s", p->path);
	if (unlinkat(p->dir, name, 0) < 0 && errno != ENOENT)
		return err_errno(e, "%s", p->path);
	return fsync(p->dir) < 0 ? err_errno(e, "%s", p->path) : 0;
}

int place_save(const struct place *p, int dir, const char *name, struct err *e)
{
	if (linkat(p->dir, p->name, dir, name, 0) == 0)
		return 1;
	return errno == ENOENT ? 0 : err_errno(e, "%s: cannot be kept", p->path);
}

/* By way of the staged name: rename(2) does nothing between two names of one file. */
int place_restore(const struct place *p, int dir, const char *name, struct err *e)
{
	_cleanup_free_ char *new = staged(p);

	if (unlinkat(p->dir, new, 0) < 0 && errno != ENOENT)
		return err_errno(e, "%s", p->path);
	if (linkat(dir, name, p->dir, new, 0) < 0)
		return err_errno(e, "%s: what was there before", p->path);
	if (place_commit(p, e) < 0)
		return -1;
	if (unlinkat(p->dir, new, 0) < 0 && errno != ENOENT)
		return err_errno(e, "%s", p->path);
	return 0;
}
