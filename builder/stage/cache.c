/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include "cache.h"
#include "input/inputs.h"
#include "io.h"
#include "run.h"

#define WORK ".work-"

static void cleanup_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int lock_folder(const char *path, int flags)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || flock(fd, LOCK_EX | flags) < 0 ? -1 : steal_fd(&fd);
}

/* Folders of builds that were killed: nobody holds their lock. */
static int remove_stale(const char *dir, struct err *e)
{
	_cleanup_(cleanup_closedir) DIR *d = opendir(dir);

	if (!d)
		return err_errno(e, "%s", dir);
	for (struct dirent *de; (de = readdir(d));) {
		if (!str_starts(de->d_name, WORK))
			continue;
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, de->d_name);
		_cleanup_close_ int lock = lock_folder(path, LOCK_NB);
		if (lock >= 0 && io_remove_tree(path, e) < 0)
			return -1;
	}
	return 0;
}

/* The cache's own lock is held meanwhile, or a folder could be taken for stale before its lock. */
static int make_work(struct cache *c, struct err *e)
{
	_cleanup_free_ char *work = xasprintf("%s/" WORK "XXXXXX", c->dir);
	_cleanup_close_ int all = lock_folder(c->dir, 0);

	if (all < 0)
		return err_errno(e, "%s", c->dir);
	if (remove_stale(c->dir, e) < 0)
		return -1;
	if (!mkdtemp(work))
		return err_errno(e, "%s", work);
	c->work = steal(&work);
	c->lock = lock_folder(c->work, LOCK_NB);
	return c->lock < 0 ? err_errno(e, "%s", c->work) : 0;
}

int cache_open(struct cache *c, struct err *e)
{
	_cleanup_free_ char *root = cache_dir();
	_cleanup_free_ char *dir = xasprintf("%s/stages", root);

	if (io_mkdir_p(dir, 0700, e) < 0)
		return -1;
	c->dir = realpath(
		dir, NULL); /* tools get it as an argument: it must not look like an option */
	if (!c->dir)
		return err_errno(e, "%s", dir);
	return run_check_path(c->dir, e) < 0 ? -1 : make_work(c, e);
}

void cache_close(struct cache *c)
{
	struct err e;

	if (c->work && io_remove_tree(c->work, &e) < 0)
		fprintf(stderr, "bramble: %s\n", e.msg);
	cleanup_close(&c->lock);
	free(c->work);
	free(c->dir);
	*c = CACHE_NONE;
}

bool cache_find(const struct cache *c, const char *stage, const char *key, char **path)
{
	*path = xasprintf("%s/%s-%.24s.img", c->dir, stage, key);
	return access(*path, R_OK) == 0;
}

char *cache_temporary(const struct cache *c, const char *name)
{
	char *path = xasprintf("%s/%s.img", c->work, name);

	unlink(path);
	return path;
}

int cache_publish(const char *temporary, const char *path, struct err *e)
{
	_cleanup_close_ int fd = open(temporary, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fdatasync(fd) < 0 || rename(temporary, path) < 0)
		return err_errno(e, "%s", path);
	return 0;
}
