/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FORWARD_H
#define BRAMBLE_FORWARD_H

#include "rehearsal.h"

/*
 * Ports of this computer's loopback that lead to the machines: a relay process whose listening
 * sockets are made on the host and whose connections are made in the rehearsal's namespace, so
 * the machines stay unreachable from anywhere else.
 */
struct forward_set {
	int fds[FORWARDS_MAX]; /* listening, of r->forwards[] */
};

/*
 * Fills r->forwards and opens their ports; called in the host's network. The usual port when it
 * is free, else one with a digit before it (18090), else any.
 */
MUST_CHECK int forward_listen(struct rehearsal *r, struct forward_set *set, struct err *e);

/* Starts the relay, which dies with the caller; called in the namespace. Closes the set here. */
MUST_CHECK pid_t forward_start(const struct rehearsal *r, struct forward_set *set, struct err *e);

#endif
