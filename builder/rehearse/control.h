/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CONTROL_H
#define BRAMBLE_CONTROL_H

#include "buf.h"
#include "loop.h"

/*
 * How other invocations talk to the supervisor: a socket in /run/bramble that only root can open,
 * one line asked, one answer, close. The answer is a decimal exit code, a newline, and the text.
 */
struct control;

/* Gets a whole line without its newline, and the connection, which it must pass to control_answer.
 */
typedef void control_fn(void *arg, int fd, char *line);

MUST_CHECK struct control *control_new(
	struct loop *l, const char *cluster, control_fn *fn, void *arg, struct err *e);
void control_free(struct control *c);

/* Answers and closes. code 0: text is what was asked for; else the error's code and message. */
void control_answer(int fd, int code, const char *text);

/* Asks the supervisor of a cluster and waits for the answer. */
MUST_CHECK int control_ask(
	const char *cluster, const char *line, struct buf *answer, struct err *e);

#endif
