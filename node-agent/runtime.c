/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "io.h"
#include "runtime.h"
#include "util.h"

#define FILE_MAX 256

#define RUN_OUT "run %" PRIu64 " formed %d hosts %" PRIx64 " %" PRIx64 "\n"
#define RUN_IN "run %" SCNu64 " formed %d hosts %" SCNx64 " %" SCNx64
#define LEASE_OUT "%" PRId64 "\n"
#define FOLLOWED_OUT                                                             \
	"pid %" PRId64 " since %" PRId64 " log %" PRIx64 " %" PRIx64 " %" PRId64 \
	" stale %d panicked %d\n"
#define FOLLOWED_IN                                                              \
	"pid %" SCNd64 " since %" SCNd64 " log %" SCNx64 " %" SCNx64 " %" SCNd64 \
	" stale %d panicked %d"

/* Only what a save has written is believed: scanf would take half a number for a whole one. */
static PRINTF(2, 3) bool is_exactly(const struct buf *text, const char *fmt, ...)
{
	char want[FILE_MAX];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(want, sizeof(want), fmt, ap);
	va_end(ap);
	return (size_t)n == text->len && memcmp(want, buf_str(text), text->len) == 0;
}

static bool read_file(const char *dir, const char *name, struct buf *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	struct err ignored;

	return io_read_plain(path, FILE_MAX, text, &ignored) == 0;
}

static int write_file(const char *dir, const char *name, struct buf *text, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);

	return io_write_atomic(path, text->data, text->len, 0644, e);
}

void runtime_load(const char *dir, struct runtime *r)
{
	_cleanup_buf_ struct buf text = {0};
	int formed = 0;

	*r = (struct runtime){0};
	if (read_file(dir, "run", &text))
		(void)sscanf(buf_str(&text), RUN_IN, &r->run, &formed, &r->hosts.bits[0],
			&r->hosts.bits[1]);
	r->formed = formed;
	if (!is_exactly(&text, RUN_OUT, r->run, r->formed, r->hosts.bits[0], r->hosts.bits[1]))
		*r = (struct runtime){0};
}

int runtime_save(const char *dir, const struct runtime *r, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	buf_printf(&text, RUN_OUT, r->run, r->formed, r->hosts.bits[0], r->hosts.bits[1]);
	return write_file(dir, "run", &text, e);
}

int64_t lease_load(const char *dir)
{
	_cleanup_buf_ struct buf text = {0};
	int64_t lease_ms = 0;

	if (read_file(dir, "lease", &text))
		(void)sscanf(buf_str(&text), "%" SCNd64, &lease_ms);
	return is_exactly(&text, LEASE_OUT, lease_ms) ? lease_ms : 0;
}

int lease_save(const char *dir, int64_t lease_ms, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	buf_printf(&text, LEASE_OUT, lease_ms);
	return write_file(dir, "lease", &text, e);
}

static void put_followed(struct buf *to, const struct followed *f)
{
	buf_printf(to, FOLLOWED_OUT, f->pid, f->since_ms, (uint64_t)f->log.device,
		(uint64_t)f->log.inode, f->log.at, f->stale, f->panicked);
}

void followed_load(const char *dir, struct followed *f)
{
	_cleanup_buf_ struct buf text = {0}, want = {0};
	uint64_t device = 0, inode = 0;
	int stale = 0, panicked = 0;

	*f = (struct followed){0};
	if (!read_file(dir, "neo4j", &text))
		return;
	(void)sscanf(buf_str(&text), FOLLOWED_IN, &f->pid, &f->since_ms, &device, &inode,
		&f->log.at, &stale, &panicked);
	f->log.device = (dev_t)device;
	f->log.inode = (ino_t)inode;
	f->stale = stale;
	f->panicked = panicked;
	put_followed(&want, f);
	if (f->pid <= 0 || f->log.at < 0 || !is_exactly(&text, "%s", buf_str(&want)))
		*f = (struct followed){0};
}

int followed_save(const char *dir, const struct followed *f, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	put_followed(&text, f);
	return write_file(dir, "neo4j", &text, e);
}
