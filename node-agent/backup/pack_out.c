/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include "../leave.h"
#include "../store_at_rest.h"
#include "io.h"
#include "pack.h"
#include "pack_out.h"
#include "util.h"

#define PIECE (32u << 10)

/* What is this Neo4j's own and none of the store; at its top only. */
static const char *const left_out[] = {
	"branched",             /* stores that Neo4j itself has put aside */
	"temp-copy",            /* a copy from the master that was not finished */
	"store_lock",           /* a running Neo4j's */
	"lock", "messages.log", /* 2.x */
};

struct out {
	int fd, root;
	struct pack pack;
	struct buf buf;
};

static int flush(struct out *o, size_t least, struct err *e)
{
	if (o->buf.len < least)
		return 0;
	if (!buf_ok(&o->buf))
		return err_set(e, "out of memory");
	if (io_write_full(o->fd, o->buf.data, o->buf.len) < 0)
		return err_errno(e, "the agent takes no more");
	o->buf.len = 0;
	return 0;
}

/* As long as it was when it was opened: nobody writes to a store at rest. */
static int put_bytes(struct out *o, int fd, uint64_t size, const char *path, struct err *e)
{
	char piece[PIECE];

	while (size) {
		ssize_t n = read(fd, piece, size < PIECE ? (size_t)size : PIECE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? err_errno(e, "%s", path)
				     : err_set(e, "%s: became shorter while it was read", path);
		pack_data(&o->pack, piece, (size_t)n, &o->buf);
		size -= (size_t)n;
		if (flush(o, PIECE, e) < 0)
			return -1;
	}
	return 0;
}

static int put_file(struct out *o, const char *path, struct err *e)
{
	struct stat st;
	_cleanup_close_ int fd = io_open_plain(o->root, path, &st, e);

	if (fd < 0)
		return -1;
	pack_file(&o->pack, path, st.st_mode & 0777, (uint64_t)st.st_size, &o->buf);
	return put_bytes(o, fd, (uint64_t)st.st_size, path, e);
}

static int put_folder(struct out *o, const char *path, struct err *e);

static int put_entry(struct out *o, const char *path, struct err *e)
{
	struct stat st;

	if (!pack_path_is_good(path))
		return err_set(e, "the store has a name no store has");
	if (fstatat(o->root, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(e, "%s", path);
	if (S_ISREG(st.st_mode))
		return put_file(o, path, e);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, "%s: neither a file nor a folder", path);
	pack_dir(&o->pack, path, st.st_mode & 0777, &o->buf);
	return put_folder(o, path, e);
}

static bool is_left_out(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++) {
		if (strcmp(name, left_out[i]) == 0)
			return true;
	}
	return false;
}

/* path NULL: the top, whose `neostore` was written already. */
static int put_names(struct out *o, DIR *dir, const char *path, struct err *e)
{
	const struct dirent *d;

	while ((errno = 0, d = readdir(dir))) {
		const char *name = d->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (!path && (is_left_out(name) || strcmp(name, "neostore") == 0))
			continue;
		_cleanup_free_ char *below = path ? xasprintf("%s/%s", path, name) : xstrdup(name);
		if (put_entry(o, below, e) < 0)
			return -1;
	}
	return errno ? err_errno(e, "%s", path ? path : "the store") : 0;
}

static int put_folder(struct out *o, const char *path, struct err *e)
{
	int fd =
		openat(o->root, path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		err_errno(e, "%s", path ? path : "the store");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	int rc = put_names(o, dir, path, e);
	closedir(dir);
	return rc;
}

/* `neostore` comes first: it tells what all the rest is. */
static int put_store(struct out *o, const char *dir, struct err *e)
{
	_cleanup_free_ char *store = store_folder(dir);

	if (!store)
		return err_set(e, "there is no store to back up");
	o->root = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->root < 0)
		return err_errno(e, "%s", store);
	pack_begin(&o->pack, &o->buf);
	if (put_file(o, "neostore", e) < 0 || put_folder(o, NULL, e) < 0)
		return -1;
	pack_end(&o->pack, NULL, &o->buf);
	return flush(o, 0, e);
}

static int run(const char *dir, int fd)
{
	struct out o = {.fd = fd, .root = -1};
	struct err e;

	if (put_store(&o, dir, &e) == 0)
		return 0;
	pack_fail(e.msg, &o.buf);
	(void)flush(&o, 0, &e);
	return 1;
}

pid_t pack_out(const char *dir, int fd)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	leave_agent(fd);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* it ends with the agent */
	_exit(run(dir, fd));
}
