/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_WORKERS_H
#define BRAMBLE_WORKERS_H

#include <stddef.h>
#include <sys/types.h>
#include "err.h"

/*
 * Pieces of work in processes of their own, at most `max` at a time: libext2fs is safe for one
 * filesystem per thread, but com_err, getenv and our fixed environment are everybody's. A worker
 * dies with its parent (PR_SET_PDEATHSIG). The first failure, or a signal that set `interrupted`,
 * stops the others by SIGTERM; all of them are gone before an error is returned.
 */
struct worker {
	pid_t pid;
	int result; /* a pipe: the struct err of a failed worker, else nothing */
};

struct workers {
	unsigned max;
	struct worker *list;
	size_t n;
};

/* Waits for a place, then calls work(arg) in a new process, which ends with it. */
MUST_CHECK int workers_start(
	struct workers *w, int (*work)(void *arg, struct err *e), void *arg, struct err *e);
/* Waits for all. To be called after the last start that returned 0. */
MUST_CHECK int workers_finish(struct workers *w, struct err *e);

/* Stops those that run, by SIGTERM, and waits for them. */
void workers_stop(struct workers *w);

/* How many processors this process may run on. */
unsigned workers_processors(void);

#endif
