/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "archive.h"
#include "archive_private.h"
#include "cmd.h"
#include "image/sparse.h"

#define PIECE (1u << 20)

int archive_fail(struct archive *a, const char *path, struct err *e)
{
	const char *why = archive_error_string(a);

	return err_code(
		e, EXIT_INPUT, "%s: %s; is the file complete?", path, why ? why : "cannot be read");
}

struct archive *archive_open_tar(const char *path, struct err *e)
{
	_cleanup_archive_ struct archive *a = archive_read_new();

	archive_read_support_filter_all(a);
	archive_read_support_format_tar(a);
	archive_read_support_format_gnutar(a);
	if (archive_read_open_filename(a, path, PIECE) != ARCHIVE_OK) {
		archive_fail(a, path, e);
		return NULL;
	}
	return steal(&a);
}

/* ARCHIVE_EOF ends quietly; a warning (a header field nobody uses) is no reason to stop. */
int archive_next(struct archive *a, const char *path, struct archive_entry **entry, struct err *e)
{
	int rc = archive_read_next_header(a, entry);

	if (rc == ARCHIVE_EOF)
		return 0;
	if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
		return archive_fail(a, path, e);
	return check_interrupted(e) < 0 ? -1 : 1;
}

static uint64_t file_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static int decompress_to(
	struct archive *a, const char *in, int fd, struct progress *p, struct err *e)
{
	uint64_t total = file_size(in);
	const void *piece;
	size_t n;
	la_int64_t at, end = 0;
	int rc;

	while ((rc = archive_read_data_block(a, &piece, &n, &at)) == ARCHIVE_OK) {
		if (check_interrupted(e) < 0 || sparse_write(fd, piece, n, at, e) < 0)
			return -1;
		end = at + (la_int64_t)n;
		progress_at(p, (uint64_t)archive_filter_bytes(a, -1), total);
	}
	if (rc != ARCHIVE_EOF)
		return archive_fail(a, in, e);
	return ftruncate(fd, end) < 0 ? err_errno(e, "truncate") : 0;
}

int archive_decompress(const char *in, const char *out, struct progress *p, struct err *e)
{
	_cleanup_archive_ struct archive *a = archive_read_new();
	struct archive_entry *entry;

	archive_read_support_filter_all(a);
	archive_read_support_format_raw(a);
	archive_read_support_format_zip(a);
	archive_read_support_format_empty(a);
	if (archive_read_open_filename(a, in, PIECE) != ARCHIVE_OK)
		return archive_fail(a, in, e);
	int rc = archive_next(a, in, &entry, e);
	if (rc == 0)
		return err_code(e, EXIT_INPUT, "%s: is empty", in);
	if (rc < 0)
		return -1;
	_cleanup_close_ int fd = open(out, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, "%s", out);
	if (decompress_to(a, in, fd, p, e) < 0)
		return e->code == EXIT_FAILED ? err_prefix(e, "%s", out) : -1;
	return 0;
}

char *archive_top_folder(const char *path, struct err *e)
{
	_cleanup_archive_ struct archive *a = archive_open_tar(path, e);
	struct archive_entry *entry;

	if (!a)
		return NULL;
	int rc = archive_next(a, path, &entry, e);
	if (rc <= 0) {
		if (rc == 0)
			err_code(e, EXIT_INPUT, "%s: is empty", path);
		return NULL;
	}
	const char *name = archive_entry_pathname(entry);
	while (name && str_starts(name, "./"))
		name += 2;
	if (!name || !*name || name[0] == '/' || name[0] == '.') {
		err_code(e, EXIT_INPUT, "%s: no top folder", path);
		return NULL;
	}
	return xstrndup(name, strcspn(name, "/"));
}

/* Does a path, read from the folder `depth` levels down, ever climb above the top? */
static bool climbs_out(const char *path, int depth)
{
	while (*path) {
		size_t n = strcspn(path, "/");
		if (n == 2 && path[0] == '.' && path[1] == '.')
			depth--;
		else if (n && !(n == 1 && path[0] == '.'))
			depth++;
		if (depth < 0)
			return true;
		path += n + (path[n] == '/');
	}
	return false;
}

static int depth_of(const char *path)
{
	int depth = 0;

	for (; *path; path++)
		depth += *path == '/';
	return depth;
}

static int refuse(const char *archive, const char *path, const char *why, struct err *e)
{
	return err_code(e, EXIT_INPUT, "%s: entry \"%s\": %s", archive, path, why);
}

/* rel: the entry's path below the destination. */
static int check_entry(
	const struct unpack *u, struct archive_entry *en, const char *rel, struct err *e)
{
	const char *link = archive_entry_symlink(en);
	mode_t type = archive_entry_filetype(en);

	if (rel[0] == '/' || climbs_out(rel, 0) || strstr(rel, ".."))
		return refuse(u->path, rel, "leaves the archive", e);
	if (link && !u->trusted_links && (link[0] == '/' || climbs_out(link, depth_of(rel))))
		return refuse(u->path, rel, "is a link out of the archive", e);
	if (type && type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK)
		return refuse(u->path, rel, "is neither file, folder nor link", e);
	return 0;
}

static int copy_file(const struct unpack *u, struct archive *a, struct archive_entry *en,
	const char *to, struct ext4_owner owner, struct err *e)
{
	const void *piece;
	size_t n;
	la_int64_t at, end = 0;
	int rc;

	if (ext4_file_begin(u->fs, to, (uint64_t)archive_entry_size(en), owner, e) < 0)
		return -1;
	while ((rc = archive_read_data_block(a, &piece, &n, &at)) == ARCHIVE_OK) {
		if (at != end)
			return refuse(u->path, to, "is sparse", e);
		end = at + (la_int64_t)n;
		if (check_interrupted(e) < 0 || ext4_file_add(u->fs, piece, n, e) < 0)
			return -1;
	}
	if (rc != ARCHIVE_EOF)
		return archive_fail(a, u->path, e);
	return ext4_file_end(u->fs, e);
}

static const char *without_dot(const char *path)
{
	while (str_starts(path, "./"))
		path += 2;
	return path;
}

int unpack_entry(const struct unpack *u, struct archive *a, struct archive_entry *en,
	const char *rel, struct err *e)
{
	struct ext4_owner owner = {.mode = archive_entry_perm(en)};
	const char *hard = archive_entry_hardlink(en);

	if (u->keep_owner) {
		owner.uid = (uid_t)archive_entry_uid(en);
		owner.gid = (gid_t)archive_entry_gid(en);
	}
	if (check_entry(u, en, rel, e) < 0)
		return -1;
	_cleanup_free_ char *to = xasprintf("%s/%s", u->dest, rel);
	for (size_t n = strlen(to); n > 1 && to[n - 1] == '/'; n--)
		to[n - 1] = '\0';
	if (hard) {
		hard = without_dot(hard) + u->strip;
		if (climbs_out(hard, 0))
			return refuse(u->path, rel, "is a link out of the archive", e);
		_cleanup_free_ char *existing = xasprintf("%s/%s", u->dest, hard);
		return ext4_hardlink(u->fs, to, existing, e);
	}
	if (archive_entry_filetype(en) == AE_IFDIR)
		return *rel ? ext4_mkdir(u->fs, to, owner, e) : 0;
	if (archive_entry_filetype(en) == AE_IFLNK)
		return ext4_symlink(u->fs, to, archive_entry_symlink(en), e);
	return copy_file(u, a, en, to, owner, e);
}

/* The part of an entry's path behind prefix, or NULL when it does not start so. */
static const char *below(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	path = without_dot(path);
	return strncmp(path, prefix, n) == 0 ? path + n : NULL;
}

static int unpack_all(const struct unpack *u, struct archive *a, const char *prefix,
	struct progress *p, struct err *e)
{
	uint64_t total = p ? file_size(u->path) : 0;
	struct archive_entry *en;
	int rc;

	while ((rc = archive_next(a, u->path, &en, e)) > 0) {
		const char *rel = below(archive_entry_pathname(en), prefix);
		if (rel && unpack_entry(u, a, en, rel, e) < 0)
			return -1;
		if (p)
			progress_at(p, (uint64_t)archive_filter_bytes(a, -1), total);
	}
	return rc;
}

int archive_unpack_below(
	const char *path, struct ext4 *fs, const char *dest, struct progress *p, struct err *e)
{
	_cleanup_free_ char *top = archive_top_folder(path, e);
	if (!top)
		return -1;
	_cleanup_archive_ struct archive *a = archive_open_tar(path, e);
	if (!a)
		return -1;
	_cleanup_free_ char *prefix = xasprintf("%s/", top);
	struct unpack u = {.path = path, .fs = fs, .dest = dest, .strip = strlen(prefix)};
	return unpack_all(&u, a, prefix, p, e);
}

int archive_unpack_memory(const void *tar, size_t n, const char *prefix, struct ext4 *fs,
	const char *dest, struct err *e)
{
	_cleanup_archive_ struct archive *a = archive_read_new();
	struct unpack u = {.path = "assets",
		.fs = fs,
		.dest = dest,
		.trusted_links = true,
		.strip = strlen(prefix)};

	archive_read_support_format_tar(a);
	archive_read_support_format_gnutar(a);
	if (archive_read_open_memory(a, tar, n) != ARCHIVE_OK)
		return archive_fail(a, "assets", e);
	return unpack_all(&u, a, prefix, NULL, e);
}
