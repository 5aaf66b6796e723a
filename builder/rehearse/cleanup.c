/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include "cgroup.h"
#include "cleanup.h"
#include "io.h"
#include "netns.h"
#include "run.h"

/* systemd-nspawn removes this itself unless it was killed. */
static void remove_nspawn_leftovers(const struct rehearsal *r)
{
	static const char *const where[] = {
		"/run/systemd/nspawn/propagate/%s",
		"/run/systemd/nspawn/unix-export/%s",
	};

	for (size_t i = 0; i < r->nmachines; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(where); k++) {
			_cleanup_free_ char *path = xasprintf(where[k], r->machines[i].name);
			(void)rmdir(path);
		}
	}
}

/*
 * Mounts in a dead machine's namespace may outlive its processes for a moment, and a file under a
 * mount elsewhere cannot be removed: hence several tries.
 */
static int remove_dir(const char *dir, struct err *e)
{
	for (int i = 0; i < 40; i++) {
		*e = (struct err){0};
		if (io_remove_tree(dir, e) == 0)
			return 0;
		usleep(50000);
	}
	return -1;
}

static void remove_record(const char *cluster)
{
	static const char *const suffixes[] = {"sock", "json"};

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		_cleanup_free_ char *path = rehearsal_run_path(cluster, suffixes[i]);
		(void)unlink(path);
	}
}

int cleanup_all(const struct rehearsal *r, struct err *e)
{
	if (cgroup_kill(r->netns, e) < 0 || cgroup_remove(r->netns, e) < 0 ||
		netns_remove(r->netns, e) < 0)
		return err_prefix(e, "cleaning up");
	remove_nspawn_leftovers(r);
	if (r->dir[0] == '/' && remove_dir(r->dir, e) < 0)
		return err_prefix(e, "cleaning up");
	remove_record(r->cluster);
	return 0;
}

/* flock(2) does not tell whose it is, and children share it; this kind is one process's. */
void cleanup_answer_for(int lock)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	while (fcntl(lock, F_SETLKW, &all) < 0 && errno == EINTR)
		;
}

pid_t cleanup_holder(const char *cluster)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	_cleanup_free_ char *path = rehearsal_run_path(cluster, "lock");
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_GETLK, &all) < 0 || all.l_type == F_UNLCK)
		return 0;
	return all.l_pid;
}

int cleanup_lock(const char *cluster, struct err *e)
{
	_cleanup_free_ char *path = rehearsal_run_path(cluster, "lock");

	if (io_mkdir_p(REHEARSAL_RUN_DIR, 0700, e) < 0)
		return -1;
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(e, "%s", path);
	/* The children of a supervisor that was killed hold its lock until they are gone too. */
	int tries = 20;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK && --tries)
		usleep(100000);
	if (!tries)
		return err_code(e, EXIT_BUSY,
			"a rehearsal of %s is running; `bramble rehearse stop` ends it", cluster);
	return steal_fd(&fd);
}
