/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include "cmd.h"
#include "compress.h"
#include "io.h"

#define PIECE (1u << 20)
#define THREADS_MAX 8 /* an encoder of xz takes some 100 MB for each */

/*
 * xz -6 is what everybody can afford to decompress on a small machine; zstd -10 takes a tenth of
 * its time for a seventh more (1.9 GB of files, two threads: 255 s and 397 MB, 19 s and 456 MB).
 */
struct codec {
	const char *suffix;
	int (*add)(struct archive *a);
	const char *filter, *level;
};

static const struct codec codecs[] = {
	[COMPRESS_XZ] = {"xz", archive_write_add_filter_xz, "xz", "6"},
	[COMPRESS_ZST] = {"zst", archive_write_add_filter_zstd, "zstd", "10"},
};

struct job {
	struct archive *archive;
	int in, out;
	struct sha256 in_sum, out_sum;
	uint64_t size, written;
	bool given_up; /* what the encoder still has is not wanted */
	struct progress *progress;
};

const char *compress_suffix(enum compress how)
{
	return codecs[how].suffix;
}

static int fail(struct job *j, const char *path, struct err *e)
{
	const char *why = archive_error_string(j->archive);

	return err_set(e, "%s: %s", path, why ? why : "cannot compress");
}

static la_ssize_t on_write(struct archive *a, void *data, const void *p, size_t n)
{
	struct job *j = data;

	errno = ECANCELED;
	if (j->given_up || io_write_full(j->out, p, n) < 0) {
		archive_set_error(a, errno, "%s", strerror(errno));
		return -1;
	}
	sha256_add(&j->out_sum, p, n);
	j->written += n;
	return (la_ssize_t)n;
}

/*
 * One thread would choose another encoder of xz, whose output differs: never less than two, so that
 * the bytes are the same on any machine.
 */
static void set_threads(struct archive *a, const struct codec *c)
{
	char text[16];
	int n = get_nprocs();

	snprintf(text, sizeof(text), "%d", n < 2 ? 2 : n < THREADS_MAX ? n : THREADS_MAX);
	archive_write_set_filter_option(a, c->filter, "threads", text);
}

static int begin(struct job *j, const struct codec *c, const char *to, struct err *e)
{
	struct archive_entry *en = archive_entry_new();
	struct archive *a = j->archive;

	archive_entry_set_filetype(en, AE_IFREG);
	archive_entry_set_pathname(en, "image");
	int rc = archive_write_set_format_raw(a);
	if (rc == ARCHIVE_OK)
		rc = c->add(a);
	if (rc == ARCHIVE_OK)
		rc = archive_write_set_filter_option(a, c->filter, "compression-level", c->level);
	set_threads(a, c);
	/* Else the last block would be filled up with zeros. */
	archive_write_set_bytes_in_last_block(a, 1);
	if (rc == ARCHIVE_OK)
		rc = archive_write_open(a, j, NULL, on_write, NULL);
	if (rc == ARCHIVE_OK)
		rc = archive_write_header(a, en);
	archive_entry_free(en);
	return rc == ARCHIVE_OK ? 0 : fail(j, to, e);
}

static int add(struct job *j, const char *to, const void *p, size_t n, struct err *e)
{
	sha256_add(&j->in_sum, p, n);
	for (const char *c = p; n;) {
		la_ssize_t w = archive_write_data(j->archive, c, n);
		if (w <= 0)
			return fail(j, to, e);
		c += w;
		n -= (size_t)w;
	}
	return 0;
}

static int add_run(struct job *j, const char *image, const char *to, uint64_t at, uint64_t n,
	bool hole, struct err *e)
{
	_cleanup_free_ char *piece = xcalloc(1, PIECE);

	while (n) {
		size_t step = n < PIECE ? (size_t)n : PIECE;
		if (check_interrupted(e) < 0)
			return -1;
		if (!hole && io_pread_full(j->in, piece, step, (off_t)at) < 0)
			return err_errno(e, "%s", image);
		if (add(j, to, piece, step, e) < 0)
			return -1;
		at += step;
		n -= step;
		progress_at(j->progress, at, j->size);
	}
	return 0;
}

static int add_image(struct job *j, const char *image, const char *to, struct err *e)
{
	bool hole;

	for (uint64_t at = 0, n; at < j->size; at += n) {
		n = io_run_length(j->in, at, j->size, &hole);
		if (add_run(j, image, to, at, n, hole, e) < 0)
			return -1;
	}
	return 0;
}

static int finish(struct job *j, const char *to, struct err *e)
{
	if (archive_write_close(j->archive) != ARCHIVE_OK)
		return fail(j, to, e);
	return fdatasync(j->out) < 0 ? err_errno(e, "%s", to) : 0;
}

static void sum_hex(struct sha256 *s, char hex[static SHA256_HEX])
{
	uint8_t sum[SHA256_SIZE];

	sha256_end(s, sum);
	hex_encode(hex, sum, sizeof(sum));
}

static int run(struct job *j, const char *image, const char *to, const struct codec *c,
	struct compressed *made, struct err *e)
{
	sha256_begin(&j->in_sum);
	sha256_begin(&j->out_sum);
	j->archive = archive_write_new();
	int rc = begin(j, c, to, e);
	if (rc == 0)
		rc = add_image(j, image, to, e);
	if (rc == 0)
		rc = finish(j, to, e);
	/* Not archive_write_fail: after that libarchive 3.6 does not free the encoder. */
	j->given_up = rc < 0;
	archive_write_free(j->archive);
	sum_hex(&j->in_sum, made->image_sha256);
	sum_hex(&j->out_sum, made->sha256);
	return rc;
}

int compress_image(const char *image, const char *to, enum compress how, struct compressed *c,
	struct progress *p, struct err *e)
{
	struct stat st;
	_cleanup_close_ int in = open(image, O_RDONLY | O_CLOEXEC);

	if (in < 0 || fstat(in, &st) < 0)
		return err_errno(e, "%s", image);
	_cleanup_close_ int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (out < 0)
		return err_errno(e, "%s", to);
	struct job j = {.in = in, .out = out, .size = (uint64_t)st.st_size, .progress = p};
	if (run(&j, image, to, &codecs[how], c, e) < 0)
		return -1;
	c->image_size = j.size;
	c->size = j.written;
	return 0;
}
