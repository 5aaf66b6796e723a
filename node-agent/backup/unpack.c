/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "unpack.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include "io.h"
#include "pack.h"
#include "util.h"

#define PIECE (64u << 10)

struct target {
	int root, fd; /* fd: of the file at hand; -1: none */
};

static void close_target(struct target *t)
{
	cleanup_close(&t->fd);
	cleanup_close(&t->root);
}

/* A pack has no links, and the folder is new: no name leads out of it. */
static int make_dir(void *arg, const char *path, unsigned mode, struct err *e)
{
	const struct target *t = arg;

	return mkdirat(t->root, path, mode | 0700) < 0 ? err_errno(e, "%s", path) : 0;
}

static int make_file(void *arg, const char *path, unsigned mode, uint64_t size, struct err *e)
{
	struct target *t = arg;

	(void)size;
	t->fd = openat(
		t->root, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode | 0600);
	return t->fd < 0 ? err_errno(e, "%s", path) : 0;
}

static int write_data(void *arg, const void *p, size_t n, struct err *e)
{
	const struct target *t = arg;

	return io_write_full(t->fd, p, n) < 0 ? err_errno(e, "cannot be written") : 0;
}

static int end_file(void *arg, struct err *e)
{
	struct target *t = arg;

	(void)e;
	close(steal_fd(&t->fd));
	return 0;
}

static int read_all(int from, struct target *t, struct err *e)
{
	const struct pack_sink sink = {.dir = make_dir,
		.file = make_file,
		.data = write_data,
		.file_end = end_file,
		.arg = t};
	_cleanup_free_ char *piece = xcalloc(1, PIECE);
	struct pack_reader r;
	ssize_t n = 0;
	int rc = 0;

	pack_reader_begin(&r);
	while (rc >= 0 && (n = read(from, piece, PIECE)) > 0)
		rc = pack_read(&r, piece, (size_t)n, &sink, e);
	pack_reader_end(&r);
	if (rc < 0)
		return -1;
	if (n < 0)
		return err_errno(e, "cannot be read");
	return rc == 1 ? 0 : err_set(e, "its end is missing");
}

static int fill(int from, const char *to, struct err *e)
{
	_cleanup_(close_target) struct target t = {
		.root = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .fd = -1};

	if (t.root < 0)
		return err_errno(e, "%s", to);
	if (read_all(from, &t, e) < 0)
		return -1;
	return syncfs(t.root) < 0 ? err_errno(e, "%s", to) : 0;
}

int unpack(const char *from, const char *to, struct err *e)
{
	_cleanup_free_ char *new = xasprintf("%s.new", to);
	struct stat st;
	_cleanup_close_ int fd = io_open_plain(AT_FDCWD, from, &st, e);

	if (fd < 0)
		return -1;
	if (io_remove_tree(to, e) < 0 || io_remove_tree(new, e) < 0)
		return -1;
	if (mkdir(new, 0755) < 0)
		return err_errno(e, "%s", new);
	if (fill(fd, new, e) < 0) {
		struct err ignored;
		err_prefix(e, "%s", from);
		(void)!io_remove_tree(new, &ignored);
		return -1;
	}
	if (rename(new, to) < 0 || io_sync_parent(to) < 0)
		return err_errno(e, "%s", to);
	return 0;
}

void unpack_name(const struct stat *st, char *to, size_t size)
{
	snprintf(to, size, "%llu-%lld.%09ld", (unsigned long long)st->st_ino,
		(long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

int unpack_tell(const struct stat *from, const char *result, int rc, struct err *e)
{
	char name[64];
	struct err none;

	unpack_name(from, name, sizeof(name));
	_cleanup_free_ char *said =
		rc < 0 ? xasprintf("%s: %s", name, e->msg) : xasprintf("%s" UNPACK_OK, name);
	if (io_write_atomic(result, said, strlen(said), 0644, rc < 0 ? &none : e) < 0)
		return -1;
	return rc;
}

static uint64_t walked; /* nftw has no argument for it */

static int add_size(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path, (void)ftw;
	if (type == FTW_F)
		walked += (uint64_t)st->st_blocks * 512;
	return 0;
}

uint64_t unpack_leftover(const char *dir)
{
	_cleanup_free_ char *to = xasprintf("%s/" UNPACK_TO, dir);
	_cleanup_free_ char *new = xasprintf("%s.new", to);

	walked = 0;
	(void)nftw(to, add_size, 32, FTW_PHYS | FTW_MOUNT);
	(void)nftw(new, add_size, 32, FTW_PHYS | FTW_MOUNT);
	return walked;
}

int unpack_store(const char *dir, struct err *e)
{
	_cleanup_free_ char *from = xasprintf("%s/" UNPACK_FROM, dir);
	_cleanup_free_ char *to = xasprintf("%s/" UNPACK_TO, dir);
	_cleanup_free_ char *data = xasprintf("%s/neo4j/data", dir);
	_cleanup_free_ char *result = xasprintf("%s/" UNPACK_RESULT, dir);
	struct stat st;

	if (stat(from, &st) < 0)
		return err_errno(e, "%s", from);
	int rc = io_mkdir_p(data, 0755, e);
	if (rc == 0)
		rc = unpack(from, to, e);
	return unpack_tell(&st, result, rc, e);
}
