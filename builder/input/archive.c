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
#include "xz.h"

#define PIECE (1u << 20)
#define NAMES_MAX 300 /* bytes of names in an error */

int archive_fail(struct archive *a, const char *path, struct err *e)
{
	const char *why = archive_error_string(a);

	return err_code(
		e, EXIT_INPUT, "%s: %s; is the file complete?", path, why ? why : "cannot be read");
}

const char *archive_name(struct archive_entry *en)
{
	const char *name = archive_entry_pathname(en);

	return name ? name : archive_entry_pathname_utf8(en);
}

void archive_support_filters(struct archive *a)
{
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_lzma(a);
	archive_read_support_filter_zstd(a);
}

static int open_file(struct archive *a, const char *path)
{
	return xz_is(path) ? xz_open_file(a, path) : archive_read_open_filename(a, path, PIECE);
}

struct archive *archive_open_tree(const char *path, struct err *e)
{
	_cleanup_archive_ struct archive *a = archive_read_new();

	archive_support_filters(a);
	archive_read_support_format_tar(a);
	archive_read_support_format_gnutar(a);
	archive_read_support_format_zip(a);
	if (open_file(a, path) != ARCHIVE_OK) {
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
	if (!archive_name(*entry))
		return err_code(e, EXIT_INPUT, "%s: an entry's name cannot be read", path);
	return check_interrupted(e) < 0 ? -1 : 1;
}

/* As far as archive_filter_bytes(-1) counts. */
static uint64_t size_of(const char *path)
{
	struct stat st;

	if (xz_is(path))
		return xz_size(path);
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static int decompress_to(
	struct archive *a, const char *in, int fd, uint64_t max, struct progress *p, struct err *e)
{
	uint64_t total = size_of(in);
	const void *piece;
	size_t n;
	la_int64_t at, end = 0;
	int rc;

	while ((rc = archive_read_data_block(a, &piece, &n, &at)) == ARCHIVE_OK) {
		if ((uint64_t)at > max || n > max - (uint64_t)at)
			return err_code(e, EXIT_INPUT,
				"%s: holds more than the %llu MB of the smallest card (size)", in,
				(unsigned long long)(max / 1000000));
		if (check_interrupted(e) < 0 || sparse_write(fd, piece, n, at, e) < 0)
			return -1;
		end = at + (la_int64_t)n;
		if (p)
			progress_at(p, (uint64_t)archive_filter_bytes(a, -1), total);
	}
	if (rc != ARCHIVE_EOF)
		return archive_fail(a, in, e);
	return ftruncate(fd, end) < 0 ? err_errno(e, "truncate") : 0;
}

static struct archive *open_image(const char *path, struct err *e)
{
	_cleanup_archive_ struct archive *a = archive_read_new();

	archive_support_filters(a);
	archive_read_support_format_raw(a);
	archive_read_support_format_zip(a);
	archive_read_support_format_empty(a);
	if (open_file(a, path) != ARCHIVE_OK) {
		archive_fail(a, path, e);
		return NULL;
	}
	return steal(&a);
}

static bool is_zip(struct archive *a)
{
	return (archive_format(a) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_ZIP;
}

static bool is_image(struct archive_entry *en)
{
	return archive_entry_filetype(en) == AE_IFREG && str_ends(archive_name(en), ".img");
}

/* Names of an archive for an error; a name of it must not act on the terminal. */
static void add_name(struct buf *names, const char *name)
{
	if (names->len > NAMES_MAX)
		return;
	buf_puts(names, names->len ? ", " : "");
	for (; *name && names->len <= NAMES_MAX; name++)
		buf_printf(names, "%c", (unsigned char)*name < 0x20 || *name == 0x7f ? '?' : *name);
	if (names->len > NAMES_MAX)
		buf_puts(names, "...");
}

/* A .zip may carry a README or a folder besides its image, but no second image. */
static int check_one_image(const char *in, struct err *e)
{
	_cleanup_archive_ struct archive *a = open_image(in, e);
	_cleanup_buf_ struct buf images = {0}, others = {0};
	struct archive_entry *en;
	size_t n = 0;
	int rc = 0;

	while (a && (rc = archive_next(a, in, &en, e)) > 0 && is_zip(a)) {
		n += is_image(en);
		add_name(is_image(en) ? &images : &others, archive_name(en));
	}
	if (!a || rc < 0)
		return -1;
	if (n > 1)
		return err_code(e, EXIT_INPUT, "%s: holds %zu images: %s; unpack the one you mean",
			in, n, buf_str(&images));
	if (n == 0 && others.len)
		return err_code(
			e, EXIT_INPUT, "%s: holds no .img file, but %s", in, buf_str(&others));
	return 0;
}

/* The entry to unpack: of a .zip the image, of anything else the one there is. */
static int seek_image(struct archive *a, const char *in, struct err *e)
{
	struct archive_entry *en;
	int rc;

	while ((rc = archive_next(a, in, &en, e)) > 0) {
		if (!is_zip(a) || is_image(en))
			return 0;
	}
	return rc < 0 ? -1 : err_code(e, EXIT_INPUT, "%s: is empty", in);
}

struct archive *archive_open_image(const char *in, struct err *e)
{
	if (check_one_image(in, e) < 0)
		return NULL;
	_cleanup_archive_ struct archive *a = open_image(in, e);
	if (!a || seek_image(a, in, e) < 0)
		return NULL;
	return steal(&a);
}

int archive_read_image(
	struct archive *a, const char *in, void *p, size_t n, size_t *got, struct err *e)
{
	for (*got = 0; *got < n;) {
		la_ssize_t r = archive_read_data(a, (char *)p + *got, n - *got);
		if (r < 0)
			return archive_fail(a, in, e);
		if (r == 0)
			return 0;
		*got += (size_t)r;
	}
	return 0;
}

void archive_close_image(struct archive **a)
{
	archive_read_free(*a);
	*a = NULL;
}

int archive_decompress(
	const char *in, const char *out, uint64_t max, struct progress *p, struct err *e)
{
	_cleanup_archive_ struct archive *a = archive_open_image(in, e);
	if (!a)
		return -1;
	_cleanup_close_ int fd = open(out, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, "%s", out);
	if (decompress_to(a, in, fd, max, p, e) < 0)
		return e->code == EXIT_FAILED ? err_prefix(e, "%s", out) : -1;
	return 0;
}

char *archive_top_folder(const char *path, struct err *e)
{
	_cleanup_archive_ struct archive *a = archive_open_tree(path, e);
	struct archive_entry *entry;

	if (!a)
		return NULL;
	int rc = archive_next(a, path, &entry, e);
	if (rc <= 0) {
		if (rc == 0)
			err_code(e, EXIT_INPUT, "%s: is empty", path);
		return NULL;
	}
	const char *name = archive_name(entry);
	while (str_starts(name, "./"))
		name += 2;
	if (!*name || name[0] == '/' || name[0] == '.') {
		err_code(e, EXIT_INPUT, "%s: no top folder", path);
		return NULL;
	}
	return xstrndup(name, strcspn(name, "/"));
}

int archive_look(const char *path, const char *top, archive_look_fn *f, void *arg, struct err *e)
{
	_cleanup_archive_ struct archive *a = archive_open_tree(path, e);
	struct archive_entry *en;
	size_t n = strlen(top);
	int rc;

	if (!a)
		return -1;
	while ((rc = archive_next(a, path, &en, e)) > 0) {
		const char *name = archive_name(en);
		while (str_starts(name, "./"))
			name += 2;
		if (strncmp(name, top, n) != 0 || name[n] != '/')
			continue;
		rc = f(arg, name + n + 1, a, en, e);
		if (rc)
			break;
	}
	return rc < 0 ? -1 : 0;
}

int archive_read_head(struct archive *a, const char *path, size_t max, struct buf *b, struct err *e)
{
	const void *piece;
	size_t n;
	la_int64_t at;
	int rc = ARCHIVE_OK;

	while (b->len < max && (rc = archive_read_data_block(a, &piece, &n, &at)) == ARCHIVE_OK)
		buf_add(b, piece, n < max - b->len ? n : max - b->len);
	return rc == ARCHIVE_OK || rc == ARCHIVE_EOF ? 0 : archive_fail(a, path, e);
}

/* from: the file that is read, which may be the archive's decoded content. */
static int unpack_all(const struct unpack *u, const char *from, struct archive *a,
	struct progress *p, struct err *e)
{
	uint64_t total = p ? size_of(from) : 0;
	struct archive_entry *en;
	int rc;

	while ((rc = archive_next(a, u->path, &en, e)) > 0) {
		if (unpack_entry(u, a, en, e) < 0)
			return -1;
		if (p)
			progress_at(p, (uint64_t)archive_filter_bytes(a, -1), total);
	}
	return rc;
}

int archive_unpack_below(const char *path, const char *decoded, struct ext4 *fs, const char *dest,
	struct progress *p, struct err *e)
{
	const char *from = decoded ? decoded : path;
	_cleanup_free_ char *top = archive_top_folder(from, e);
	if (!top)
		return -1;
	_cleanup_archive_ struct archive *a = archive_open_tree(from, e);
	if (!a)
		return -1;
	struct unpack u = {.path = path, .fs = fs, .dest = dest, .top = top, .confined = true};
	return unpack_all(&u, from, a, p, e);
}

int archive_decode(const char *in, const char *out, uint64_t max, struct err *e)
{
	_cleanup_archive_ struct archive *a = archive_read_new();
	struct archive_entry *en;

	archive_support_filters(a);
	archive_read_support_format_raw(a);
	if (open_file(a, in) != ARCHIVE_OK || archive_read_next_header(a, &en) != ARCHIVE_OK)
		return archive_fail(a, in, e);
	if (archive_filter_count(a) < 2 && !xz_is(in))
		return err_code(e, EXIT_INPUT, "%s: is not compressed", in);
	_cleanup_close_ int fd = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, "%s", out);
	if (decompress_to(a, in, fd, max, NULL, e) < 0)
		return e->code == EXIT_FAILED ? err_prefix(e, "%s", out) : -1;
	return 0;
}

int archive_read_memory(const void *tar, size_t n, const char *name, struct buf *b, struct err *e)
{
	_cleanup_archive_ struct archive *a = archive_read_new();
	struct archive_entry *en;
	int rc;

	archive_read_support_format_tar(a);
	if (archive_read_open_memory(a, tar, n) != ARCHIVE_OK)
		return archive_fail(a, "tar", e);
	while ((rc = archive_next(a, "tar", &en, e)) > 0) {
		if (strcmp(archive_name(en), name) == 0)
			return archive_read_head(a, "tar", n, b, e);
	}
	return rc;
}

int archive_unpack_memory(const void *tar, size_t n, const char *top, struct ext4 *fs,
	const char *dest, struct err *e)
{
	_cleanup_archive_ struct archive *a = archive_read_new();
	struct unpack u = {
		.path = "assets", .fs = fs, .dest = dest, .top = top, .others_too = true};

	archive_read_support_format_tar(a);
	archive_read_support_format_gnutar(a);
	if (archive_read_open_memory(a, tar, n) != ARCHIVE_OK)
		return archive_fail(a, "assets", e);
	return unpack_all(&u, NULL, a, NULL, e);
}
