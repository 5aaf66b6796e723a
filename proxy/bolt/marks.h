/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_MARKS_H
#define PROXY_BOLT_MARKS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * When each transaction was first heard of. Transactions of an HA cluster have one order, so a
 * member that is known to have one has all before it; and a slave pulls at a steady pace, so it
 * very likely has what is older than a few pulls. Members enforce bookmarks themselves (a read
 * waits there for its transaction): this only finds one where it need not wait.
 */
#define MARKS_SLOTS 32
#define MARKS_SLOT_MS 100
#define MARKS_SETTLED_MS 1500 /* three of bramble's pull intervals */

struct marks {
	struct {
		uint64_t tx;      /* the highest heard by the end of that time */
		int64_t start_ms; /* of that time */
		int64_t at_ms;    /* when tx was first heard */
	} slot[MARKS_SLOTS];      /* a ring, both grow along it */
	unsigned newest;
};

/* A member spoke of transaction tx (what clients say could be made up). */
void marks_note(struct marks *m, uint64_t tx, int64_t now_ms);
/* Was tx first heard of MARKS_SETTLED_MS ago or longer? Of one not heard of yet: no. */
bool marks_settled(const struct marks *m, uint64_t tx, int64_t now_ms);

#endif
