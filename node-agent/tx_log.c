/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io.h"
#include "tx_log.h"
#include "util.h"

#define NAME "neostore.transaction.db."
#define HEADER 16
#define FORMAT_MOST 7 /* 6 in 2.2 to 3.5 (LogVersions.CURRENT_LOG_VERSION) */
#define COMMIT 18
#define COMMIT_TYPE 5              /* LogEntryByteCodes.TX_1P_COMMIT, TX_COMMIT since 3.4 */
#define CHECKPOINT_TYPE 7          /* likewise; as long as a commit (writeCheckPointEntry) */
#define VERSION_LEAST 0xf0         /* -2 in 2.2 to -10 in 3.5 (LogEntryVersion), and a few more */
#define TIME_MOST 0x7ffffffffffULL /* of milliseconds: the year 2248 */
#define LEAST 48                   /* bytes of a transaction: its start and its commit */
#define UNDER_WAY 10000            /* commits at most that a header written meanwhile leaves out */
#define BLOCK 16384

static uint64_t be64(const uint8_t *p)
{
	uint64_t v = 0;

	for (size_t i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

/* What follows an entry: another one, or nothing, which may be zeros after a power cut. */
static bool is_start(uint8_t next)
{
	return next >= VERSION_LEAST || next == 0;
}

static bool is_entry(const uint8_t *p, uint8_t type)
{
	return p[0] >= VERSION_LEAST && p[1] == type;
}

static bool is_commit(const uint8_t *p, const struct tx_range *range)
{
	return is_entry(p, COMMIT_TYPE) && be64(p + 2) > range->above &&
	       be64(p + 2) <= range->most && be64(p + 10) <= TIME_MOST;
}

uint64_t tx_log_scan(const uint8_t *p, size_t n, bool end, const struct tx_range *range)
{
	uint64_t last = 0;

	for (size_t i = 0; i + COMMIT <= n; i++) {
		bool whole = i + COMMIT < n ? is_start(p[i + COMMIT]) : end;
		if (whole && is_commit(p + i, range) && be64(p + i + 2) > last)
			last = be64(p + i + 2);
	}
	return last;
}

static bool is_idle(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i + COMMIT <= n && is_entry(p + i, CHECKPOINT_TYPE))
		i += COMMIT;
	while (i < n && p[i] == 0)
		i++;
	return i == n;
}

bool tx_log_ends(const uint8_t *p, size_t n, uint64_t last)
{
	for (size_t i = 0; i + COMMIT <= n; i++) {
		if (is_entry(p + i, COMMIT_TYPE) && be64(p + i + 2) == last &&
			is_idle(p + i + COMMIT, n - i - COMMIT))
			return true;
	}
	return false;
}

/* One file of a log. */
struct log_file {
	int fd;
	struct stat st;
	uint64_t before; /* what was committed before it */
};

static void log_file_cleanup(struct log_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
}

/* What begins in [at, to), and ends there or right behind it. */
static int scan(const struct log_file *f, int64_t at, int64_t to, uint64_t *last, struct err *e)
{
	const int64_t size = f->st.st_size, end = to + COMMIT < size ? to + COMMIT : size;
	const struct tx_range range = {
		.above = f->before, .most = f->before + (uint64_t)size / LEAST + UNDER_WAY};
	uint8_t block[BLOCK];

	while (at < to) {
		size_t n = end - at < BLOCK ? (size_t)(end - at) : BLOCK;
		bool whole = at + (int64_t)n == end;
		if (io_pread_full(f->fd, block, n, at) < 0)
			return err_errno(e, "cannot be read");
		uint64_t found = tx_log_scan(block, n, whole && end == size, &range);
		*last = found > *last ? found : *last;
		at += whole ? (int64_t)n : (int64_t)n - COMMIT;
	}
	return 0;
}

/* From its end on, until something is found. *last: 0 where it holds no commit. */
static int search(const struct log_file *f, uint64_t *last, struct err *e)
{
	int64_t from = f->st.st_size;

	*last = 0;
	while (!*last && from > HEADER && f->st.st_size - from < TX_LOG_MOST) {
		int64_t to = from;
		from = to - TX_LOG_TAIL > HEADER ? to - TX_LOG_TAIL : HEADER;
		if (scan(f, from, to, last, e) < 0)
			return -1;
	}
	if (*last || from <= HEADER)
		return 0;
	return err_set(e, "no commit is found in its last %u MiB", TX_LOG_MOST >> 20);
}

static bool ends_with(const struct log_file *f, uint64_t last)
{
	size_t n = f->st.st_size < BLOCK ? (size_t)f->st.st_size : BLOCK;
	uint8_t block[BLOCK];

	return io_pread_full(f->fd, block, n, f->st.st_size - (int64_t)n) == 0 &&
	       tx_log_ends(block, n, last);
}

/* Of a file that was only being begun not even the header is there. */
static int read_header(struct log_file *f, struct err *e)
{
	uint8_t head[HEADER];

	if (f->st.st_size < HEADER)
		return 0;
	if (io_pread_full(f->fd, head, sizeof(head), 0) < 0)
		return err_errno(e, "cannot be read");
	f->before = be64(head + 8);
	if (head[0] > FORMAT_MOST || f->before > INT64_MAX)
		return err_set(e, "not of a Neo4j this bramble knows");
	return 0;
}

/* 0: there is none of that number. */
static int open_file(const char *path, struct log_file *f, struct err *e)
{
	f->fd = io_open_plain(AT_FDCWD, path, &f->st, e);
	if (f->fd < 0)
		return errno == ENOENT ? 0 : -1;
	return read_header(f, e) < 0 ? err_prefix(e, "%s", path) : 1;
}

static void mark(struct tx_log *l, const struct stat *st)
{
	l->device = st->st_dev;
	l->inode = st->st_ino;
	l->size = st->st_size;
	l->time = st->st_mtim;
}

static bool is_as_it_was(const struct tx_log *l, const struct stat *st)
{
	return l->device == st->st_dev && l->inode == st->st_ino && l->size == st->st_size &&
	       l->time.tv_sec == st->st_mtim.tv_sec && l->time.tv_nsec == st->st_mtim.tv_nsec;
}

/* One file more. 1: no older one is needed. */
static int read_file(const char *folder, uint64_t n, bool newest, struct tx_log *l, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/" NAME "%" PRIu64, folder, n);
	_cleanup_(log_file_cleanup) struct log_file f = {.fd = -1};
	uint64_t last;
	int r = open_file(path, &f, e);

	if (r >= 0 && newest && is_as_it_was(l, &f.st))
		return l->unclear ? err_set(e, "%s: is unclear as it was", path) : 1;
	if (newest)
		mark(l, &f.st);
	if (r <= 0)
		return r < 0 ? -1 : 1;
	if (search(&f, &last, e) < 0)
		return err_prefix(e, "%s", path);
	if (newest)
		l->exact = last > f.before && ends_with(&f, last);
	if (newest || l->last < f.before)
		l->last = f.before;
	l->last = last > l->last ? last : l->last;
	return last || n == 0;
}

/*
 * What was being committed when a file was begun is neither in it nor counted by its header, but in
 * the file before.
 */
static int read_files(const char *folder, uint64_t newest, struct tx_log *l, struct err *e)
{
	int r = 0;

	for (uint64_t n = newest; r == 0; n--)
		r = read_file(folder, n, n == newest, l, e);
	l->unclear = r < 0;
	return r < 0 ? -1 : 0;
}

static void dir_cleanup(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static bool is_file_of_log(const char *name, uint64_t *n)
{
	char *end;

	if (strncmp(name, NAME, strlen(NAME)) != 0 || !isdigit((unsigned char)name[strlen(NAME)]))
		return false;
	errno = 0;
	*n = strtoull(name + strlen(NAME), &end, 10);
	return !errno && !*end;
}

/* *newest: the highest number of a log's file; 0: there is none. */
static int find_newest(const char *folder, uint64_t *newest, struct err *e)
{
	_cleanup_(dir_cleanup) DIR *dir = opendir(folder);
	const struct dirent *d;
	uint64_t n;
	int found = 0;

	*newest = 0;
	if (!dir)
		return err_errno(e, "%s", folder);
	while ((d = readdir(dir))) {
		if (!is_file_of_log(d->d_name, &n))
			continue;
		*newest = n > *newest ? n : *newest;
		found = 1;
	}
	return found;
}

int tx_log_read(const char *folder, struct tx_log *l, struct err *e)
{
	uint64_t newest;
	int r = find_newest(folder, &newest, e);

	if (r < 0)
		return -1;
	if (r > 0)
		return read_files(folder, newest, l, e);
	*l = (struct tx_log){0};
	return 0;
}
