/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_ADMIN_CTL_H
#define PROXY_ADMIN_CTL_H

#include "proxy.h"

/*
 * The local socket that takes orders: one line, an answer, end. Who may connect is a matter of the
 * file: mode 0660. Bounded: a few at once, a line of at most 1 KB, 5 s in all.
 */

/* Does nothing when proxy.conf names no socket. */
MUST_CHECK int ctl_start(struct proxy *p, struct err *e);
/*
 * The socket, which listens already, takes its place: nobody meets one that does not listen, and
 * one that a process before left, or still has, is replaced without a gap.
 */
void ctl_open(struct proxy *p);
void ctl_stop(struct proxy *p);

/* bramble-proxy --ctl: sends one line to a running proxy, copies the answer to stdout. */
MUST_CHECK int ctl_send(const char *path, const char *line, struct err *e);

#endif
