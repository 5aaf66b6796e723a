/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include "cache_list.h"
#include "cluster/cluster.h"
#include "input/inputs.h"

#define LIMIT_MAX (UINT64_C(20) * 1000000000)
#define LIMIT_SHARE 10

char *cache_stages_dir(void)
{
	_cleanup_free_ char *root = cache_dir();

	return xasprintf("%s/stages", root);
}

char *cache_recipe_path(const char *image)
{
	return xasprintf("%.*s.json", (int)(strlen(image) - strlen(".img")), image);
}

/* An exclusive lock is what no user of the image has left room for. */
static int lock_unused(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 ? -1 : steal_fd(&fd);
}

static bool is_in_use(const char *path)
{
	_cleanup_close_ int fd = lock_unused(path);

	return fd < 0;
}

/* "STAGE-KEY.img"; anything else is not ours. */
static bool parse_name(const char *name, struct cached *c)
{
	char end;

	return sscanf(name, "%31[a-z0-9]-%24[0-9a-f].im%c", c->stage, c->key, &end) == 3 &&
	       str_ends(name, ".img");
}

static void add(struct cache_list *l, const char *dir, const char *name)
{
	struct cached c = {0};
	struct stat st;

	if (!parse_name(name, &c))
		return;
	c.path = xasprintf("%s/%s", dir, name);
	if (stat(c.path, &st) < 0) {
		free(c.path); /* removed meanwhile */
		return;
	}
	c.bytes = (uint64_t)st.st_blocks * 512;
	c.used = st.st_mtim;
	c.in_use = is_in_use(c.path);
	l->list = xreallocarray(l->list, l->n + 1, sizeof(*l->list));
	l->list[l->n++] = c;
	l->bytes += c.bytes;
}

static int by_use(const void *a, const void *b)
{
	const struct timespec *x = &((const struct cached *)a)->used;
	const struct timespec *y = &((const struct cached *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

int cache_list_read(struct cache_list *l, const char *dir, struct err *e)
{
	DIR *d = opendir(dir);

	*l = (struct cache_list){0};
	if (!d)
		return errno == ENOENT ? 0 : err_errno(e, "%s", dir);
	for (struct dirent *de; (de = readdir(d));)
		add(l, dir, de->d_name);
	closedir(d);
	if (l->n)
		qsort(l->list, l->n, sizeof(*l->list), by_use);
	return 0;
}

void cache_list_free(struct cache_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->list[i].path);
	free(l->list);
	*l = (struct cache_list){0};
}

int cache_limit(uint64_t *max, struct err *e)
{
	_cleanup_free_ char *dir = cache_dir();
	const char *text = getenv("BRAMBLE_CACHE_MAX");
	struct statvfs fs;

	if (text && *text)
		return size_parse(text, max) == 0
			       ? 0
			       : err_code(e, EXIT_USAGE,
					 "BRAMBLE_CACHE_MAX: \"%s\" is no size (as "
					 "20GB or 512MiB)",
					 text);
	*max = LIMIT_MAX;
	if (statvfs(dir, &fs) == 0 && fs.f_blocks * fs.f_frsize / LIMIT_SHARE < LIMIT_MAX)
		*max = fs.f_blocks * fs.f_frsize / LIMIT_SHARE;
	return 0;
}

/* Under the lock: a build that opens it now sees that it has no name any more. */
static int remove_unused(const struct cached *c, uint64_t *freed, struct err *e)
{
	_cleanup_close_ int fd = lock_unused(c->path);
	_cleanup_free_ char *recipe = cache_recipe_path(c->path);

	if (fd < 0)
		return 0;
	if (unlink(c->path) < 0)
		return err_errno(e, "%s", c->path);
	unlink(recipe);
	*freed += c->bytes;
	return 0;
}

int cache_trim(const char *dir, uint64_t max, uint64_t *freed, struct err *e)
{
	_cleanup_cache_list_ struct cache_list l = {0};

	*freed = 0;
	if (cache_list_read(&l, dir, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n && l.bytes - *freed > max; i++) {
		if (remove_unused(&l.list[i], freed, e) < 0)
			return -1;
	}
	return 0;
}
