/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_LIVE_TASK_H
#define BRAMBLE_LIVE_TASK_H

#include "remote.h"

/*
 * What all data nodes do to their stores together, as the PC sees it: it brings what it takes to
 * each, calls the keeper, and watches; from the call on the nodes go on without it
 * (node-agent/task/task.h).
 */
struct live_task {
	const struct remote *remote;
	const char *kind;          /* "restore", "upgrade" */
	char id[17];               /* in hex */
	const struct node *keeper; /* the master */
	uint64_t bytes;
	const char *neo4j; /* of an upgrade: what comes; else "" */
	unsigned held;     /* of an upgrade: how many wait for it, their cards were flashed */
	/* What is sent to n: 1: more was appended to out; 0: that was all. NULL: nothing is. */
	int (*feed)(void *arg, struct buf *out, struct err *e);
	void *arg;
};

/*
 * Every data node serves, below one master, which becomes the keeper. For an upgrade they may also
 * be held because their stores wait for it; then it is whoever was master last.
 */
MUST_CHECK int live_task_look(struct live_task *t, struct err *e);
/* What n says of its task and its store (docs/CONTROL.md, task-status). *answer: to be freed. */
MUST_CHECK int live_task_status(
	const struct remote *r, const struct node *n, json_t **answer, struct err *e);
/* Tells n of it, and sends what there is to send if sends. */
MUST_CHECK int live_task_stage(
	const struct live_task *t, const struct node *n, bool sends, struct err *e);
/* If all still have it as it was staged. From here on there is no need of this PC. */
MUST_CHECK int live_task_call(const struct live_task *t, struct err *e);
/* Until all have done it and serve again, or the keeper went back (-1, and why). */
MUST_CHECK int live_task_watch(const struct live_task *t, struct err *e);

#endif
