/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "about.h"
#include "io.h"

struct backup_writer {
	char *path, *part; /* part: what is not whole yet */
	int fd;
	struct archive *archive;
	struct pack_reader pack;
	bool given_up;    /* nothing is written any more */
	bool is_neostore; /* what comes now */
	uint8_t head[NEOSTORE_NEEDS];
	size_t head_size;
};

/* Errors get the path where they leave this file. */
static int of_file(const struct backup_writer *w, struct err *e)
{
	return err_prefix(e, "%s", w->path);
}

static int fail(struct backup_writer *w, struct err *e)
{
	const char *why = archive_error_string(w->archive);

	return err_set(e, "%s", why ? why : "cannot be written");
}

/* libarchive's own one has "Write error" for whatever the cause is. */
static la_ssize_t on_write(struct archive *a, void *data, const void *p, size_t n)
{
	const struct backup_writer *w = data;

	errno = ECANCELED;
	if (w->given_up || io_write_full(w->fd, p, n) < 0) {
		archive_set_error(a, errno, "%s", strerror(errno));
		return -1;
	}
	return (la_ssize_t)n;
}

static int put_header(struct backup_writer *w, const char *name, mode_t type, unsigned mode,
	uint64_t size, struct err *e)
{
	struct archive_entry *en = archive_entry_new();

	archive_entry_set_pathname(en, name);
	archive_entry_set_filetype(en, type);
	archive_entry_set_perm(en, (mode_t)mode);
	archive_entry_set_size(en, (la_int64_t)size);
	int rc = archive_write_header(w->archive, en);
	archive_entry_free(en);
	return rc == ARCHIVE_OK ? 0 : fail(w, e);
}

static int put_bytes(struct backup_writer *w, const void *p, size_t n, struct err *e)
{
	for (const char *c = p; n;) {
		la_ssize_t got = archive_write_data(w->archive, c, n);
		if (got <= 0)
			return fail(w, e);
		c += got;
		n -= (size_t)got;
	}
	return 0;
}

/* --- what the pack holds */

static int take_dir(void *arg, const char *path, unsigned mode, struct err *e)
{
	_cleanup_free_ char *name = xasprintf(STORE_PREFIX "%s", path);

	return put_header(arg, name, AE_IFDIR, mode, 0, e);
}

static int take_file(void *arg, const char *path, unsigned mode, uint64_t size, struct err *e)
{
	_cleanup_free_ char *name = xasprintf(STORE_PREFIX "%s", path);
	struct backup_writer *w = arg;

	w->is_neostore = strcmp(path, "neostore") == 0;
	return put_header(w, name, AE_IFREG, mode, size, e);
}

static int take_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct backup_writer *w = arg;
	size_t room = sizeof(w->head) - w->head_size;

	if (w->is_neostore) {
		room = n < room ? n : room;
		memcpy(w->head + w->head_size, p, room);
		w->head_size += room;
	}
	return put_bytes(w, p, n, e);
}

int backup_take(struct backup_writer *w, const void *p, size_t n, struct err *e)
{
	const struct pack_sink sink = {
		.dir = take_dir, .file = take_file, .data = take_data, .arg = w};

	int r = pack_read(&w->pack, p, n, &sink, e);
	return r < 0 ? of_file(w, e) : r;
}

/* --- the file */

static int open_archive(struct backup_writer *w, struct err *e)
{
	w->archive = archive_write_new();
	int rc = archive_write_set_format_pax_restricted(w->archive);
	if (rc == ARCHIVE_OK)
		rc = archive_write_add_filter_zstd(w->archive);
	archive_write_set_bytes_in_last_block(w->archive, 1);
	if (rc == ARCHIVE_OK)
		rc = archive_write_open(w->archive, w, NULL, on_write, NULL);
	return rc == ARCHIVE_OK ? 0 : fail(w, e);
}

/* Said before anybody works for it: at the end the backup could not take this name. */
static int check_target(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0 || S_ISREG(st.st_mode))
		return 0;
	return err_code(e, EXIT_USAGE, "is %s; a backup is a file",
		S_ISDIR(st.st_mode) ? "a directory" : "no regular file");
}

static int open_part(struct backup_writer *w, struct err *e)
{
	if (check_target(w->path, e) < 0)
		return -1;
	_cleanup_free_ char *part = xasprintf("%s.part-XXXXXX", w->path);
	w->fd = mkostemp(part, O_CLOEXEC); /* 0600: it holds all the data there is */
	if (w->fd < 0)
		return err_errno(e, "cannot be made");
	w->part = steal(&part);
	return 0;
}

struct backup_writer *backup_create(const char *path, struct err *e)
{
	_cleanup_(backup_writer_cleanup) struct backup_writer *w = xcalloc(1, sizeof(*w));

	w->path = xstrdup(path);
	w->fd = -1;
	pack_reader_begin(&w->pack);
	if (open_part(w, e) < 0 || open_archive(w, e) < 0) {
		of_file(w, e);
		return NULL;
	}
	return steal(&w);
}

static int put_about(struct backup_writer *w, const struct backup_about *about, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	about_format(about, &text);
	if (put_header(w, ABOUT_ENTRY, AE_IFREG, 0644, text.len, e) < 0)
		return -1;
	return put_bytes(w, text.data, text.len, e);
}

static int publish(struct backup_writer *w, struct err *e)
{
	if (archive_write_close(w->archive) != ARCHIVE_OK)
		return fail(w, e);
	if (fsync(w->fd) < 0)
		return err_errno(e, "cannot be written");
	if (rename(w->part, w->path) < 0)
		return err_errno(e, "cannot get its name");
	free(steal(&w->part));
	return io_sync_parent(w->path) < 0 ? err_errno(e, "its folder") : 0;
}

static int finish(struct backup_writer *w, struct backup_about *about, struct err *e)
{
	if (w->pack.phase != PACK_DONE)
		return err_set(e, "the store did not come whole");
	if (neostore_parse(w->head, w->head_size, &about->store, e) < 0)
		return -1;
	about->sums = w->pack.sums;
	return put_about(w, about, e) < 0 ? -1 : publish(w, e);
}

int backup_finish(struct backup_writer *w, struct backup_about *about, struct err *e)
{
	return finish(w, about, e) < 0 ? of_file(w, e) : 0;
}

void backup_writer_free(struct backup_writer *w)
{
	if (!w)
		return;
	/* Else libarchive would first fill the file at hand up to its size, be it gigabytes. */
	w->given_up = true;
	if (w->archive)
		archive_write_free(w->archive);
	if (w->part)
		unlink(w->part);
	cleanup_close(&w->fd);
	pack_reader_end(&w->pack);
	free(w->part);
	free(w->path);
	free(w);
}
