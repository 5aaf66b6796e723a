/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ssh.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include "cmd.h"
#include "util.h"

#define PIECE 4096

static int start(const char *host, const char *command, int out, pid_t *pid)
{
	const char *argv[] = {"ssh", "-o", "ConnectTimeout=10", "--", host, command, NULL};
	posix_spawn_file_actions_t fa;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
	int rc = posix_spawnp(pid, "ssh", &fa, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	return rc;
}

static int read_all(int fd, size_t max, struct buf *out, struct err *e)
{
	for (;;) {
		char piece[PIECE];
		ssize_t n = read(fd, piece, sizeof(piece));
		if (check_interrupted(e) < 0)
			return -1;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "read");
		if (n == 0)
			return 0;
		if ((size_t)n > max - out->len)
			return err_code(e, EXIT_INPUT, "says more than it was asked for");
		buf_add(out, piece, (size_t)n);
	}
}

static int end_of(pid_t pid, struct err *e)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_errno(e, "waitpid");
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(e, "ssh ended with status %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

int ssh_run(const char *host, const char *command, size_t max, struct buf *out, struct err *e)
{
	int ends[2];
	pid_t pid;

	if (host[0] == '-' || !*host)
		return err_code(e, EXIT_USAGE, "%s: is no host", host);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(e, "pipe");
	_cleanup_close_ int from = ends[0];
	int rc = start(host, command, ends[1], &pid);
	close(ends[1]);
	errno = rc;
	if (rc)
		return err_errno(e, "ssh");
	if (read_all(from, max, out, e) < 0) {
		struct err ignored;
		kill(pid, SIGTERM);
		(void)!end_of(pid, &ignored);
		return err_prefix(e, "%s", host);
	}
	return end_of(pid, e) < 0 ? err_prefix(e, "%s", host) : 0;
}
