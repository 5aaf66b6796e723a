/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "partial.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "io.h"

#define FROM_MAX 4096
#define OPEN_TRIES 8

/* First line the address, second the validator. A file that is not of that form says nothing. */
static void read_from(struct partial *p)
{
	_cleanup_buf_ struct buf b = {0};
	struct err ignored = {0};

	if (io_read_file(p->from_path, FROM_MAX, &b, &ignored) < 0)
		return;
	const char *text = buf_str(&b), *end = strchr(text, '\n');
	size_t n = end ? strcspn(end + 1, "\n") : 0;
	if (!end || n >= sizeof(p->validator) || end[1 + n] != '\n')
		return;
	p->url = xstrndup(text, (size_t)(end - text));
	memcpy(p->validator, end + 1, n);
}

/* Before we locked it another one may have made it whole, and so have taken the name away. */
static int open_locked(struct partial *p, struct err *e)
{
	for (unsigned i = 0; i < OPEN_TRIES; i++) {
		struct stat ours, named;
		_cleanup_close_ int fd =
			open(p->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (fd < 0 || fstat(fd, &ours) < 0)
			return err_errno(e, "%s", p->path);
		if (flock(fd, LOCK_EX | LOCK_NB) < 0)
			return err_code(
				e, EXIT_BUSY, "%s: another bramble is fetching it", p->file);
		if (stat(p->path, &named) < 0 || named.st_ino != ours.st_ino)
			continue;
		if (!S_ISREG(ours.st_mode))
			return err_set(e, "%s: is no file; remove it", p->path);
		p->fd = steal_fd(&fd);
		p->have = (uint64_t)ours.st_size;
		return 0;
	}
	return err_code(e, EXIT_BUSY, "%s: another bramble is fetching it", p->file);
}

char *partial_path(const char *dir, const char *file)
{
	return xasprintf("%s/.%s.part", dir, file);
}

int partial_open(struct partial *p, const char *dir, const char *file, struct err *e)
{
	*p = (struct partial)PARTIAL_NONE;
	p->file = xasprintf("%s/%s", dir, file);
	p->path = partial_path(dir, file);
	p->from_path = xasprintf("%s.from", p->path);
	if (open_locked(p, e) < 0)
		return -1;
	p->resumed = p->have > 0;
	if (p->have)
		read_from(p);
	return 0;
}

void partial_close(struct partial *p)
{
	if (p->fd >= 0)
		close(p->fd);
	free(p->file);
	free(p->path);
	free(p->from_path);
	free(p->url);
	*p = (struct partial)PARTIAL_NONE;
}

static int set_origin(struct partial *p, const char *url, const char *validator, struct err *e)
{
	_cleanup_free_ char *text = xasprintf("%s\n%s\n", url, validator);

	free(p->url);
	p->url = xstrdup(url);
	snprintf(p->validator, sizeof(p->validator), "%s", validator);
	return io_write_atomic(p->from_path, text, strlen(text), 0600, e);
}

/* The old bytes go before the new origin is written: at no moment does it speak of wrong ones. */
int partial_restart(struct partial *p, const char *url, const char *validator, struct err *e)
{
	if (ftruncate(p->fd, 0) < 0)
		return err_errno(e, "%s", p->path);
	p->have = 0;
	p->resumed = false;
	return set_origin(p, url, validator, e);
}

int partial_append(struct partial *p, const void *bytes, size_t n, struct err *e)
{
	if (io_pwrite_full(p->fd, bytes, n, (off_t)p->have) == 0) {
		p->have += n;
		return 0;
	}
	if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
		return err_set(e,
			"%s: no space left for more than %llu MB; they are kept, bramble fetch "
			"goes on from there",
			p->file, (unsigned long long)(p->have / 1000000));
	return err_errno(e, "%s", p->path);
}

const char *partial_validator(const struct partial *p, const char *url)
{
	return p->url && strcmp(p->url, url) == 0 ? p->validator : "";
}

int partial_publish(struct partial *p, struct err *e)
{
	if (fsync(p->fd) < 0 || rename(p->path, p->file) < 0)
		return err_errno(e, "%s", p->file);
	unlink(p->from_path);
	return io_sync_parent(p->file) < 0 ? err_errno(e, "%s", p->file) : 0;
}

void partial_discard(struct partial *p)
{
	unlink(p->path);
	unlink(p->from_path);
}
