/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TALK_LINE_H
#define BRAMBLE_TALK_LINE_H

#include "talk.h"

/*
 * The calling end of the control protocol for whoever may wait for it: a socket that does not block
 * and the talk on it. Whom to call, the handshake and what is said are the caller's.
 *
 * Each wait takes ms at most; -1 comes with errno, ETIMEDOUT when it was over.
 */
struct talk_line {
	int fd; /* -1: none */
	struct talk talk;
};

void talk_line_close(struct talk_line *l);
#define _cleanup_talk_line_ _cleanup_(talk_line_close)

/* Until fd is ready for these events (poll(2)); it need not be a line's yet. */
MUST_CHECK int talk_line_wait(int fd, short events, int ms);
/* All that is in l->talk.out. */
MUST_CHECK int talk_line_send(struct talk_line *l, int ms);
/* 1: something came, for talk_next; 0: the other side hung up. */
MUST_CHECK int talk_line_receive(struct talk_line *l, int ms);

#endif
