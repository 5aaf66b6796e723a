/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "cmd.h"
#include "io.h"
#include "sparse.h"

#define STEP (8u << 20)
#define BLOCK 4096u

/* EXDEV, EINVAL and ENOSYS mean "not on this pair of files": then through memory. */
static ssize_t copy_step(int src, off_t from, int dst, off_t to, size_t n)
{
	static bool in_kernel = true;

	if (in_kernel) {
		ssize_t r = copy_file_range(src, &from, dst, &to, n, 0);
		if (r > 0 || (errno != EXDEV && errno != EINVAL && errno != ENOSYS))
			return r;
		in_kernel = false;
	}
	_cleanup_free_ char *chunk = xcalloc(1, n);
	ssize_t r = pread(src, chunk, n, from);
	if (r > 0 && io_pwrite_full(dst, chunk, (size_t)r, to) < 0)
		return -1;
	return r;
}

static int copy_data(int src, off_t from, int dst, off_t to, uint64_t len, struct err *e)
{
	while (len) {
		if (check_interrupted(e) < 0)
			return -1;
		ssize_t n = copy_step(src, from, dst, to, len < STEP ? (size_t)len : STEP);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "copy");
		if (n == 0)
			return err_set(e, "copy: the source is shorter than it was");
		from += n;
		to += n;
		len -= (uint64_t)n;
	}
	return 0;
}

int sparse_copy_range(int src, off_t src_off, int dst, off_t dst_off, uint64_t len, struct err *e)
{
	off_t end = src_off + (off_t)len;

	for (off_t at = src_off; at < end;) {
		off_t data = lseek(src, at, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			return 0;
		off_t hole = data < 0 ? -1 : lseek(src, data, SEEK_HOLE);
		if (hole < 0)
			return err_errno(e, "copy");
		if (data >= end)
			return 0;
		hole = hole < end ? hole : end;
		if (copy_data(src, data, dst, dst_off + (data - src_off), (uint64_t)(hole - data),
			    e) < 0)
			return -1;
		at = hole;
	}
	return 0;
}

int sparse_copy_file(const char *from, const char *to, struct err *e)
{
	struct stat st;
	_cleanup_close_ int src = open(from, O_RDONLY | O_CLOEXEC);

	if (src < 0 || fstat(src, &st) < 0)
		return err_errno(e, "%s", from);
	_cleanup_close_ int dst = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (dst < 0)
		return err_errno(e, "%s", to);
	if (ioctl(dst, FICLONE, src) == 0)
		return 0;
	if (ftruncate(dst, st.st_size) < 0)
		return err_errno(e, "%s", to);
	if (sparse_copy_range(src, 0, dst, 0, (uint64_t)st.st_size, e) < 0)
		return err_prefix(e, "%s", to);
	return 0;
}

static bool is_zero(const char *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

int sparse_write(int fd, const void *p, size_t n, off_t off, struct err *e)
{
	const char *c = p;

	while (n) {
		size_t run = 0, step;
		while (run < n) {
			step = n - run < BLOCK ? n - run : BLOCK;
			if (is_zero(c + run, step))
				break;
			run += step;
		}
		if (run && io_pwrite_full(fd, c, run, off) < 0)
			return err_errno(e, "write");
		if (!run)
			run = n < BLOCK ? n : BLOCK;
		c += run;
		off += (off_t)run;
		n -= run;
	}
	return 0;
}
