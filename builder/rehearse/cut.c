/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * kill -9 is no power cut: the kernel still says goodbye on every connection, and what the page
 * cache held reaches the disk. So the cable goes first; then all processes stop at once; then both
 * filesystems are shut down without their journals being flushed, after which nothing in memory
 * reaches the card any more; only then is process 1 killed. The next boot finds what the card
 * would have held and replays the journals.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "cgroup.h"
#include "machine.h"
#include "netns.h"

/* <linux/fs.h> has it since 6.15 only; ext4 as EXT4_IOC_SHUTDOWN since 4.10. */
#define IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#define SHUTDOWN_NOLOGFLUSH 2u

/*
 * where is a mount of ours in the machine's mount namespace. Whatever else may be found there must
 * not be shut down: it could be the filesystem this computer itself runs on.
 */
static int drop_unsynced(
	const struct rehearsal *r, const struct machine *m, const char *where, struct err *e)
{
	_cleanup_free_ char *dir = machine_path(r, m, where);
	_cleanup_free_ char *path = xasprintf("/proc/%d/root%s", (int)m->pid, dir);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint32_t how = SHUTDOWN_NOLOGFLUSH;
	struct stat card, host;

	if (fd < 0 || fstat(fd, &card) < 0 || stat(r->dir, &host) < 0)
		return err_errno(e, "cannot find its mounted %s", where);
	if (card.st_dev == host.st_dev)
		return err_set(e, "its %s is not mounted", where);
	if (ioctl(fd, IOC_SHUTDOWN, &how) < 0)
		return err_errno(e, "cannot cut off its %s", where);
	return 0;
}

static int wait_gone(pid_t pid, struct err *e)
{
	char state;

	for (int i = 0; i < 1500; i++) {
		_cleanup_free_ char *path = xasprintf("/proc/%d/stat", (int)pid);
		_cleanup_fclose_ FILE *f = fopen(path, "re");
		if (!f || (fscanf(f, "%*d (%*[^)]) %c", &state) == 1 && state == 'Z'))
			return 0;
		usleep(10000);
	}
	return err_set(e, "systemd-nspawn (process %d) does not end", (int)pid);
}

/* Process 1, or systemd-nspawn itself when it has just been started and there is none. */
static pid_t victim(const struct machine *m)
{
	struct err e;
	pid_t leader = -1;

	for (int i = 0; i < 100 && (leader = machine_leader(m, &e)) < 0; i++)
		usleep(10000);
	return leader > 0 ? leader : m->pid;
}

int machine_cut(const struct rehearsal *r, const struct machine *m, enum cut how, struct err *e)
{
	pid_t pid = victim(m);
	int rc = netns_unplug(m, e);

	if (how == CUT_REAL) {
		cgroup_freeze(r->netns, m->node, true);
		if (rc == 0)
			rc = drop_unsynced(r, m, "p3", e);
		if (rc == 0)
			rc = drop_unsynced(r, m, "p2", e);
	}
	/* Also after a failure: half a power cut is worse than a whole one. */
	kill(pid, SIGKILL);
	if (how == CUT_REAL)
		cgroup_freeze(r->netns, m->node, false);
	if (rc < 0)
		return err_prefix(e, "%s", m->node);
	if (wait_gone(m->pid, e) < 0 || netns_drop_port(m, e) < 0)
		return err_prefix(e, "%s", m->node);
	return 0;
}
