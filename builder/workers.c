/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "cmd.h"
#include "io.h"
#include "util.h"
#include "workers.h"

unsigned workers_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

/* Never returns, and leaves what the parent has to clean up alone. */
static _Noreturn void be_worker(
	pid_t parent, int result, int (*work)(void *arg, struct err *e), void *arg)
{
	struct err e = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILED); /* it died before the line above */
	if (work(arg, &e) == 0)
		_exit(0);
	(void)!io_write_full(result, &e, sizeof(e));
	_exit(EXIT_FAILED);
}

static int start(struct workers *w, int (*work)(void *arg, struct err *e), void *arg, struct err *e)
{
	pid_t parent = getpid();
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(e, "pipe");
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		be_worker(parent, ends[1], work, arg);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return err_errno(e, "fork");
	}
	w->list = xreallocarray(w->list, w->n + 1, sizeof(*w->list));
	w->list[w->n++] = (struct worker){.pid = pid, .result = ends[0]};
	return 0;
}

/* A worker says nothing when all is well, and why not otherwise; or it was killed. */
static int reap(struct workers *w, size_t i, struct err *e)
{
	struct worker k = w->list[i];
	struct err said;
	int status;
	bool told = read(k.result, &said, sizeof(said)) == sizeof(said);

	close(k.result);
	w->list[i] = w->list[--w->n];
	while (waitpid(k.pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_errno(e, "waitpid");
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return err_set(e, "a worker was killed by signal %d", WTERMSIG(status));
	if (!told)
		return err_set(e, "a worker ended without a word");
	*e = said;
	return -1;
}

/* The pipe of a worker that ended is readable: by what it said, or by its end. */
static int wait_for_one(struct workers *w, struct err *e)
{
	_cleanup_free_ struct pollfd *p = xcalloc(w->n, sizeof(*p));

	for (size_t i = 0; i < w->n; i++)
		p[i] = (struct pollfd){.fd = w->list[i].result, .events = POLLIN};
	for (;;) {
		if (check_interrupted(e) < 0)
			return -1;
		if (poll(p, w->n, -1) < 0 && errno != EINTR)
			return err_errno(e, "poll");
		for (size_t i = 0; i < w->n; i++) {
			if (p[i].revents)
				return reap(w, i, e);
		}
	}
}

void workers_stop(struct workers *w)
{
	struct err ignored;

	for (size_t i = 0; i < w->n; i++)
		kill(w->list[i].pid, SIGTERM);
	while (w->n)
		(void)!reap(w, w->n - 1, &ignored);
	free(steal(&w->list));
}

static int give_up(struct workers *w)
{
	workers_stop(w);
	return -1;
}

int workers_start(
	struct workers *w, int (*work)(void *arg, struct err *e), void *arg, struct err *e)
{
	while (w->n >= w->max) {
		if (wait_for_one(w, e) < 0)
			return give_up(w);
	}
	return start(w, work, arg, e) < 0 ? give_up(w) : 0;
}

int workers_finish(struct workers *w, struct err *e)
{
	while (w->n) {
		if (wait_for_one(w, e) < 0)
			return give_up(w);
	}
	free(steal(&w->list));
	return 0;
}
