/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include "io.h"
#include "log.h"
#include "memory.h"
#include "util.h"

#define SUM 32
#define SUM_AT (MEMORY_HEAD - SUM)

static const char format[SUM_AT + 1] = "bramble quorum3\n";

static void sum(const uint8_t *p, size_t n, uint8_t to[SUM])
{
	crypto_generichash(to, SUM, p + MEMORY_HEAD, n - MEMORY_HEAD, NULL, 0);
}

size_t memory_format(const struct durable *d, uint8_t to[])
{
	struct wire w = wire_to(to + MEMORY_HEAD, DURABLE_WIRE_MAX);
	struct durable copy = *d;

	wire_durable(&w, &copy);
	memcpy(to, format, SUM_AT);
	sum(to, MEMORY_HEAD + w.at, to + SUM_AT);
	return MEMORY_HEAD + w.at;
}

int memory_parse(const uint8_t *p, size_t n, struct durable *d)
{
	uint8_t want[SUM];

	*d = (struct durable){0};
	if (n < MEMORY_HEAD || memcmp(p, format, SUM_AT) != 0)
		return -1;
	sum(p, n, want);
	if (memcmp(p + SUM_AT, want, SUM) != 0)
		return -1;
	struct wire w = wire_from(p + MEMORY_HEAD, n - MEMORY_HEAD);
	wire_durable(&w, d);
	return wire_done(&w) ? 0 : -1;
}

static char *memory_path(const char *dir)
{
	return xasprintf("%s/bramble.quorum", dir);
}

static int begin_anew(const char *dir, struct durable *d, struct err *e)
{
	*d = (struct durable){0};
	while (d->incarnation == 0)
		randombytes_buf(&d->incarnation, sizeof(d->incarnation));
	return memory_save(dir, d, e);
}

static int put_aside(const char *path, struct err *e)
{
	_cleanup_free_ char *damaged = xasprintf("%s.damaged", path);

	log_error("%s: damaged; kept as %s, and this node has no vote until the others give it one",
		path, damaged);
	return rename(path, damaged) < 0 ? err_errno(e, "%s", path) : 0;
}

int memory_load(const char *dir, struct durable *d, struct err *e)
{
	_cleanup_free_ char *path = memory_path(dir);
	_cleanup_buf_ struct buf text = {0};

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return begin_anew(dir, d, e);
	if (io_read_plain(path, MEMORY_MAX, &text, e) < 0)
		return -1;
	if (memory_parse((const uint8_t *)text.data, text.len, d) == 0)
		return 0;
	return put_aside(path, e) < 0 ? -1 : begin_anew(dir, d, e);
}

int memory_save(const char *dir, const struct durable *d, struct err *e)
{
	_cleanup_free_ char *path = memory_path(dir);
	uint8_t text[MEMORY_MAX];
	size_t n = memory_format(d, text);

	return io_write_atomic(path, (const char *)text, n, 0600, e);
}
