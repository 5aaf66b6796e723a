/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "card.h"
#include "cgroup.h"
#include "io.h"
#include "machine.h"
#include "netns.h"
#include "run.h"

static int mount_card(const struct rehearsal *r, const struct machine *m, const char *root,
	const char *data, struct err *e)
{
	_cleanup_free_ char *root_file = machine_path(r, m, "root");
	_cleanup_free_ char *data_file = machine_path(r, m, "data");

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
		return err_errno(e, "mount namespace");
	if (io_mkdir_p(root, 0700, e) < 0 || io_mkdir_p(data, 0700, e) < 0)
		return -1;
	if (card_mount(root_file, root, false, e) < 0)
		return -1;
	return card_mount(data_file, data, false, e);
}

/* Standard streams: nothing to read, and what the machine's console says into a file. */
static int open_console(const char *path, struct err *e)
{
	_cleanup_close_ int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (in < 0 || out < 0)
		return err_errno(e, "%s", path);
	if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
		dup2(out, STDERR_FILENO) < 0)
		return err_errno(e, "%s", path);
	return 0;
}

/* The board's serial number, where the agent looks for that of a machine without a device tree. */
static int write_serial(const char *path, const char *serial, struct err *e)
{
	_cleanup_free_ char *line = xasprintf("%s\n", serial);

	return io_write_atomic(path, line, strlen(line), 0644, e);
}

static void exec_nspawn(const struct machine *m, const char *root, const char *data,
	const char *serial, struct err *e)
{
	_cleanup_free_ char *machine = xasprintf("--machine=%s", m->name);
	_cleanup_free_ char *bind = xasprintf("--bind=%s:/srv/bramble", data);
	_cleanup_free_ char *board =
		*m->serial ? xasprintf("--bind-ro=%s:/run/bramble-board/serial-number", serial)
			   : NULL;
	const char *const argv[] = {"systemd-nspawn", "--quiet", "-D", root, machine, bind,
		"--boot", "--register=no", "--keep-unit", "--network-bridge=" BRIDGE,
		"--console=read-only", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
		board, NULL};
	static const char *const environment[] = {
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};

	execve(run_find(argv[0]), (char *const *)argv, (char *const *)environment);
	err_errno(e, "%s", argv[0]);
}

/* In the child; returns only when something failed. */
static void become_machine(
	const struct rehearsal *r, const struct machine *m, pid_t parent, struct err *e)
{
	_cleanup_free_ char *root = machine_path(r, m, "p2");
	_cleanup_free_ char *data = machine_path(r, m, "p3");
	_cleanup_free_ char *console = machine_path(r, m, "console");
	_cleanup_free_ char *serial = machine_path(r, m, "serial");
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* A session of its own: Ctrl-C at the terminal is for the supervisor. */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) {
		err_set(e, "the supervisor is gone");
		return;
	}
	if (cgroup_enter(r->netns, m->node, e) == 0 && mount_card(r, m, root, data, e) == 0 &&
		write_serial(serial, m->serial, e) == 0 && open_console(console, e) == 0)
		exec_nspawn(m, root, data, serial, e);
}

/* The pipe closes on exec: an empty one means that the machine runs. */
static int read_failure(int fd, struct err *e)
{
	char text[sizeof(e->msg)];
	ssize_t n;

	while ((n = read(fd, text, sizeof(text) - 1)) < 0 && errno == EINTR)
		;
	if (n <= 0)
		return 0;
	return err_set(e, "%.*s", (int)n, text);
}

static int power_on(const struct rehearsal *r, struct machine *m, struct err *e)
{
	int fds[2];
	pid_t self = getpid();

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(e, "%s", m->node);
	_cleanup_close_ int from = fds[0], to = fds[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_errno(e, "%s", m->node);
	if (pid == 0) {
		struct err failed = {0};
		become_machine(r, m, self, &failed);
		(void)!write(to, failed.msg, strlen(failed.msg));
		_exit(EXIT_FAILED);
	}
	close(steal_fd(&to));
	if (read_failure(from, e) < 0) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return err_prefix(e, "%s", m->node);
	}
	m->pid = pid;
	m->on_ms = boottime_ms();
	m->booted_ms = m->off_ms = 0;
	m->off_why[0] = '\0';
	return 0;
}

/* What the one before had is let go by the kernel in its own time. */
int machine_boot(const struct rehearsal *r, struct machine *m, struct err *e)
{
	_cleanup_free_ char *root = machine_path(r, m, "root");
	_cleanup_free_ char *data = machine_path(r, m, "data");

	if (netns_drop_port(m, e) < 0 || card_wait_free(root, e) < 0 || card_wait_free(data, e) < 0)
		return err_prefix(e, "%s", m->node);
	return power_on(r, m, e);
}

/* Is it process 1 of a process namespace below ours? Then NSpid ends in 1. */
static bool is_leader(pid_t pid)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/status", (int)pid);
	_cleanup_buf_ struct buf b = {0};
	struct err e;

	if (io_read_file(path, 65536, &b, &e) < 0)
		return false;
	const char *line = strstr(buf_str(&b), "\nNSpid:");
	if (!line)
		return false;
	size_t n = strcspn(line + 1, "\n") + 1;
	return n > 2 && line[n - 1] == '1' && line[n - 2] == '\t';
}

pid_t machine_leader(const struct machine *m, struct err *e)
{
	_cleanup_free_ char *path =
		xasprintf("/proc/%d/task/%d/children", (int)m->pid, (int)m->pid);
	_cleanup_buf_ struct buf b = {0};
	struct err unread;
	char *end;

	if (!m->pid)
		return err_set(e, "%s has no power", m->node);
	if (io_read_file(path, 65536, &b, &unread) < 0)
		return err_set(e, "%s has no power", m->node);
	for (const char *s = buf_str(&b); *s; s = *end ? end + 1 : end) {
		pid_t pid = (pid_t)strtol(s, &end, 10);
		if (end == s)
			break;
		if (is_leader(pid))
			return pid;
	}
	return err_set(e, "%s has no process yet", m->node);
}
