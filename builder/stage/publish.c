/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The images folder: one build at a time in it, and a new set replaces the old one as a whole.
 *
 *	out/.build	the set as it is made; what is finished in it outlives a crash
 *	out/.publish	a whole set, synced: .build after one rename, which decides
 *
 * From then on its files are moved over the old ones, one rename each, after what the old set had
 * and the new one has not was removed (.publish/.stale lists it). A crash in between leaves
 * .publish, and whoever builds here next moves the rest first. The folder itself is never
 * exchanged: people keep files of their own in it, and it may be where a disk is mounted.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "io.h"
#include "pipeline.h"
#include "run.h"
#include "version.h"

#define RECIPE ".recipe"
#define STALE ".stale"

static void cleanup_closedir(DIR **d)
{
	if (*d)
		closedir(*d);
}
#define _cleanup_dir_ _cleanup_(cleanup_closedir)

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int publish_sync(const char *path, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 || fdatasync(fd) < 0 ? err_errno(e, "%s", path) : 0;
}

/* Tools get paths in it as arguments: those must not look like options. */
int publish_prepare_out(struct build *b, const struct build_options *o, struct err *e)
{
	_cleanup_free_ char *out = o->out ? xstrdup(o->out) : cluster_images_dir(b->cluster);

	if (io_mkdir_p(out, 0755, e) < 0)
		return -1;
	b->out = realpath(out, NULL);
	return b->out ? run_check_path(b->out, e) : err_errno(e, "%s", out);
}

int publish_lock(const char *out, struct err *e)
{
	int fd = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "%s", out);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	close(fd);
	return err_code(e, EXIT_BUSY, "%s: another bramble build works in it", out);
}

/* What lies in the images folder and belongs to the old set only. */
static int list_stale(const struct build *b, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/" STALE, b->work);
	_cleanup_buf_ struct buf names = {0};

	outputs_list_stale(b, &names);
	return io_write_atomic(path, buf_str(&names), names.len, 0600, e);
}

/* Idempotent: no name in the list is one of the new set. */
static int remove_stale(const char *set, const char *out, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/" STALE, set);
	_cleanup_buf_ struct buf names = {0};
	char *save = NULL;

	if (access(path, F_OK) < 0)
		return 0; /* done */
	if (io_read_file(path, 1 << 20, &names, e) < 0)
		return -1;
	for (char *n = strtok_r(names.data, "\n", &save); n; n = strtok_r(NULL, "\n", &save)) {
		_cleanup_free_ char *file = xasprintf("%s/%s", out, n);
		if (unlink(file) < 0 && errno != ENOENT)
			return err_errno(e, "%s", file);
	}
	return unlink(path) < 0 ? err_errno(e, "%s", path) : 0;
}

/* Idempotent: what was moved already is not in `from` any more. */
static int move_all(const char *from, const char *to, struct err *e)
{
	_cleanup_dir_ DIR *d = opendir(from);

	if (!d)
		return err_errno(e, "%s", from);
	for (struct dirent *de; (de = readdir(d));) {
		_cleanup_free_ char *old = xasprintf("%s/%s", from, de->d_name);
		_cleanup_free_ char *new = xasprintf("%s/%s", to, de->d_name);
		if (!is_dots(de->d_name) && rename(old, new) < 0)
			return err_errno(e, "%s", new);
	}
	return publish_sync(to, e);
}

static int finish_publishing(const char *out, const char *set, struct err *e)
{
	if (remove_stale(set, out, e) < 0 || move_all(set, out, e) < 0)
		return err_prefix(e, "the new images are whole, the next build puts the rest in "
				     "place");
	return rmdir(set) < 0 ? err_errno(e, "%s", set) : 0;
}

int publish_images(struct build *b, struct err *e)
{
	_cleanup_free_ char *set = xasprintf("%s/.publish", b->out);

	if (list_stale(b, e) < 0 || publish_sync(b->work, e) < 0)
		return -1;
	if (rename(b->work, set) < 0)
		return err_errno(e, "%s", set);
	free(steal(&b->work));
	return publish_sync(b->out, e) < 0 ? -1 : finish_publishing(b->out, set, e);
}

/* "pi1.img" and ".pi1.recipe" of an image there is; all else in .build was half-made. */
static bool may_be_finished(const struct cluster *c, const char *file)
{
	_cleanup_free_ char *name = xstrdup(file[0] == '.' ? file + 1 : file);
	char *dot = strchr(name, '.');

	if (!dot || strcmp(dot, file[0] == '.' ? RECIPE : ".img") != 0)
		return false;
	*dot = '\0';
	return cluster_image_of(c, name);
}

static int clear_work(const struct build *b, struct err *e)
{
	_cleanup_dir_ DIR *d = opendir(b->work);

	if (!d)
		return err_errno(e, "%s", b->work);
	for (struct dirent *de; (de = readdir(d));) {
		_cleanup_free_ char *path = xasprintf("%s/%s", b->work, de->d_name);
		if (is_dots(de->d_name) || may_be_finished(b->cluster, de->d_name))
			continue;
		if (io_remove_tree(path, e) < 0)
			return -1;
	}
	return 0;
}

int publish_prepare_work(struct build *b, struct err *e)
{
	_cleanup_free_ char *work = xasprintf("%s/.build", b->out);
	_cleanup_free_ char *set = xasprintf("%s/.publish", b->out);

	if (access(set, F_OK) == 0 && finish_publishing(b->out, set, e) < 0)
		return -1;
	if (mkdir(work, 0700) < 0 && errno != EEXIST)
		return err_errno(e, "%s", work);
	b->work = steal(&work);
	return clear_work(b, e);
}

/* What a build makes of a node; the recipe last: it tells that the others are ours. */
static const char *const node_files[] = {
	"%s.img", "%s.img.xz", "%s.img.zst", "%s.img.bmap", ".%s" RECIPE};

static int remove_departed(const char *out, const char *node, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(node_files); i++) {
		_cleanup_free_ char *file = xasprintf(node_files[i], node);
		_cleanup_free_ char *path = xasprintf("%s/%s", out, file);
		if (unlink(path) < 0 && errno != ENOENT)
			return err_errno(e, "%s", path);
	}
	return 0;
}

/* Another cluster's images may lie in the same folder. */
static bool is_of_this_cluster(const struct build *b, const char *node)
{
	_cleanup_free_ char *path = nodes_recipe_path(b->out, node);
	struct recipe r;

	return recipe_load(&r, path) && recipe_says(&r, NODES_CLUSTER, b->state.id);
}

/* ".pi5.recipe" -> "pi5" of a node that has left; else NULL. */
static char *departed_node(const struct build *b, const char *file)
{
	if (file[0] != '.' || !str_ends(file, RECIPE))
		return NULL;
	_cleanup_free_ char *name = xstrndup(file + 1, strlen(file) - 1 - strlen(RECIPE));
	if (cluster_image_of(b->cluster, name) || !is_of_this_cluster(b, name))
		return NULL;
	return steal(&name);
}

int publish_departed(const struct build *b, bool prune, bool quiet, struct err *e)
{
	_cleanup_dir_ DIR *d = opendir(b->out);

	if (!d)
		return err_errno(e, "%s", b->out);
	for (struct dirent *de; (de = readdir(d));) {
		_cleanup_free_ char *node = departed_node(b, de->d_name);
		if (!node)
			continue;
		if (prune && remove_departed(b->out, node, e) < 0)
			return -1;
		if (!quiet)
			fprintf(stderr, "bramble: %s/%s.img: %s has left the cluster; %s\n", b->out,
				node, node,
				prune ? "removed" : "its image stays (--prune removes it)");
	}
	return 0;
}
