/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "fat.h"
#include "fat_read.h"
#include "run.h"

int fat_read(const char *image, uint64_t offset, const char *name, struct buf *b, struct err *e)
{
	_cleanup_fat_ struct fat *f = fat_open(image, offset, 0, e);

	return f ? fat_read_file(f, name, b, e) : -1;
}

int fat_write(
	const char *image, uint64_t offset, const char *name, const struct buf *b, struct err *e)
{
	_cleanup_free_ char *where = xasprintf("%s@@%llu", image, (unsigned long long)offset);
	_cleanup_free_ char *file = xasprintf("::/%s", name);
	const char *const argv[] = {"mcopy", "-o", "-i", where, "-", file, NULL};

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
	_cleanup_free_ char *where = xasprintf("%s@@%llu", image, (unsigned long long)offset);
	_cleanup_free_ char *file = xasprintf("::/%s", name);
	const char *const argv[] = {"mdel", "-i", where, file, NULL};
	_cleanup_buf_ struct buf names = {0};

	if (fat_list(image, offset, &names, e) < 0)
		return -1;
	if (fat_listed(&names, name) && run_tool(argv, NULL, NULL, 0, e) < 0)
		return err_prefix(e, "%s: boot partition: %s", image, name);
	return 0;
}
