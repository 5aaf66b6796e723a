/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One entry of a tar into an ext4. What an entry may be:
 *
 * - Names hold no "..", no control characters, and start at the archive's own top.
 * - An archive (`confined`) stays below its destination for good: no entry is reached through a
 *   link, and a link climbs only at its start and only to the top. A ".." behind a name would
 *   climb from wherever that name leads, not from where it seems to be. Modes are 0755 or 0644:
 *   nothing there is setuid or hidden from the user who runs it.
 * - A package links where it likes and keeps owners and modes. As with dpkg, a folder that is
 *   there stays as it is, and a file that is there is another package's (conffiles: deb.c).
 */
#include <string.h>
#include "archive_private.h"
#include "cmd.h"

#define NAME_LENGTH_MAX 255

static int refuse(const char *archive, const char *path, const char *why, struct err *e)
{
	return err_code(e, EXIT_INPUT, "%s: entry \"%s\" %s", archive, path, why);
}

static bool has_control(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	}
	return false;
}

static bool is_dots(const char *part, size_t n)
{
	return n == 2 && part[0] == '.' && part[1] == '.';
}

static bool is_nothing(const char *part, size_t n)
{
	return n == 0 || (n == 1 && part[0] == '.');
}

/* The path without empty and "." parts, for the caller to free; NULL with *why it is refused. */
static char *clean_path(const char *path, const char **why)
{
	_cleanup_free_ char *out = xcalloc(1, strlen(path) + 1);
	size_t len = 0;

	*why = path[0] == '/' ? "leaves the archive" : NULL;
	while (*path && !*why) {
		size_t n = strcspn(path, "/");
		if (is_dots(path, n))
			*why = "leaves the archive";
		else if (n > NAME_LENGTH_MAX)
			*why = "has a name that is too long";
		if (!is_nothing(path, n)) {
			out[len] = '/';
			len += len > 0;
			memcpy(out + len, path, n);
			len += n;
		}
		path += n + (path[n] == '/');
	}
	return *why ? NULL : steal(&out);
}

/* The part of a clean path below a folder ("" for the folder itself), or NULL: it is elsewhere. */
static const char *below(const char *path, const char *top)
{
	size_t n = strlen(top);

	if (n == 0)
		return path;
	if (strncmp(path, top, n) != 0 || (path[n] && path[n] != '/'))
		return NULL;
	return path + n + (path[n] == '/');
}

static size_t depth_of(const char *clean)
{
	size_t depth = 0;

	for (; *clean; clean++)
		depth += *clean == '/';
	return depth;
}

/* May a link that lies `depth` folders below the top lead out of it? */
static bool leads_out(const char *to, size_t depth)
{
	bool named = false;

	if (to[0] == '/')
		return true;
	while (*to) {
		size_t n = strcspn(to, "/");
		if (is_dots(to, n) && (named || depth-- == 0))
			return true;
		named |= !is_dots(to, n) && !is_nothing(to, n);
		to += n + (to[n] == '/');
	}
	return false;
}

/* Is any of the folders on the way to dest/rel something else? */
static bool lies_behind(const struct unpack *u, const char *rel)
{
	for (const char *end = strchr(rel, '/'); end; end = strchr(end + 1, '/')) {
		_cleanup_free_ char *path = xasprintf("%s/%.*s", u->dest, (int)(end - rel), rel);
		enum ext4_kind kind = ext4_kind(u->fs, path);
		if (kind != EXT4_NONE && kind != EXT4_DIR)
			return true;
	}
	return false;
}

static bool has_room(struct ext4 *fs, la_int64_t size)
{
	uint64_t used, all;

	ext4_usage(fs, &used, &all);
	return size >= 0 && (uint64_t)size <= all - used;
}

static int copy_file(const struct unpack *u, struct archive *a, struct archive_entry *en,
	const char *to, struct ext4_owner owner, struct err *e)
{
	const void *piece;
	size_t n;
	la_int64_t at, end = 0, size = archive_entry_size(en);
	int rc;

	if (!has_room(u->fs, size))
		return refuse(u->path, to, "finds no room in root_size", e);
	if (ext4_file_begin(u->fs, to, (uint64_t)size, owner, e) < 0)
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
	if (end != size)
		return refuse(u->path, to, "is sparse", e);
	return ext4_file_end(u->fs, e);
}

static struct ext4_owner owner_of(const struct unpack *u, struct archive_entry *en)
{
	mode_t mode = archive_entry_perm(en);

	if (u->confined)
		return EXT4_ROOT(
			archive_entry_filetype(en) == AE_IFDIR || (mode & 0111) ? 0755 : 0644);
	if (!u->package)
		return EXT4_ROOT(mode);
	return (struct ext4_owner){
		(uid_t)archive_entry_uid(en), (gid_t)archive_entry_gid(en), mode};
}

static int put_folder(const struct unpack *u, struct archive_entry *en, const char *rel,
	const char *to, struct err *e)
{
	enum ext4_kind kind = ext4_kind(u->fs, to);

	if (!*rel || (!u->confined && ext4_is_dir(u->fs, to)))
		return 0;
	if (kind == EXT4_LINK)
		return refuse(u->path, rel, "lies behind a link", e);
	if (kind != EXT4_NONE && kind != EXT4_DIR)
		return refuse(u->path, rel, "exists and is no folder", e);
	return ext4_mkdir(u->fs, to, owner_of(u, en), e);
}

static int put_hardlink(
	const struct unpack *u, const char *hard, const char *rel, const char *to, struct err *e)
{
	const char *why;
	_cleanup_free_ char *clean = clean_path(hard, &why);
	const char *target = clean ? below(clean, u->top) : NULL;

	if (!target)
		return refuse(u->path, rel, "is a link out of the archive", e);
	if (u->confined && lies_behind(u, target))
		return refuse(u->path, rel, "links to what lies behind a link or file", e);
	_cleanup_free_ char *existing = xasprintf("%s/%s", u->dest, target);
	if (ext4_kind(u->fs, existing) != EXT4_FILE || strcmp(existing, to) == 0)
		return refuse(u->path, rel, "is a hard link to no file", e);
	return ext4_hardlink(u->fs, to, existing, e);
}

static int put_symlink(const struct unpack *u, struct archive_entry *en, const char *rel,
	const char *to, struct err *e)
{
	const char *target = archive_entry_symlink(en);

	if (!target)
		target = archive_entry_symlink_utf8(en);
	if (!target || !*target)
		return refuse(u->path, rel, "is a link to nothing", e);
	if (has_control(target))
		return refuse(u->path, rel, "is a link with control characters", e);
	if (u->confined && leads_out(target, depth_of(rel)))
		return refuse(u->path, rel, "is a link out of the archive", e);
	return ext4_symlink(u->fs, to, target, e);
}

/* Everything but a folder. */
static int put_leaf(const struct unpack *u, struct archive *a, struct archive_entry *en,
	const char *rel, const char *to, struct err *e)
{
	enum ext4_kind kind = ext4_kind(u->fs, to);
	const char *hard = archive_entry_hardlink(en);
	int rc = u->special ? u->special(u->arg, u->fs, a, en, to, e) : 0;

	if (rc)
		return rc < 0 ? -1 : 0;
	if (kind == EXT4_DIR || !*rel)
		return refuse(u->path, rel, "exists as a folder", e);
	if (kind != EXT4_NONE && u->package)
		return refuse(u->path, rel, "exists already: it is another package's", e);
	if (!hard)
		hard = archive_entry_hardlink_utf8(en);
	if (hard)
		return put_hardlink(u, hard, rel, to, e);
	if (archive_entry_filetype(en) == AE_IFLNK)
		return put_symlink(u, en, rel, to, e);
	if (archive_entry_filetype(en) == AE_IFREG)
		return copy_file(u, a, en, to, owner_of(u, en), e);
	return refuse(u->path, rel, "is neither file, folder nor link", e);
}

int unpack_entry(const struct unpack *u, struct archive *a, struct archive_entry *en, struct err *e)
{
	const char *name = archive_name(en), *why;

	if (has_control(name))
		return err_code(
			e, EXIT_INPUT, "%s: an entry has control characters in its name", u->path);
	_cleanup_free_ char *clean = clean_path(name, &why);
	if (!clean)
		return refuse(u->path, name, why, e);
	const char *rel = below(clean, u->top);
	if (!rel)
		return u->others_too ? 0 : refuse(u->path, name, "is not below the top folder", e);
	if (u->confined && lies_behind(u, rel))
		return refuse(u->path, rel, "lies behind a link or file", e);
	_cleanup_free_ char *to = xasprintf("%s%s%s", u->dest, *rel ? "/" : "", rel);
	if (archive_entry_filetype(en) == AE_IFDIR)
		return put_folder(u, en, rel, to, e);
	return put_leaf(u, a, en, rel, to, e);
}
