/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include "io.h"
#include "medium.h"
#include "util.h"

#define ALIGNMENT 4096 /* serves sectors of 512 and of 4096 bytes */

void *medium_buffer(void)
{
	void *p = NULL;

	if (posix_memalign(&p, ALIGNMENT, MEDIUM_CHUNK) != 0) {
		fputs("bramble: out of memory\n", stderr);
		exit(EXIT_FAILED);
	}
	return p;
}

static bool set_direct(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

void medium_begin(struct medium *m, const char *path, int fd)
{
	*m = (struct medium){.path = path, .fd = fd, .direct = set_direct(fd, true)};
}

/* tmpfs takes the flag or not, by version; others take it and refuse the write: open(2). */
static bool fall_back(struct medium *m)
{
	if (errno != EINVAL || !m->direct)
		return false;
	m->direct = false;
	return set_direct(m->fd, false);
}

/* A reader whose card was pulled says EIO at first, and then has no size any more. */
static bool is_gone(const struct medium *m, int cause)
{
	uint64_t size;

	if (cause == ENODEV || cause == ENXIO || cause == ENOMEDIUM)
		return true;
	return cause == EIO && ioctl(m->fd, BLKGETSIZE64, &size) == 0 && size == 0;
}

static const char *advice(const struct medium *m, int cause)
{
	if (m->gone)
		return "the card was pulled out, or its reader lost it";
	return cause == ENOSPC ? "no room is left where this file lies"
			       : "the card may be worn out";
}

static int fail(struct medium *m, const char *what, uint64_t at, struct err *e)
{
	int cause = errno;

	m->gone = is_gone(m, cause);
	return err_set(e, "%s: cannot %s at byte %llu: %s; %s", m->path, what,
		(unsigned long long)at, strerror(cause), advice(m, cause));
}

int medium_write(struct medium *m, const void *buffer, size_t n, uint64_t at, struct err *e)
{
	int rc = io_pwrite_full(m->fd, buffer, n, (off_t)at);

	if (rc < 0 && fall_back(m))
		rc = io_pwrite_full(m->fd, buffer, n, (off_t)at);
	return rc < 0 ? fail(m, "write", at, e) : 0;
}

int medium_read(struct medium *m, void *buffer, size_t n, uint64_t at, struct err *e)
{
	int rc = io_pread_full(m->fd, buffer, n, (off_t)at);

	if (rc < 0 && fall_back(m)) {
		posix_fadvise(m->fd, 0, 0, POSIX_FADV_DONTNEED);
		rc = io_pread_full(m->fd, buffer, n, (off_t)at);
	}
	return rc < 0 ? fail(m, "read", at, e) : 0;
}

int medium_sync(struct medium *m, struct err *e)
{
	if (fdatasync(m->fd) < 0)
		return fail(m, "sync", 0, e);
	if (ioctl(m->fd, BLKFLSBUF) < 0) /* wants CAP_SYS_ADMIN, and a device */
		posix_fadvise(m->fd, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

static bool punch(const struct medium *m, uint64_t at, uint64_t n)
{
	return fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)n) ==
	       0;
}

bool medium_zero(struct medium *m, uint64_t at, uint64_t n)
{
	uint64_t range[2] = {at, n};

	return ioctl(m->fd, BLKZEROOUT, range) == 0 || (errno == ENOTTY && punch(m, at, n));
}

void medium_discard(struct medium *m, uint64_t at, uint64_t n)
{
	uint64_t range[2] = {at, n};

	if (ioctl(m->fd, BLKDISCARD, range) < 0 && errno == ENOTTY && !punch(m, at, n))
		return; /* a file that cannot have holes */
}

void medium_reread_table(struct medium *m)
{
	if (ioctl(m->fd, BLKRRPART) < 0)
		return; /* a file, or a kernel that looks at no partitions of it */
}
