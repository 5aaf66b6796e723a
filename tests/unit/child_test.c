/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All that a program says is kept, however late it is read. */
// use: node-agent/child.c
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "node-agent/child.h"
#include "tap.h"
#include "util.h"

#define LATE_MS 300

static struct loop *loop;
static struct child child;
static struct loop_source ends;
static int ended = -1;

static void child_ended(struct child *c, int status)
{
	(void)c;
	ended = status;
	loop_stop(loop);
}

static void signalled(struct loop_source *s, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	if (read(s->fd, &info, sizeof(info)) == sizeof(info))
		child_reap(&child);
}

static void open_loop(void)
{
	sigset_t set;
	struct err e;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	loop = loop_new(&e);
	ends = (struct loop_source){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.events = EPOLLIN,
		.ready = signalled};
	ok(loop && loop_add(loop, &ends) == 0, "a loop");
}

/* The reader is slow: the loop begins when the pipe has long been full. */
static void run(const char *const *argv)
{
	struct err e;

	ended = -1;
	ok(child_run(&child, loop, argv, -1, child_ended) == 0, "%s begins", argv[0]);
	usleep(LATE_MS * 1000);
	ok(loop_run(loop, &e) == 0, "and its end is seen");
}

int main(void)
{
	static const char *const much[] = {
		"/bin/dd", "if=/dev/zero", "bs=1000", "count=300", "status=none", NULL};
	static const char *const words[] = {
		"/bin/sh", "-c", "echo out; echo err >&2; exit 3", NULL};

	open_loop();
	run(much);
	ok(WIFEXITED(ended) && WEXITSTATUS(ended) == 0, "who writes more than a pipe takes waits");
	is_int((long long)child.text.len, 300000, "and all of it comes");
	child_close(&child);
	run(words);
	ok(WIFEXITED(ended) && WEXITSTATUS(ended) == 3, "the status is told");
	is_str(buf_str(&child.text), "out\nerr\n", "and both outputs are kept");
	child_close(&child);
	close(ends.fd);
	loop_free(loop);
	return done();
}
