/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include "child.h"
#include "util.h"

static pid_t spawn(const char *const *argv, int input, int output)
{
	static char *const env[] = {
		(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", (char *)"LC_ALL=C", NULL};
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&fa);
	if (input < 0)
		posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	else
		posix_spawn_file_actions_adddup2(&fa, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&fa, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&fa, output, STDERR_FILENO);
	errno = posix_spawn(&pid, argv[0], &fa, &attr, (char *const *)argv, env);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&attr);
	return errno ? -1 : pid;
}

static ssize_t read_output(struct child *c)
{
	char chunk[4096];
	ssize_t n = read(c->output.fd, chunk, sizeof(chunk));

	if (n > 0 && c->text.len < CHILD_OUTPUT_MAX)
		buf_add(&c->text, chunk, (size_t)n);
	return n;
}

static void output_ready(struct loop_source *src, uint32_t events)
{
	(void)events;
	if (read_output(container_of(src, struct child, output)) == 0)
		loop_del(src);
}

static void timeout_fire(struct loop_timer *t)
{
	struct child *c = container_of(t, struct child, timeout);

	kill(c->pid, SIGKILL);
}

int child_run(struct child *c, struct loop *l, const char *const *argv, int input,
	void (*ended)(struct child *c, int status))
{
	int end[2];

	*c = (struct child){.loop = l, .ended = ended};
	loop_timer_init(&c->timeout, timeout_fire);
	if (pipe2(end, O_CLOEXEC) < 0)
		return -1;
	c->output = (struct loop_source){.fd = end[0], .events = EPOLLIN, .ready = output_ready};
	/* The child's end waits: journalctl leaves out what it cannot write at once. */
	bool ready = fcntl(end[0], F_SETFL, O_NONBLOCK) == 0 && loop_add(l, &c->output) == 0;
	pid_t pid = ready ? spawn(argv, input, end[1]) : -1;
	int error = errno;
	close(end[1]);
	if (pid < 0) {
		loop_del(&c->output);
		close(end[0]);
		errno = error;
		return -1;
	}
	c->pid = pid;
	loop_timer_set(l, &c->timeout, CHILD_TIMEOUT_MS);
	return 0;
}

static void close_output(struct child *c)
{
	loop_timer_del(&c->timeout);
	loop_del(&c->output);
	close(c->output.fd);
	c->output.fd = -1;
}

/* The pipe may hold bytes the loop has not brought yet; it does not block. */
void child_reap(struct child *c)
{
	int status;

	if (!c->pid || waitpid(c->pid, &status, WNOHANG) != c->pid)
		return;
	c->pid = 0;
	while (read_output(c) > 0)
		continue;
	close_output(c);
	c->ended(c, status);
}

void child_close(struct child *c)
{
	if (c->pid) {
		kill(c->pid, SIGKILL);
		close_output(c);
	}
	buf_free(&c->text);
	*c = (struct child){0};
}
