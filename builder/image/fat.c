/* SPDX-License-Identifier: GPL-3.0-or-later */
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
