/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "cache.h"
#include "cache_list.h"
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
	for (size_t i = 0; i < c->nheld; i++)
		close(c->held[i]);
	free(c->held);
	free(c->work);
	free(c->dir);
	*c = CACHE_NONE;
}

/*
 * Between open and lock somebody may have removed it, or put the same image in its place: a file
 * without a name is none. The next look finds the other one, or nothing.
 */
static int open_locked(const char *path)
{
	for (;;) {
		struct stat st;
		_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || flock(fd, LOCK_SH) < 0 || fstat(fd, &st) < 0)
			return -1;
		if (st.st_nlink)
			return steal_fd(&fd);
	}
}

/* mtime is when it was used last: nothing else needs it, and atime is often off. */
static bool hold(struct cache *c, const char *path)
{
	int fd = open_locked(path);

	if (fd < 0)
		return false;
	futimens(fd, NULL);
	c->held = xreallocarray(c->held, c->nheld + 1, sizeof(*c->held));
	c->held[c->nheld++] = fd;
	return true;
}

bool cache_find(struct cache *c, const char *stage, const char *key, char **path)
{
	*path = xasprintf("%s/%s-%.24s.img", c->dir, stage, key);
	return hold(c, *path);
}

char *cache_temporary(const struct cache *c, const char *name)
{
	char *path = xasprintf("%s/%s.img", c->work, name);

	unlink(path);
	return path;
}

/* The recipe first: an image without one would be there for no known reason. */
int cache_publish(struct cache *c, const char *temporary, const char *path, const struct recipe *r,
	struct err *e)
{
	_cleanup_close_ int fd = open(temporary, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *draft = cache_recipe_path(temporary);
	_cleanup_free_ char *note = cache_recipe_path(path);

	if (fd < 0 || fdatasync(fd) < 0)
		return err_errno(e, "%s", temporary);
	if (recipe_save(r, draft, e) < 0)
		return -1;
	if (rename(draft, note) < 0 || rename(temporary, path) < 0 || !hold(c, path))
		return err_errno(e, "%s", path);
	return 0;
}

bool cache_newest_recipe(const struct cache *c, const char *stage, struct recipe *r)
{
	_cleanup_cache_list_ struct cache_list list = {0};
	struct err ignored;

	if (cache_list_read(&list, c->dir, &ignored) < 0)
		return false;
	for (size_t i = list.n; i-- > 0;) {
		if (strcmp(list.list[i].stage, stage) != 0)
			continue;
		_cleanup_free_ char *note = cache_recipe_path(list.list[i].path);
		return recipe_load(r, note);
	}
	return false;
}
