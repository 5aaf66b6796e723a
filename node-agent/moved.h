/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_MOVED_H
#define BRAMBLE_MOVED_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * A Neo4j whose machine has got another address while it ran: the DHCP server is a new one, or
 * somebody gave the old address away. It has told the others the address it was started with
 * (hosts.h), listens there, and never looks again: it is nobody's master or slave any more, and
 * nobody can join it. It is ended, to be started with the new one. Not while there is no address at
 * all, nor before the new one has lasted: a cable that is pulled may come back, and with it the old
 * one. Pure.
 */
#define MOVED_MS 3000

struct moved_look {
	int64_t now_ms;
	bool runs;                            /* Neo4j does */
	struct in_addr self;                  /* where this node is; 0: nowhere */
	bool (*have)(struct in_addr address); /* has this machine that address? */
};

/* Zeroed at start. */
struct moved {
	struct in_addr told; /* that Neo4j was started with; 0: not known */
	int64_t since_ms;    /* the machine has been elsewhere; 0: it is not */
};

/* Neo4j is started with that address; or was, by the agent before this one. */
void moved_begin(struct moved *m, struct in_addr told);
/* To be called twice a second. true: Neo4j is to be ended. */
bool moved_step(struct moved *m, const struct moved_look *look);

#endif
