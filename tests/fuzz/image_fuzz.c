/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a compressed image, once into a file and once as flash streams it onto cards: both
 * take it or refuse it, and what they take is the same.
 */
// mutations: 400
// use: builder/input/xz.c builder/workers.c
// use: builder/input/archive.c builder/input/unpack.c builder/image/ext4.c
// use: builder/image/ext4_edit.c builder/image/sparse.c builder/progress.c builder/run.c
#include "builder/input/archive.h"
#include "cmd.h"
#include "fuzz.h"

#define IMAGE_MAX (1u << 20)

volatile int interrupted;

int check_interrupted(struct err *e)
{
	(void)e;
	return 0;
}

/* *n: how much of it there is; -1: refused. */
static int stream(const char *path, uint8_t *out, size_t *n, struct err *e)
{
	struct archive *a = archive_open_image(path, e);
	int rc = a ? archive_read_image(a, path, out, IMAGE_MAX + 1, n, e) : -1;

	archive_close_image(&a);
	return rc;
}

static void must_hold(const char *file, const uint8_t *data, size_t n)
{
	static uint8_t back[IMAGE_MAX + 1];
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	must(fd >= 0 && pread(fd, back, sizeof(back), 0) == (ssize_t)n);
	must(memcmp(back, data, n) == 0);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t streamed[IMAGE_MAX + 1];
	static char out[64];
	const char *path = fuzz_file(data, size, 0);
	struct progress p = {0};
	struct err e = {0}, f = {0};
	size_t n = 0;

	snprintf(out, sizeof(out), "/tmp/bramble-fuzz-image-%d", (int)getpid());
	int whole = archive_decompress(path, out, IMAGE_MAX, &p, &e);
	int stream_rc = stream(path, streamed, &n, &f);
	must(whole == 0 || (e.code && e.msg[0]));
	must(stream_rc == 0 || (f.code && f.msg[0]));
	if (whole == 0) {
		must(stream_rc == 0);
		must_hold(out, streamed, n);
	} else {
		must(stream_rc < 0 || n > IMAGE_MAX);
	}
	unlink(out);
	return 0;
}
