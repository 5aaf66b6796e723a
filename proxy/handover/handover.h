/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_HANDOVER_HANDOVER_H
#define PROXY_HANDOVER_HANDOVER_H

#include "proxy.h"

/*
 * A reload, and a new version of the program, are the same: the next process starts with the
 * listening sockets of this one, so that no connection finds nobody; when it has heard of every
 * member, or HEARING_MS are over, it serves: nobody is told that a member with his transaction is
 * not there. Then this one accepts no more, finishes what it has and ends. A proxy.conf that is
 * wrong, or a next process that does not come to serve in HANDOVER_MS, changes nothing.
 *
 * A client's kept connection is not closed under its hands: it gets "Connection: close" with its
 * next answer, or its end after LEAVE_MS. What is under way then has proxy_conf_finish_ms.
 */
#define HEARING_MS 3000
#define HANDOVER_MS 20000
#define LEAVE_MS 30000

struct handover;

/* conf_path: what the next process shall read. leave: this one is no longer needed. */
MUST_CHECK struct handover *handover_new(
	struct proxy *p, const char *conf_path, void (*leave)(struct proxy *p));
void handover_free(struct handover *h);
/* While one is under way, or this one has left, it is seen to by who serves then. */
void handover_begin(struct handover *h);
/* The next process is ended before it serves; nothing where there is none. */
void handover_give_up(struct handover *h);
/* Would an order be lost? The next process has been told this one's, and hears of no later ones. */
bool handover_loses_orders(const struct proxy *p);

/*
 * Orders that the process before had taken. Those about members that are not known yet are kept:
 * to be called again when one has come.
 */
void handover_take_orders(struct proxy *p);

#endif
