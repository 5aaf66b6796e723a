/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The images folder: one build at a time in it, and finished images appear by rename. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "io.h"
#include "pipeline.h"
#include "run.h"

int publish_sync(const char *path, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 || fdatasync(fd) < 0 ? err_errno(e, "%s", path) : 0;
}

static int move_out(const struct build *b, const char *name, struct err *e)
{
	_cleanup_free_ char *from = xasprintf("%s/%s", b->work, name);
	_cleanup_free_ char *to = xasprintf("%s/%s", b->out, name);

	return rename(from, to) < 0 ? err_errno(e, "%s", to) : 0;
}

/* All images are whole and on the disk before the first one replaces an older one. */
int publish_images(const struct build *b, struct err *e)
{
	for (size_t i = 0; i < b->cluster->nnodes; i++) {
		_cleanup_free_ char *name = xasprintf("%s.img", b->cluster->nodes[i].name);
		if (pipeline_wants(b, &b->cluster->nodes[i]) && move_out(b, name, e) < 0)
			return -1;
	}
	if (outputs_publish(b, e) < 0)
		return -1;
	return publish_sync(b->out, e);
}

/* The lock is the folder's own: nothing is left behind by it. */
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

/* Tools get paths in it as arguments: those must not look like options. */
int publish_prepare_out(struct build *b, const struct build_options *o, struct err *e)
{
	_cleanup_free_ char *out = o->out ? xstrdup(o->out) : cluster_images_dir(b->cluster);

	if (io_mkdir_p(out, 0755, e) < 0)
		return -1;
	b->out = realpath(out, NULL);
	return b->out ? run_check_path(b->out, e) : err_errno(e, "%s", out);
}

int publish_prepare_work(struct build *b, struct err *e)
{
	_cleanup_free_ char *work = xasprintf("%s/.build", b->out);

	if (io_remove_tree(work, e) < 0)
		return -1;
	if (mkdir(work, 0700) < 0)
		return err_errno(e, "%s", work);
	b->work = steal(&work);
	return 0;
}
