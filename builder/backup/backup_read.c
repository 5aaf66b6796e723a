/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Somebody may have made a file that only looks like a backup: each entry is taken for what it
 * says, into a pack, and it is the pack's rules and its digest that decide.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "about.h"
#include "input/archive_private.h"

#define PIECE (32u << 10)

struct backup_reader {
	char *path;
	int fd;
	struct archive *archive;
	struct pack pack;
	uint64_t left; /* of the file at hand */
	bool begun, done;
	struct backup_about about;
};

static int refuse(const struct backup_reader *r, const char *why, struct err *e)
{
	return err_code(e, EXIT_INPUT, "%s: %s", r->path, why);
}

/* libarchive would say of each that it cannot be opened, and not why. */
static int open_file(const char *path, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		return steal_fd(&fd);
	if (fd >= 0)
		errno = EISDIR;
	err_errno(e, "%s", path);
	e->code = EXIT_INPUT;
	return -1;
}

struct backup_reader *backup_open(const char *path, struct err *e)
{
	_cleanup_(backup_reader_cleanup) struct backup_reader *r = xcalloc(1, sizeof(*r));

	r->path = xstrdup(path);
	r->fd = open_file(path, e);
	if (r->fd < 0)
		return NULL;
	r->archive = archive_read_new();
	archive_read_support_filter_zstd(r->archive);
	archive_read_support_format_tar(r->archive);
	if (archive_read_open_fd(r->archive, r->fd, PIECE) != ARCHIVE_OK) {
		archive_fail(r->archive, path, e);
		return NULL;
	}
	return steal(&r);
}

void backup_reader_free(struct backup_reader *r)
{
	if (!r)
		return;
	archive_read_free(r->archive);
	cleanup_close(&r->fd);
	free(r->path);
	free(r);
}

/* The last entry: is what was before it what it says? */
static int take_about(struct backup_reader *r, struct buf *out, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	struct archive_entry *en;
	struct pack_sums sums;

	if (archive_read_head(r->archive, r->path, ABOUT_MAX, &text, e) < 0)
		return -1;
	if (about_parse(buf_str(&text), text.len, &r->about, e) < 0)
		return err_prefix(e, "%s", r->path);
	pack_end(&r->pack, &sums, out);
	if (sums.files != r->about.sums.files || sums.bytes != r->about.sums.bytes ||
		memcmp(sums.digest, r->about.sums.digest, PACK_DIGEST) != 0)
		return refuse(r, "its files are not those that were backed up", e);
	int more = archive_next(r->archive, r->path, &en, e);
	if (more)
		return more < 0 ? -1 : refuse(r, "something comes behind its end", e);
	r->done = true;
	return 0;
}

static int take_entry(
	struct backup_reader *r, struct archive_entry *en, struct buf *out, struct err *e)
{
	const char *name = archive_name(en), *path = name + strlen(STORE_PREFIX);
	bool file = archive_entry_filetype(en) == AE_IFREG && !archive_entry_hardlink(en);
	unsigned mode = archive_entry_perm(en) & 0777;
	char copy[PACK_PATH_MAX + 1];

	if (file && strcmp(name, ABOUT_ENTRY) == 0)
		return take_about(r, out, e);
	if (!str_starts(name, STORE_PREFIX) || strlen(path) >= sizeof(copy))
		return refuse(r, "holds what is in no backup", e);
	size_t n = strlen(path);
	memcpy(copy, path, n + 1);
	if (n && !file && copy[n - 1] == '/') /* tar's word for a folder */
		copy[n - 1] = '\0';
	if (!pack_path_is_good(copy) || (!file && archive_entry_filetype(en) != AE_IFDIR))
		return refuse(r, "holds what is in no backup", e);
	if (file) {
		r->left = (uint64_t)archive_entry_size(en);
		pack_file(&r->pack, copy, mode, r->left, out);
	} else {
		pack_dir(&r->pack, copy, mode, out);
	}
	return 0;
}

static int take_bytes(struct backup_reader *r, struct buf *out, struct err *e)
{
	char piece[PIECE];
	la_ssize_t n = archive_read_data(r->archive, piece, r->left < PIECE ? r->left : PIECE);

	if (n <= 0)
		return n < 0 ? archive_fail(r->archive, r->path, e)
			     : refuse(r, "a file in it is cut off", e);
	pack_data(&r->pack, piece, (size_t)n, out);
	r->left -= (uint64_t)n;
	return 0;
}

int backup_next(struct backup_reader *r, struct buf *out, struct err *e)
{
	struct archive_entry *en;

	if (r->done)
		return 0;
	if (!r->begun)
		pack_begin(&r->pack, out);
	r->begun = true;
	if (r->left)
		return take_bytes(r, out, e) < 0 ? -1 : 1;
	int more = archive_next(r->archive, r->path, &en, e);
	if (more <= 0)
		return more < 0 ? -1 : refuse(r, "no whole backup: its end is missing", e);
	return take_entry(r, en, out, e) < 0 ? -1 : !r->done;
}

int backup_check(const char *path, struct backup_about *about, struct err *e)
{
	_cleanup_(backup_reader_cleanup) struct backup_reader *r = backup_open(path, e);
	_cleanup_buf_ struct buf waste = {0};
	int rc = r ? 1 : -1;

	while (rc > 0) {
		rc = backup_next(r, &waste, e);
		if (!buf_ok(&waste))
			return err_set(e, "out of memory");
		waste.len = 0;
	}
	if (rc == 0)
		*about = r->about;
	return rc;
}
