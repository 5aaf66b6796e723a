/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include "guard.h"
#include "log.h"
#include "notify.h"
#include "runtime.h"
#include "util.h"

/* With the kill and what the kernel takes for it, well within QUORUM_STOP_MS. */
#define ROUND_MS 250

/* Where systemd mounts the hierarchy it keeps units in: cgroup v2, hybrid, v1. */
static const char *const hierarchies[] = {
	"/sys/fs/cgroup",
	"/sys/fs/cgroup/unified",
	"/sys/fs/cgroup/systemd",
};

static unsigned kill_all(FILE *procs)
{
	unsigned n = 0;
	long pid;

	while (fscanf(procs, "%ld", &pid) == 1) {
		if (pid > 1 && kill((pid_t)pid, SIGKILL) == 0)
			n++;
	}
	return n;
}

unsigned guard_kill(const char *root, const char *unit)
{
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
		_cleanup_free_ char *path =
			xasprintf("%s%s/system.slice/%s/cgroup.procs", root, hierarchies[i], unit);
		FILE *procs = fopen(path, "re");
		if (!procs)
			continue;
		n += kill_all(procs);
		fclose(procs);
	}
	return n;
}

static void look(const struct agent_options *o, const char *run)
{
	int64_t lease_ms = lease_load(run), now_ms = boottime_ms();

	if (now_ms < lease_ms)
		return;
	unsigned n = guard_kill(o->root, "neo4j.service");
	if (n)
		log_warn("neo4j.service: %u processes killed, the lease is over", n);
}

int guard_run(const struct agent_options *o, struct err *e)
{
	_cleanup_free_ char *run = xasprintf("%s/run/bramble", o->root);
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	if (sigprocmask(SIG_BLOCK, &ends, NULL) < 0)
		return err_errno(e, "cannot block signals");
	_cleanup_close_ int fd = signalfd(-1, &ends, SFD_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "cannot wait for signals");
	notify_ready();
	for (struct pollfd p = {.fd = fd, .events = POLLIN}; poll(&p, 1, ROUND_MS) <= 0;) {
		look(o, run);
		notify_watchdog();
	}
	return 0;
}
