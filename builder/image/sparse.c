/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "cmd.h"
#include "io.h"
#include "sparse.h"

#define STEP (8u << 20)
#define CHUNK (256u << 10)
#define BLOCK 4096u

/* From linux/magic.h and the filesystems' own headers: a server copies for us. */
static bool is_remote(int fd)
{
	static const uint32_t types[] = {
		0x6969 /* NFS */, 0xfe534d42 /* SMB2 */, 0xc36400 /* Ceph */};
	struct statfs fs;

	for (size_t i = 0; fstatfs(fd, &fs) == 0 && i < ARRAY_SIZE(types); i++) {
		if ((uint32_t)fs.f_type == types[i])
			return true;
	}
	return false;
}

/*
 * Through memory, in pieces that stay in the processor's cache. On a local disk this is faster than
 * copy_file_range(2), which goes page by page through a pipe: 0.12 s against 0.19 s for 570 MB on
 * ext4 (tried, Linux 6.18). The disk is told of each piece at once, so that the sync at the end
 * finds little left to write: four images take 1.3 s so and 1.6 s otherwise.
 */
static int copy_memory(int src, off_t from, int dst, off_t to, uint64_t len, struct err *e)
{
	_cleanup_free_ char *chunk = xcalloc(1, CHUNK);

	while (len) {
		size_t n = len < CHUNK ? (size_t)len : CHUNK;
		if (check_interrupted(e) < 0)
			return -1;
		if (io_pread_full(src, chunk, n, from) < 0)
			return errno == ENODATA
				       ? err_set(e, "copy: the source is shorter than it was")
				       : err_errno(e, "copy: read");
		if (io_pwrite_full(dst, chunk, n, to) < 0)
			return err_errno(e, "copy: write");
		sync_file_range(dst, to, (off_t)n, SYNC_FILE_RANGE_WRITE);
		from += (off_t)n;
		to += (off_t)n;
		len -= n;
	}
	return 0;
}

/* 1: copied; 0: this pair of files needs another way, from *done on. */
static int copy_in_kernel(
	int src, off_t from, int dst, off_t to, uint64_t len, uint64_t *done, struct err *e)
{
	while (*done < len) {
		uint64_t left = len - *done;
		off_t in = from + (off_t)*done, out = to + (off_t)*done;
		if (check_interrupted(e) < 0)
			return -1;
		ssize_t n =
			copy_file_range(src, &in, dst, &out, left < STEP ? (size_t)left : STEP, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS))
			return 0;
		if (n <= 0)
			return n < 0 ? err_errno(e, "copy") : 0;
		*done += (uint64_t)n;
	}
	return 1;
}

/* The extents of both files become the same ones: where the filesystem can, and lies on blocks. */
static bool share_extent(int src, off_t from, int dst, off_t to, uint64_t len)
{
	struct file_clone_range r = {.src_fd = src,
		.src_offset = (uint64_t)from,
		.src_length = len,
		.dest_offset = (uint64_t)to};

	return ioctl(dst, FICLONERANGE, &r) == 0;
}

/*
 * The room is taken first: a full disk is noticed before anything is written, and the file is not
 * scattered. Filesystems that cannot do that do without.
 */
static int copy_data(int src, off_t from, int dst, off_t to, uint64_t len, struct err *e)
{
	uint64_t done = 0;

	if (share_extent(src, from, dst, to, len))
		return 0;
	if (fallocate(dst, FALLOC_FL_KEEP_SIZE, to, (off_t)len) < 0 && errno == ENOSPC)
		return err_errno(e, "copy");
	int rc = is_remote(dst) ? copy_in_kernel(src, from, dst, to, len, &done, e) : 0;
	if (rc)
		return rc < 0 ? -1 : 0;
	return copy_memory(src, from + (off_t)done, dst, to + (off_t)done, len - done, e);
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
