/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a pack, in two pieces. What must hold: every name that comes out stays below its
 * folder, no file gets more or fewer bytes than it says, and what is whole is so in any pieces.
 */
#include "fuzz.h"
#include "pack.h"

static uint64_t left;
static bool open_file;

static int see_dir(void *arg, const char *path, unsigned mode, struct err *e)
{
	(void)arg, (void)e;
	must(pack_path_is_good(path) && mode <= 0777 && !open_file);
	return 0;
}

static int see_file(void *arg, const char *path, unsigned mode, uint64_t size, struct err *e)
{
	must(see_dir(arg, path, mode, e) == 0);
	left = size;
	open_file = true;
	return 0;
}

static int see_data(void *arg, const void *p, size_t n, struct err *e)
{
	(void)arg, (void)p, (void)e;
	must(open_file && n <= left);
	left -= n;
	return 0;
}

static int see_end(void *arg, struct err *e)
{
	(void)arg, (void)e;
	must(open_file && !left);
	open_file = false;
	return 0;
}

static int read_pieces(const uint8_t *data, size_t size, size_t first)
{
	static const struct pack_sink sink = {
		.dir = see_dir, .file = see_file, .data = see_data, .file_end = see_end};
	struct pack_reader r;
	struct err e;

	open_file = false;
	pack_reader_begin(&r);
	int rc = pack_read(&r, data, first, &sink, &e);
	if (rc >= 0 && first < size)
		rc = pack_read(&r, data + first, size - first, &sink, &e);
	pack_reader_end(&r);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int whole = read_pieces(data, size, size);

	must(read_pieces(data, size, size / 2) == whole);
	return 0;
}
