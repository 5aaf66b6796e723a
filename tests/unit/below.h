/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TEST_BELOW_H
#define BRAMBLE_TEST_BELOW_H

#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "io.h"
#include "util.h"

/* Files below a folder that stands for a card. A test that cannot write one ends. */
static inline void put_below(const char *root, const char *path, const char *text, mode_t mode)
{
	_cleanup_free_ char *whole = xasprintf("%s%s", root, path);
	_cleanup_free_ char *dir = xstrndup(whole, (size_t)(strrchr(whole, '/') - whole));
	struct err e;

	if (io_mkdir_p(dir, 0755, &e) < 0 ||
		io_write_atomic(whole, text, strlen(text), mode, &e) < 0)
		exit(1);
}

/* "-": there is none. Until the next one is asked for. */
static inline const char *get_below(const char *root, const char *path)
{
	static struct buf text;
	_cleanup_free_ char *whole = xasprintf("%s%s", root, path);
	struct err e;

	buf_free(&text);
	return io_read_file(whole, 10000, &text, &e) < 0 ? "-" : buf_str(&text);
}

#endif
