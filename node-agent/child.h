/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CHILD_H
#define BRAMBLE_CHILD_H

#include <sys/types.h>
#include "buf.h"
#include "loop.h"

/*
 * A program run beside the loop, by argument vector, never through a shell: what it says on both
 * its outputs is kept (its first CHILD_OUTPUT_MAX bytes and a bit), and it is killed after
 * CHILD_TIMEOUT_MS. It gets an empty signal mask and a small environment: NOTIFY_SOCKET above all
 * is not for it.
 */
#define CHILD_TIMEOUT_MS 15000
#define CHILD_OUTPUT_MAX (1 << 20)

struct child {
	struct loop *loop;
	pid_t pid; /* 0: none */
	struct loop_source output;
	struct buf text;
	struct loop_timer timeout;
	void (*ended)(struct child *c, int status); /* as of waitpid(2); c is at rest by then */
};

/* input becomes its stdin; -1: it has none. -1 with errno when it cannot be run. */
MUST_CHECK int child_run(struct child *c, struct loop *l, const char *const *argv, int input,
	void (*ended)(struct child *c, int status));
/* To be called on SIGCHLD, for each. */
void child_reap(struct child *c);
/* Forgets what it said; a running one is killed and not waited for. */
void child_close(struct child *c);

#endif
