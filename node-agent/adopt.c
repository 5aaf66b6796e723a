/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "adopt.h"
#include "marker.h"
#include "util.h"

/* As the builder makes it: the agent adds files and replaces its own, and nobody else's. */
#define TOP_MODE 01775

static int adopt_top(int top, const struct stat *agent)
{
	struct stat st;

	if (fstat(top, &st) < 0)
		return -1;
	if (st.st_uid == 0 && st.st_gid == agent->st_gid && (st.st_mode & 07777) == TOP_MODE)
		return 0;
	return fchown(top, 0, agent->st_gid) < 0 ? -1 : fchmod(top, TOP_MODE);
}

/* Opened and not followed: what is looked at is what is changed. */
static int adopt_file(int top, const char *name, const struct stat *agent)
{
	_cleanup_close_ int fd = openat(top, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid == agent->st_uid)
		return 0;
	return fchownat(fd, "", agent->st_uid, agent->st_gid, AT_EMPTY_PATH);
}

static int adopt_all(const char *store, const struct stat *agent, struct err *e)
{
	DIR *dir = opendir(store);

	if (!dir)
		return err_errno(e, "%s", store);
	int r = adopt_top(dirfd(dir), agent);
	for (struct dirent *d; r == 0 && (d = readdir(dir));) {
		if (str_starts(d->d_name, "bramble."))
			r = adopt_file(dirfd(dir), d->d_name, agent);
	}
	if (r < 0)
		err_errno(e, "%s", store);
	closedir(dir);
	return r;
}

int adopt_run(const struct agent_options *o, struct err *e)
{
	_cleanup_free_ char *secret = xasprintf("%s/etc/bramble/cluster.secret", o->root);
	_cleanup_free_ char *store = xasprintf("%s/srv/bramble", o->root);
	struct identity id;
	struct marker m;
	struct stat agent;

	if (identity_load_root(o->root, &id, e) < 0)
		return -1;
	if (stat(secret, &agent) < 0)
		return err_errno(e, "%s", secret);
	return marker_check(store, &id, &m, e) < 0 ? -1 : adopt_all(store, &agent, e);
}
