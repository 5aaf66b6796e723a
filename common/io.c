/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <string.h>
#include "io.h"

static int read_all(int fd, const char *path, size_t max, struct buf *b, struct err *e)
{
	for (;;) {
		char *dst = buf_reserve(b, 4096);
		if (!dst)
			return err_set(e, "%s: too large", path);
		ssize_t n = read(fd, dst, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "%s", path);
		if (n == 0)
			break;
		b->len += (size_t)n;
		if (b->len > max)
			return err_set(e, "%s: larger than %zu bytes", path, max);
	}
	buf_add(b, "", 0);
	return 0;
}

int io_read_file(const char *path, size_t max, struct buf *b, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_errno(e, "%s", path) : read_all(fd, path, max, b, e);
}

int io_open_plain(int dir, const char *path, struct stat *st, struct err *e)
{
	_cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno == ELOOP)
		return err_set(e, "%s: is a link, where a file is to be", path);
	if (fd < 0 || fstat(fd, st) < 0)
		return err_errno(e, "%s", path);
	if (S_ISREG(st->st_mode))
		return steal_fd(&fd);
	errno = EINVAL;
	return err_set(e, "%s: is no file", path);
}

int io_read_plain(const char *path, size_t max, struct buf *b, struct err *e)
{
	struct stat st;
	_cleanup_close_ int fd = io_open_plain(AT_FDCWD, path, &st, e);

	return fd < 0 ? -1 : read_all(fd, path, max, b, e);
}

uint64_t io_run_length(int fd, uint64_t at, uint64_t end, bool *hole)
{
	off_t data = lseek(fd, (off_t)at, SEEK_DATA);

	*hole = data < 0 ? errno == ENXIO : (uint64_t)data > at;
	off_t stop = *hole ? data : lseek(fd, (off_t)at, SEEK_HOLE);
	return stop < 0 || (uint64_t)stop > end ? end - at : (uint64_t)stop - at;
}

int io_write_full(int fd, const void *p, size_t n)
{
	for (const char *c = p; n;) {
		ssize_t w = write(fd, c, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		c += w;
		n -= (size_t)w;
	}
	return 0;
}

int io_pwrite_full(int fd, const void *p, size_t n, off_t off)
{
	for (const char *c = p; n;) {
		ssize_t w = pwrite(fd, c, n, off);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		c += w;
		off += w;
		n -= (size_t)w;
	}
	return 0;
}

int io_pread_full(int fd, void *p, size_t n, off_t off)
{
	for (char *c = p; n;) {
		ssize_t r = pread(fd, c, n, off);
		if (r < 0 && errno == EINTR)
			continue;
		if (r == 0)
			errno = ENODATA;
		if (r <= 0)
			return -1;
		c += r;
		off += r;
		n -= (size_t)r;
	}
	return 0;
}

int io_sync_parent(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);

	if (!copy)
		return -1;
	_cleanup_close_ int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -1 : fsync(fd);
}

static int write_and_sync(int fd, const void *p, size_t n, mode_t mode)
{
	if (fchmod(fd, mode) < 0 || io_write_full(fd, p, n) < 0)
		return -1;
	return fsync(fd);
}

char *io_write_beside(const char *path, const void *p, size_t n, mode_t mode, struct err *e)
{
	_cleanup_free_ char *tmp = xasprintf("%s.XXXXXX", path);
	_cleanup_close_ int fd = mkostemp(tmp, O_CLOEXEC);

	if (fd >= 0 && write_and_sync(fd, p, n, mode) == 0)
		return steal(&tmp);
	err_errno(e, "%s", path);
	if (fd >= 0)
		unlink(tmp);
	return NULL;
}

int io_write_atomic(const char *path, const void *p, size_t n, mode_t mode, struct err *e)
{
	_cleanup_free_ char *tmp = io_write_beside(path, p, n, mode, e);

	if (!tmp)
		return -1;
	if (rename(tmp, path) < 0) {
		err_errno(e, "%s", path);
		unlink(tmp);
		return -1;
	}
	if (io_sync_parent(path) < 0)
		return err_errno(e, "%s: directory", path);
	return 0;
}

int io_mkdir_p(const char *path, mode_t mode, struct err *e)
{
	_cleanup_free_ char *copy = xstrdup(path);

	errno = ENOENT;
	if (!*copy)
		return err_errno(e, "\"\"");
	for (char *s = copy + 1;; s++) {
		if (*s && *s != '/')
			continue;
		char saved = *s;
		*s = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return err_errno(e, "%s", copy);
		*s = saved;
		if (!saved)
			return 0;
	}
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int io_remove_tree(const char *path, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(e, "%s", path);
	if (nftw(path, remove_entry, 32, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
		return err_errno(e, "cannot remove %s", path);
	return 0;
}
