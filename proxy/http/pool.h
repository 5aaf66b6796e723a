/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_POOL_H
#define PROXY_POOL_H

#include "proxy.h"

/*
 * Connections to a member. An idle one is watched: a close by the member, or any byte nobody asked
 * for (a poisoned answer), ends it. Well below Jetty's idle timeout of 30 s, so that requests
 * seldom meet its close.
 */
#define POOL_IDLE_MS 15000

/*
 * A connection for c's exchange, now on m->busy: a kept one that is still open (connected is set)
 * or a new one on its way. NULL with errno when none can be made. `ready` gets its events.
 */
struct upstream *pool_take(
	struct member *m, struct client *c, void (*ready)(struct loop_source *s, uint32_t events));
/* It carries nothing any more and nothing unread: keep it for the next, unless the member moved. */
void pool_keep(struct upstream *u);
void pool_close(struct upstream *u);
/* Closes idle ones that have been so since before this time. */
void pool_close_idle(struct member *m, int64_t before_ms);

#endif
