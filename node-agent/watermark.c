/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "io.h"
#include "util.h"
#include "watermark.h"

static char *watermark_path(const char *dir)
{
	return xasprintf("%s/bramble.tx", dir);
}

static void format(struct buf *text, uint64_t bound)
{
	buf_printf(text, "%" PRIu64 "\n", bound);
}

static int save(const char *dir, struct watermark *w, uint64_t bound, struct err *e)
{
	_cleanup_free_ char *path = watermark_path(dir);
	_cleanup_buf_ struct buf text = {0};

	format(&text, bound);
	if (io_write_atomic(path, text.data, text.len, 0644, e) < 0)
		return -1;
	w->bound = bound;
	return 0;
}

int watermark_load(const char *dir, struct watermark *w, struct err *e)
{
	_cleanup_free_ char *path = watermark_path(dir);
	_cleanup_buf_ struct buf text = {0};

	*w = (struct watermark){.bound = UINT64_MAX};
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (io_read_file(path, 64, &text, e) < 0)
		return -1;
	uint64_t bound = 0;
	(void)sscanf(buf_str(&text), "%" SCNu64, &bound);
	/* Half a number would be too small a bound: only what a save has written is believed. */
	_cleanup_buf_ struct buf want = {0};
	format(&want, bound);
	if (want.len == text.len && memcmp(buf_str(&want), buf_str(&text), text.len) == 0)
		w->bound = bound;
	return 0;
}

int watermark_see(const char *dir, struct watermark *w, uint64_t tx, int64_t now_ms, struct err *e)
{
	if (tx != w->seen) {
		uint64_t more = w->seen && tx > w->seen ? tx - w->seen : 0;
		w->most = more > w->most ? more : w->most;
		w->seen = tx;
		w->moved_ms = now_ms;
	}
	bool quiet = now_ms - w->moved_ms >= WATERMARK_QUIET_MS;
	if (quiet)
		w->most = 0;
	/* Half the room is left: the store may go on while this is written. */
	uint64_t room = w->most * WATERMARK_ROOM;
	bool close = tx + room / 2 > w->bound;
	if (quiet ? w->bound == tx : !close && w->bound != UINT64_MAX)
		return 0;
	return save(dir, w, tx + room, e);
}

int watermark_lower(const char *dir, struct watermark *w, uint64_t tx, struct err *e)
{
	if (tx >= w->bound)
		return 0;
	w->most = 0;
	return save(dir, w, tx, e);
}

int watermark_exact(const char *dir, struct watermark *w, uint64_t tx, struct err *e)
{
	w->seen = 0; /* what comes until it tells again is not one second's */
	return save(dir, w, tx, e);
}

int watermark_replace(const char *dir, struct watermark *w, uint64_t tx, struct err *e)
{
	*w = (struct watermark){0};
	return save(dir, w, tx, e);
}

int watermark_reset(const char *dir, struct watermark *w, struct err *e)
{
	*w = (struct watermark){0};
	return save(dir, w, 0, e);
}
