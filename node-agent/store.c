/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backup/unpack.h"
#include "io.h"
#include "leave.h"
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

	if (exists(aside)) /* what was interrupted after that is done again */
		return discard(store, e) < 0 ? -1 : io_remove_tree(older, e);
	if (!exists(store))
		return 0;
	if (rename(store, aside) < 0)
		return err_errno(e, "%s: cannot be renamed to %s", store, aside);
	log_warn("%s: Neo4j did not start on it; kept as %s", store, aside);
	return sync_dir(data, e) < 0 ? -1 : io_remove_tree(older, e);
}

/* 2.x has its store one folder higher up. */
static char *store_path(const char *dir, const struct marker *m)
{
	unsigned version = 0;
	bool old = neo4j_version_parse(m->neo4j, &version) == 0 && version < NEO4J_VERSION(3, 0);

	return xasprintf("%s/neo4j/data/%s", dir, old ? "graph.db" : "databases/graph.db");
}

/* What was unpacked takes the store's place. Without it that is done already. */
static int restore(const char *dir, const struct marker *m, struct err *e)
{
	_cleanup_free_ char *from = xasprintf("%s/" UNPACK_TO, dir);
	_cleanup_free_ char *to = store_path(dir, m);
	_cleanup_free_ char *above = xstrndup(to, (size_t)(strrchr(to, '/') - to));

	if (!exists(from))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
		_cleanup_free_ char *store = xasprintf("%s/%s", dir, stores[i]);
		if (put_aside(dir, store, m->aside, e) < 0)
			return -1;
	}
	if (io_mkdir_p(above, 0755, e) < 0)
		return -1;
	if (rename(from, to) < 0)
		return err_errno(e, "%s: cannot be renamed to %s", from, to);
	log_warn("%s: restored", to);
	return io_sync_parent(to) < 0 || io_sync_parent(from) < 0 || io_sync_parent(above) < 0
		       ? err_errno(e, "%s", to)
		       : 0;
}

int store_prepare(const char *dir, const struct marker *m, struct err *e)
{
	if (m->state == MARKER_RESTORE)
		return restore(dir, m, e);
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

void store_mend(const char *dir, const struct identity *id)
{
	_cleanup_free_ char *branched = xasprintf("%s/%s/branched", dir, stores[0]);
	unsigned version = 0;
	struct err e;

	if (neo4j_version_parse(id->neo4j, &version) < 0 || version != NEO4J_VERSION(3, 5) ||
		id->mode != NEO4J_HA || !(identity_self(id)->roles & ROLE_DATA))
		return;
	if (io_mkdir_p(branched, 0755, &e) < 0)
		log_warn("%s", e.msg);
}

/* A thread would do, but so does a child, and the agent reaps children anyway. */
pid_t store_sync(const char *dir)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	leave_agent(-1);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_exit(fd < 0 || syncfs(fd) < 0 ? 1 : 0);
}
