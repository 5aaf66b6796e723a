/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io.h"
#include "log.h"
#include "store.h"
#include "util.h"

static const char *const stores[] = {
	"neo4j/data/databases", /* 3.x */
	"neo4j/data/graph.db",  /* 2.x */
};

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static int sync_dir(const char *path, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? err_errno(e, "%s", path) : 0;
}

static int discard(const char *store, struct err *e)
{
	if (!exists(store))
		return 0;
	log_warn("%s: Neo4j did not start on it; removed", store);
	return io_remove_tree(store, e);
}

static int put_aside(const char *dir, const char *store, unsigned number, struct err *e)
{
	_cleanup_free_ char *data = xasprintf("%s/neo4j/data", dir);
	_cleanup_free_ char *aside = xasprintf("%s-aside-%u", store, number);
	_cleanup_free_ char *older = xasprintf("%s-aside-%u", store, number - 1);

	if (exists(aside))
		return discard(store, e);
	if (!exists(store))
		return 0;
	if (rename(store, aside) < 0)
		return err_errno(e, "%s: cannot be renamed to %s", store, aside);
	log_warn("%s: Neo4j did not start on it; kept as %s", store, aside);
	return sync_dir(data, e) < 0 ? -1 : io_remove_tree(older, e);
}

int store_prepare(const char *dir, const struct marker *m, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
		_cleanup_free_ char *store = xasprintf("%s/%s", dir, stores[i]);
		int r = 0;
		if (m->state == MARKER_DISCARD)
			r = discard(store, e);
		else if (m->state == MARKER_ASIDE)
			r = put_aside(dir, store, m->aside, e);
		if (r < 0)
			return -1;
	}
	return 0;
}

/* A thread would do, but so does a child, and the agent reaps children anyway. */
pid_t store_sync(const char *dir)
{
	sigset_t none;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_exit(fd < 0 || syncfs(fd) < 0 ? 1 : 0);
}
