/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include "io.h"
#include "store_log.h"
#include "util.h"

/* By version: 3.x; 2.3; 2.2, with its store. */
static const char *const paths[] = {
	"neo4j/logs/debug.log",
	"neo4j/data/graph.db/messages.log",
	"neo4j/data/databases/graph.db/messages.log",
};

/* After the time, which is no longer than TIME_MAX. What a client sent never gets there. */
#define TIME_MAX 40

static const char *const panics[] = {
	"ERROR [o.n.k.i.DatabaseHealth] Database panic: ",
	"ERROR [o.n.k.KernelHealth] setting TM not OK. ",
};

static bool line_tells_panic(const char *line, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(panics); i++) {
		size_t head = TIME_MAX + strlen(panics[i]);
		if (memmem(line, n < head ? n : head, panics[i], strlen(panics[i])))
			return true;
	}
	return false;
}

bool store_log_tells_panic(const char *text, size_t n)
{
	const char *end = text + n;

	for (const char *line = text; line < end;) {
		const char *next = memchr(line, '\n', (size_t)(end - line));
		if (line_tells_panic(line, (size_t)((next ? next : end) - line)))
			return true;
		line = next ? next + 1 : end;
	}
	return false;
}

static int open_log(int dir, struct stat *st)
{
	struct err none;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int fd = io_open_plain(dir, paths[i], st, &none);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

/* Bytes of the log from l->at on; whole lines, and no more of the last one. */
static bool read_on(struct store_log *l, int fd, int64_t size)
{
	_cleanup_free_ char *text = malloc(STORE_LOG_MOST);

	if (!text)
		return false;
	if (size - l->at > STORE_LOG_MOST)
		l->at = size - STORE_LOG_MOST;
	ssize_t n = pread(fd, text, (size_t)(size - l->at), l->at);
	const char *last = n > 0 ? memrchr(text, '\n', (size_t)n) : NULL;
	if (!last)
		return false;
	l->at += last + 1 - text;
	return store_log_tells_panic(text, (size_t)(last - text));
}

bool store_log_follow(struct store_log *l, int dir, bool skip)
{
	struct stat st;
	_cleanup_close_ int fd = open_log(dir, &st);

	if (fd < 0)
		return false;
	bool same = st.st_ino == l->inode && st.st_dev == l->device && st.st_size >= l->at;
	if (!same)
		*l = (struct store_log){.device = st.st_dev, .inode = st.st_ino};
	if (!skip)
		return st.st_size > l->at && read_on(l, fd, st.st_size);
	l->at = st.st_size;
	return false;
}
