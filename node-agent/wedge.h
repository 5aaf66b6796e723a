/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_WEDGE_H
#define BRAMBLE_WEDGE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A Neo4j that runs, and joins for ever: seen after three restarted at one moment (3.5: "Attempting
 * to join" and no more). quorum.h begins the whole run again when there is no master, and then
 * waiting is all that can be done; this is for the one that hangs while the others have one. It is
 * ended, to be started again, when for a while it has neither become master or slave nor got
 * anywhere: it did not copy the store, for the space taken stayed the same, and it did not recover
 * it, for it computed nothing. Whatever wedged it may last, so from the third time on it gets
 * longer; not the second time, for one that was frozen as master hung when it woke, and once more
 * when it was to put its store aside. Pure.
 */
#define WEDGE_MS 120000
#define WEDGE_MAX_MS (8 * WEDGE_MS)
#define WEDGE_SPACE (1 << 20) /* bytes: more than a log says in that time */
#define WEDGE_BUSY_PERCENT 20 /* of one core; a JVM at rest takes 1 to 3 */

struct wedge_look {
	int64_t now_ms;
	bool joins; /* Neo4j runs and is neither master nor slave, though the others have a master
		     */
	long pid;   /* its process: time is counted for each anew */
	bool serves;
	uint64_t space; /* bytes taken on p3 */
	int64_t cpu_ms; /* that its process has computed; -1: unknown, which is no progress */
};

/* Zeroed at start. */
struct wedge {
	int64_t since_ms; /* when it last got somewhere; 0: it does not join */
	long pid;         /* of whom the rest tells */
	uint64_t space;   /* then */
	int64_t cpu_ms;
	unsigned times; /* it was ended in a row */
};

/* To be called now and then. true: Neo4j is to be ended. */
bool wedge_step(struct wedge *w, const struct wedge_look *look);

/*
 * Does p3 fill, or empty? So it does while Neo4j copies a store, however slow the link: a copy that
 * moves less than WEDGE_SPACE in that time is none. Zeroed at start. Pure.
 */
#define COPY_QUIET_MS 60000

struct copy_watch {
	uint64_t space; /* at since_ms; 0: nobody has looked */
	int64_t since_ms, moved_ms;
	bool copies;
};

void copy_watch_step(struct copy_watch *c, uint64_t space, int64_t now_ms);

/* What the kernel says. */
uint64_t wedge_space(const char *store);

#endif
