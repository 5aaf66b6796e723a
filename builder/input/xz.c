/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "xz.h"
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <string.h>
#include <sys/stat.h>
#include "io.h"
#include "workers.h"

#define IN (256u << 10)
#define OUT (256u << 10)
/*
 * As libarchive's: a dictionary of more is refused. Below the other one there is room for two
 * threads: each holds a block and its text, 24 MiB and some, of what dpkg-deb and xz make by
 * themselves.
 */
#define MEMORY_MAX (UINT64_C(1) << 30)
#define MEMORY_THREADS (UINT64_C(80) << 20)
#define INDEX_MEMORY_MAX (UINT64_C(16) << 20)

struct xz {
	archive_read_callback *read;
	void *arg; /* read's; NULL: this file is read */
	int fd;
	bool ended, done; /* the .xz; what is in it */
	lzma_stream z;
	uint8_t in[IN], out[OUT];
};

static void xz_free(struct xz *x)
{
	cleanup_close(&x->fd);
	lzma_end(&x->z);
	free(x);
}

static la_ssize_t read_file(struct archive *a, void *arg, const void **piece)
{
	struct xz *x = arg;
	ssize_t n;

	do
		n = read(x->fd, x->in, IN);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		archive_set_error(a, errno, "%s", strerror(errno));
	*piece = x->in;
	return n;
}

static const char *why(lzma_ret rc)
{
	static const struct {
		lzma_ret rc;
		const char *text;
	} whys[] = {
		{LZMA_MEM_ERROR, "the .xz needs too much memory"},
		{LZMA_MEMLIMIT_ERROR, "the .xz needs too much memory"},
		{LZMA_FORMAT_ERROR, "no .xz"},
		{LZMA_OPTIONS_ERROR, "an .xz of an unknown kind"},
		{LZMA_BUF_ERROR, "truncated .xz"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(whys); i++) {
		if (whys[i].rc == rc)
			return whys[i].text;
	}
	return "damaged .xz";
}

static int refill(struct archive *a, struct xz *x)
{
	const void *piece;
	la_ssize_t n = x->read(a, x->arg ? x->arg : x, &piece);

	if (n < 0)
		return -1;
	x->ended = n == 0;
	x->z.next_in = piece;
	x->z.avail_in = (size_t)n;
	return 0;
}

static la_ssize_t decode(struct archive *a, void *arg, const void **piece)
{
	struct xz *x = arg;
	lzma_ret rc = x->done ? LZMA_STREAM_END : LZMA_OK;

	x->z.next_out = x->out;
	x->z.avail_out = OUT;
	while (rc == LZMA_OK && x->z.avail_out) {
		if (!x->z.avail_in && !x->ended && refill(a, x) < 0)
			return ARCHIVE_FATAL;
		rc = lzma_code(&x->z, x->ended ? LZMA_FINISH : LZMA_RUN);
	}
	if (rc != LZMA_OK && rc != LZMA_STREAM_END) {
		archive_set_error(a, EINVAL, "%s", why(rc));
		return ARCHIVE_FATAL;
	}
	x->done = rc == LZMA_STREAM_END;
	*piece = x->out;
	return (la_ssize_t)(OUT - x->z.avail_out);
}

static int end(struct archive *a, void *arg)
{
	(void)a;
	xz_free(arg);
	return ARCHIVE_OK;
}

/* libarchive calls end() whether it opens or not. */
static int start(struct archive *a, struct xz *x)
{
	lzma_mt how = {
		.flags = LZMA_CONCATENATED,
		.threads = workers_processors(),
		.memlimit_threading = MEMORY_THREADS,
		.memlimit_stop = MEMORY_MAX,
	};
	lzma_ret rc = lzma_stream_decoder_mt(&x->z, &how);

	if (rc == LZMA_OK)
		return archive_read_open(a, x, NULL, decode, end);
	archive_set_error(a, ENOMEM, "%s", why(rc));
	xz_free(x);
	return ARCHIVE_FATAL;
}

int xz_open(struct archive *a, archive_read_callback *read, void *arg)
{
	struct xz *x = xcalloc(1, sizeof(*x));

	*x = (struct xz){.read = read, .arg = arg, .fd = -1};
	return start(a, x);
}

int xz_open_file(struct archive *a, const char *path)
{
	struct xz *x = xcalloc(1, sizeof(*x));

	*x = (struct xz){.read = read_file, .fd = open(path, O_RDONLY | O_CLOEXEC)};
	if (x->fd >= 0)
		return start(a, x);
	archive_set_error(a, errno, "%s", strerror(errno));
	xz_free(x);
	return ARCHIVE_FATAL;
}

bool xz_is(const char *path)
{
	static const uint8_t magic[] = {0xfd, '7', 'z', 'X', 'Z', 0};
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t head[sizeof(magic)];

	return fd >= 0 && io_pread_full(fd, head, sizeof(head), 0) == 0 &&
	       memcmp(head, magic, sizeof(magic)) == 0;
}

/* The decoder says where in the file it wants to read on. */
static lzma_ret read_index(lzma_stream *z, int fd)
{
	uint8_t piece[8192];
	off_t at = 0;

	for (;;) {
		if (!z->avail_in) {
			ssize_t n = pread(fd, piece, sizeof(piece), at);
			if (n <= 0)
				return LZMA_DATA_ERROR;
			at += n;
			z->next_in = piece;
			z->avail_in = (size_t)n;
		}
		lzma_ret rc = lzma_code(z, LZMA_RUN);
		if (rc == LZMA_SEEK_NEEDED) {
			at = (off_t)z->seek_pos;
			z->avail_in = 0;
		} else if (rc != LZMA_OK) {
			return rc;
		}
	}
}

uint64_t xz_size(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	lzma_stream z = LZMA_STREAM_INIT;
	lzma_index *index = NULL;
	struct stat st;
	uint64_t size = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	if (lzma_file_info_decoder(&z, &index, INDEX_MEMORY_MAX, (uint64_t)st.st_size) == LZMA_OK &&
		read_index(&z, fd) == LZMA_STREAM_END)
		size = lzma_index_uncompressed_size(index);
	lzma_index_end(index, NULL);
	lzma_end(&z);
	return size;
}
