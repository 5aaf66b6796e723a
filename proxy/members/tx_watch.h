/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_TX_WATCH_H
#define PROXY_TX_WATCH_H

#include "proxy.h"

/*
 * How far a member's store is (reach.h): told by its agent with the rest, or, of one without an
 * agent, by Neo4j HA itself, which is asked once a second with the checks' credentials. One that
 * refuses is asked again after half a minute. Other kinds of cluster do not tell.
 */
void tx_watch_start(struct member *m);
void tx_watch_stop(struct member *m);
/* Its role is another one. */
void tx_watch_role(struct member *m);
/* It had tx, asked for at as_of_ms. */
void tx_watch_heard(struct member *m, int64_t as_of_ms, uint64_t tx);
/* Another member is the master: what the one before had is of no use. */
void tx_watch_master(struct proxy *p);

/* Has m all that was acknowledged before since_ms? */
bool tx_watch_has(const struct member *m, int64_t since_ms);
/* How many transactions it is behind the master; -1: not known. */
int64_t tx_watch_lag(const struct member *m);

#endif
