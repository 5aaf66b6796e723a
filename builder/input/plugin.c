/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "archive_private.h"
#include "io.h"
#include "plugin.h"

#define PIECE (1u << 16)

static int check_size(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(e, "%s", path);
	if ((uint64_t)st.st_size <= PLUGIN_SIZE_MAX)
		return 0;
	return err_code(e, EXIT_INPUT, "%s: is larger than any plugin (1 GiB)", path);
}

/* By its table of contents, which stands at the end: a download that broke off has none. */
int plugin_check(const char *path, struct err *e)
{
	_cleanup_archive_ struct archive *a = archive_read_new();
	struct archive_entry *entry;
	bool classes = false;
	int rc;

	if (check_size(path, e) < 0)
		return -1;
	archive_read_support_format_zip_seekable(a);
	if (archive_read_open_filename(a, path, PIECE) != ARCHIVE_OK)
		return archive_fail(a, path, e) < 0 ? err_prefix(e, "no .jar") : -1;
	while ((rc = archive_next(a, path, &entry, e)) > 0 && !classes)
		classes = str_ends(archive_name(entry), ".class");
	if (rc < 0)
		return err_prefix(e, "no .jar");
	if (classes)
		return 0;
	return err_code(e, EXIT_INPUT, "%s: a .jar without a class is no plugin", path);
}

static int copy_content(int fd, const char *path, struct ext4 *fs, struct err *e)
{
	char piece[PIECE];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0) {
		if (ext4_file_add(fs, piece, (size_t)n, e) < 0)
			return -1;
	}
	return n < 0 ? err_errno(e, "%s", path) : 0;
}

int plugin_put(const char *path, struct ext4 *fs, const char *dir, struct err *e)
{
	_cleanup_free_ char *to = xasprintf("%s/%s", dir, basename(path));
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, "%s", path);
	if (ext4_file_begin(fs, to, (uint64_t)st.st_size, EXT4_ROOT(0644), e) < 0)
		return -1;
	int rc = copy_content(fd, path, fs, e);
	struct err ignored;
	return ext4_file_end(fs, rc < 0 ? &ignored : e) < 0 ? -1 : rc;
}
