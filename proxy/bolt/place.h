/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_PLACE_H
#define PROXY_BOLT_PLACE_H

#include "bolt.h"
#include "routing.h"

/*
 * Which member a transaction goes to, and waiting for it. A write goes to the master. A read goes
 * to the least busy member that very likely has the transaction of its bookmark; if none has, to
 * the master, which has it for certain.
 */

/* The session waits in AUTH or WAITING from now on, for hold_ms at most; tries at once. */
void place_wait(struct session *s, enum session_state state);
/* Its link is there (idle, with its principal), or was in vain: tries again, in its old place. */
void place_now(struct session *s);
void place_again(struct session *s);
/* All that wait, in their order. */
void place_all(struct front *f);
/* For a whole connection (tunnel.h): the master, or any that reads. NULL: none now. */
struct bolt_member *place_tunnel(struct front *f, bool read);
/* A member answered with the bookmark of transaction tx (0: none). */
void place_note_bookmark(struct bolt_member *m, uint64_t tx);
/* Where a client's connection arrived, as a routing table's address. */
void place_own_address(int fd, char address[static ROUTING_ADDRESS_MAX]);

#endif
