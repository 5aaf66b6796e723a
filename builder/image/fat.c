/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <string.h>
#include "fat.h"
#include "fat_read.h"
#include "run.h"

int fat_read(const char *image, uint64_t offset, const char *name, struct buf *b, struct err *e)
{
	_cleanup_fat_ struct fat *f = fat_open(image, offset, 0, e);

	return f ? fat_read_file(f, name, b, e) : -1;
}

/*
 * mtools reads quotes in an image's name in its own way ("'" gets lost), so it is given an open
 * file, which it inherits. -1: the error.
 */
static int open_for_tool(const char *image, uint64_t offset, char **where, struct err *e)
{
	int fd = open(image, O_RDWR);

	if (fd < 0)
		return err_errno(e, "%s", image);
	*where = xasprintf("/proc/self/fd/%d@@%llu", fd, (unsigned long long)offset);
	return fd;
}

int fat_write(
	const char *image, uint64_t offset, const char *name, const struct buf *b, struct err *e)
{
	_cleanup_free_ char *where = NULL, *file = xasprintf("::/%s", name);
	_cleanup_close_ int fd = open_for_tool(image, offset, &where, e);
	const char *const argv[] = {"mcopy", "-o", "-i", where, "-", file, NULL};

	if (fd < 0)
		return -1;
	if (run_tool(argv, b, NULL, 0, e) < 0)
		return err_prefix(e, "%s: boot partition: %s", image, name);
	return 0;
}

int fat_list(const char *image, uint64_t offset, struct buf *names, struct err *e)
{
	_cleanup_fat_ struct fat *f = fat_open(image, offset, 0, e);

	return f ? fat_names(f, names, e) : -1;
}

bool fat_listed(const struct buf *names, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = buf_str(names); *p; p += *p == '\n') {
		size_t len = strcspn(p, "\n");
		if (len == n && strncasecmp(p, name, n) == 0)
			return true;
		p += len;
	}
	return false;
}

/* mdel's exit status is 1 for whatever goes wrong, a missing file among it: hence the list. */
int fat_remove(const char *image, uint64_t offset, const char *name, struct err *e)
{
	_cleanup_free_ char *where = NULL, *file = xasprintf("::/%s", name);
	_cleanup_close_ int fd = open_for_tool(image, offset, &where, e);
	const char *const argv[] = {"mdel", "-i", where, file, NULL};
	_cleanup_buf_ struct buf names = {0};

	if (fd < 0 || fat_list(image, offset, &names, e) < 0)
		return -1;
	if (fat_listed(&names, name) && run_tool(argv, NULL, NULL, 0, e) < 0)
		return err_prefix(e, "%s: boot partition: %s", image, name);
	return 0;
}
