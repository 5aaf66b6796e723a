/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "card.h"
#include "enter.h"
#include "io.h"
#include "machine.h"
#include "run.h"

/* In the order they must be entered: the mount namespace last, /proc is ours until then. */
static const struct {
	const char *name;
	int type;
} namespaces[] = {
	{"cgroup", CLONE_NEWCGROUP},
	{"ipc", CLONE_NEWIPC},
	{"uts", CLONE_NEWUTS},
	{"net", CLONE_NEWNET},
	{"pid", CLONE_NEWPID},
	{"mnt", CLONE_NEWNS},
};

static int open_proc(pid_t pid, const char *what, int flags)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/%s", (int)pid, what);

	return open(path, flags | O_CLOEXEC);
}

/* CapBnd of the machine's process 1. */
static int read_bounding_set(pid_t leader, uint64_t *set, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/status", (int)leader);
	_cleanup_buf_ struct buf b = {0};

	if (io_read_file(path, 65536, &b, e) < 0)
		return -1;
	const char *line = strstr(buf_str(&b), "\nCapBnd:");
	if (!line)
		return err_set(e, "%s: no CapBnd", path);
	*set = strtoull(line + strlen("\nCapBnd:"), NULL, 16);
	return 0;
}

static int drop_rights(uint64_t keep, struct err *e)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if (!(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return err_errno(e, "cannot give up capability %d", cap);
	}
	return 0;
}

static int enter(pid_t leader, struct err *e)
{
	int fds[ARRAY_SIZE(namespaces)];
	_cleanup_close_ int root = open_proc(leader, "root", O_RDONLY | O_DIRECTORY);
	uint64_t keep = 0;
	int rc = root < 0 ? -1 : 0;

	if (read_bounding_set(leader, &keep, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		_cleanup_free_ char *what = xasprintf("ns/%s", namespaces[i].name);
		fds[i] = open_proc(leader, what, O_RDONLY);
	}
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		if (rc == 0 && (fds[i] < 0 || setns(fds[i], namespaces[i].type) < 0))
			rc = -1;
		if (fds[i] >= 0)
			close(fds[i]);
	}
	if (rc < 0 || fchdir(root) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return err_errno(e, "cannot enter the machine");
	return drop_rights(keep, e);
}

static void reset_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		signal(signals[i], SIG_DFL);
}

static void exec_inside(const char *const argv[])
{
	const char *term = getenv("TERM");
	_cleanup_free_ char *term_env = xasprintf("TERM=%s", term ? term : "dumb");
	const char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
		"LC_ALL=C.UTF-8", term_env, NULL};

	reset_signals();
	execvpe(argv[0], (char *const *)argv, (char *const *)environment);
	fprintf(stderr, "bramble: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Ctrl-C reaches the command too: its end is what is waited for. */
static int wait_status(pid_t pid, struct err *e)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_errno(e, "wait");
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/*
 * In a child: after setns the process namespace counts for its own children only, and nothing of
 * this program should go on half in the machine and half outside.
 */
static void exec_as_child(const struct machine *m, pid_t leader, const char *const argv[])
{
	struct err e = {0};
	int status = -1;

	if (enter(leader, &e) == 0) {
		pid_t pid = fork();
		if (pid == 0)
			exec_inside(argv);
		status = pid < 0 ? err_errno(&e, "fork") : wait_status(pid, &e);
	}
	if (status < 0)
		fprintf(stderr, "bramble: %s: %s\n", m->node, e.msg);
	_exit(status < 0 ? EXIT_FAILED : status);
}

int enter_exec(const struct machine *m, const char *const argv[], struct err *e)
{
	pid_t leader = machine_leader(m, e);

	if (leader < 0)
		return -1;
	pid_t pid = fork();
	if (pid < 0)
		return err_errno(e, "%s", m->node);
	if (pid == 0)
		exec_as_child(m, leader, argv);
	return wait_status(pid, e);
}

static int mount_stopped(const struct rehearsal *r, const struct machine *m, struct err *e)
{
	_cleanup_free_ char *file = machine_path(r, m, "root");
	_cleanup_free_ char *dir = machine_path(r, m, "p2");

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
		return err_errno(e, "mount namespace");
	return card_mount(file, dir, true, e);
}

/* In a mount namespace of our own: the mount goes when we do. */
static int logs_of_stopped(
	const struct rehearsal *r, const struct machine *m, const char *const argv[], struct err *e)
{
	if (mount_stopped(r, m, e) < 0)
		return -1;
	pid_t pid = fork();
	if (pid < 0)
		return err_errno(e, "%s", m->node);
	if (pid == 0)
		exec_inside(argv);
	return wait_status(pid, e);
}

int enter_logs(const struct rehearsal *r, const struct machine *m, char *const args[], size_t nargs,
	struct err *e)
{
	struct err off = {0};
	bool running = machine_leader(m, &off) > 0;
	_cleanup_free_ char *dir = machine_path(r, m, "p2/var/log/journal");
	_cleanup_free_ const char **argv = xcalloc(nargs + 5, sizeof(*argv));
	size_t n = 0;

	argv[n++] = "journalctl";
	argv[n++] = "--no-pager";
	if (!running) {
		argv[n++] = "-D";
		argv[n++] = dir;
	}
	for (size_t i = 0; i < nargs; i++)
		argv[n++] = args[i];
	return running ? enter_exec(m, argv, e) : logs_of_stopped(r, m, argv, e);
}
