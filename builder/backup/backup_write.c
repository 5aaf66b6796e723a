/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "about.h"
#include "io.h"

struct backup_writer {
	char *path, *part; /* part: what is not whole yet */
	int fd;
	struct archive *archive;
	struct pack_reader pack;
	bool is_neostore; /* what comes now */
	uint8_t head[NEOSTORE_NEEDS];
	size_t head_size;
};

static int fail(struct backup_writer *w, struct err *e)
{
	const char *why = archive_error_string(w->archive);

	return err_set(e, "%s: %s", w->part, why ? why : "cannot be written");
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

	return pack_read(&w->pack, p, n, &sink, e);
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
		rc = archive_write_open_fd(w->archive, w->fd);
	return rc == ARCHIVE_OK ? 0 : fail(w, e);
}

struct backup_writer *backup_create(const char *path, struct err *e)
{
	_cleanup_(backup_writer_cleanup) struct backup_writer *w = xcalloc(1, sizeof(*w));

	w->path = xstrdup(path);
	w->part = xasprintf("%s.part-XXXXXX", path);
	w->fd = mkostemp(w->part, O_CLOEXEC); /* 0600: it holds all the data there is */
	pack_reader_begin(&w->pack);
	if (w->fd < 0) {
		err_errno(e, "%s", path);
		free(steal(&w->part));
		return NULL;
	}
	return open_archive(w, e) < 0 ? NULL : steal(&w);
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
	if (fsync(w->fd) < 0 || rename(w->part, w->path) < 0)
		return err_errno(e, "%s", w->path);
	free(steal(&w->part));
	return io_sync_parent(w->path) < 0 ? err_errno(e, "%s", w->path) : 0;
}

int backup_finish(struct backup_writer *w, struct backup_about *about, struct err *e)
{
	if (w->pack.phase != PACK_DONE)
		return err_set(e, "%s: the store did not come whole", w->path);
	if (neostore_parse(w->head, w->head_size, &about->store, e) < 0)
		return -1;
	about->sums = w->pack.sums;
	return put_about(w, about, e) < 0 ? -1 : publish(w, e);
}

void backup_writer_free(struct backup_writer *w)
{
	if (!w)
		return;
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
