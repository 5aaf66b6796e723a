/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "cgroup.h"
#include "io.h"
#include "util.h"

#define CGROUP "/sys/fs/cgroup"
#define TRIES 100 /* times 50 ms */

struct hierarchy {
	const char *path;
	bool v2;
};

/* The roots this host has; the list ends with a NULL path. */
static const struct hierarchy *hierarchies(void)
{
	static const struct hierarchy unified[] = {{CGROUP, true}, {0}};
	static const struct hierarchy hybrid[] = {
		{CGROUP "/systemd", false}, {CGROUP "/unified", true}, {0}};
	struct statfs fs;

	if (statfs(CGROUP, &fs) == 0 && (unsigned long)fs.f_type == CGROUP2_SUPER_MAGIC)
		return unified;
	return hybrid;
}

/* For the unified hierarchy only: what the machine's systemd may control must be passed down. */
static void delegate(const char *dir)
{
	static const char *const controllers[] = {"+cpu", "+memory", "+pids", "+io", "+cpuset"};
	_cleanup_free_ char *path = xasprintf("%s/cgroup.subtree_control", dir);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* One by one: a controller the host does not pass on must not spoil the others. */
	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(controllers); i++)
		(void)!write(fd, controllers[i], strlen(controllers[i]));
}

static int write_text(const char *dir, const char *file, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, file);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -1 : io_write_full(fd, text, strlen(text));
}

int cgroup_enter(const char *group, const char *node, struct err *e)
{
	const struct hierarchy *h = hierarchies();
	size_t entered = 0;

	for (; h->path; h++) {
		if (access(h->path, F_OK) < 0)
			continue;
		_cleanup_free_ char *outer = xasprintf("%s/%s", h->path, group);
		_cleanup_free_ char *dir = xasprintf("%s/%s", outer, node);
		if (io_mkdir_p(outer, 0755, e) < 0)
			return -1;
		if (h->v2)
			delegate(outer);
		if (io_mkdir_p(dir, 0755, e) < 0)
			return -1;
		if (write_text(dir, "cgroup.procs", "0\n") < 0)
			return err_errno(e, "%s: cannot enter the control group", dir);
		entered++;
	}
	return entered ? 0 : err_set(e, "%s: no control groups here", CGROUP);
}

/* "frozen 1" in cgroup.events: freezing takes effect a moment after it is asked for. */
static bool is_frozen(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/cgroup.events", dir);
	_cleanup_buf_ struct buf b = {0};
	struct err e;

	return io_read_file(path, 4096, &b, &e) == 0 && strstr(buf_str(&b), "frozen 1");
}

bool cgroup_freeze(const char *group, const char *node, bool frozen)
{
	bool done = false;

	for (const struct hierarchy *h = hierarchies(); h->path; h++) {
		_cleanup_free_ char *dir = xasprintf("%s/%s/%s", h->path, group, node);
		if (!h->v2 || write_text(dir, "cgroup.freeze", frozen ? "1" : "0") < 0)
			continue;
		for (int i = 0; frozen && i < 200 && !is_frozen(dir); i++)
			usleep(1000);
		done = true;
	}
	return done;
}

/* nftw hands no argument on. */
static size_t killed;

static void kill_listed(const char *text)
{
	char *end;

	for (const char *s = text; *s; s = *end ? end + 1 : end) {
		pid_t pid = (pid_t)strtol(s, &end, 10);
		if (end == s)
			return;
		if (pid > 1 && pid != getpid() && kill(pid, SIGKILL) == 0)
			killed++;
	}
}

static int kill_in(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	_cleanup_buf_ struct buf b = {0};
	struct err e;

	(void)st;
	if (type != FTW_F)
		return 0;
	if (strcmp(path + ftw->base, "cgroup.freeze") == 0) {
		_cleanup_free_ char *dir = xstrndup(path, (size_t)ftw->base - 1);
		(void)!write_text(dir, "cgroup.freeze", "0");
	}
	if (strcmp(path + ftw->base, "cgroup.procs") == 0 &&
		io_read_file(path, 1 << 20, &b, &e) == 0)
		kill_listed(buf_str(&b));
	return 0;
}

int cgroup_kill(const char *group, struct err *e)
{
	for (int i = 0; i < TRIES; i++) {
		killed = 0;
		for (const struct hierarchy *h = hierarchies(); h->path; h++) {
			_cleanup_free_ char *dir = xasprintf("%s/%s", h->path, group);
			nftw(dir, kill_in, 32, FTW_PHYS);
		}
		if (!killed)
			return 0;
		usleep(50000);
	}
	return err_set(e, "%s: processes that do not die", group);
}

static int remove_group(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)ftw;
	return type == FTW_DP ? rmdir(path) : 0;
}

static int remove_below(const char *dir, struct err *e)
{
	for (int i = 0; i < TRIES; i++) {
		if (access(dir, F_OK) < 0 || nftw(dir, remove_group, 32, FTW_PHYS | FTW_DEPTH) == 0)
			return 0;
		usleep(50000); /* a killed process leaves its group when it is reaped */
	}
	return err_errno(e, "cannot remove the control group %s", dir);
}

int cgroup_remove(const char *group, struct err *e)
{
	for (const struct hierarchy *h = hierarchies(); h->path; h++) {
		_cleanup_free_ char *dir = xasprintf("%s/%s", h->path, group);
		if (remove_below(dir, e) < 0)
			return -1;
	}
	return 0;
}
