/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_RESTART_H
#define BRAMBLE_RESTART_H

#include "peers.h"
#include "service.h"
#include "turn.h"

/*
 * An orderly restart of this node's Neo4j, in its turn (turn.h): whoever wants one says why, and
 * it is stopped once when the turn has come. What starts it again is formation, as ever; the turn
 * is over when the new process is available. Pure.
 */
#define RESTART_AGAIN_MS 90000 /* a stop that has had no effect is repeated: systemd takes 60 s */

struct restart {
	struct turn turn;
	bool asked;            /* by restart_ask, and not done yet */
	bool stopped;          /* in this turn Neo4j was told to stop */
	int64_t stopped_ms;    /* when */
	long pid;              /* of that one */
	char reason[WHY_SIZE]; /* of the restart wanted or under way; "" */
};

struct restart_look {
	struct turn_look turn;
	const char *wish; /* of somebody who wants one as long as he says so; "" */
	bool quiet;       /* ... or only the turn: Neo4j goes on in it */
	bool copies;      /* Neo4j fetches a store: it is not ended before it has it */
	enum service_state service;
	long main_pid;
};

/* By somebody who says it once: it will be done, unless the agent ends before. */
void restart_ask(struct restart *r, const char *reason);

/* To be called twice a second. true: Neo4j is to be stopped now, in order. */
bool restart_step(struct restart *r, const struct restart_look *look);

/* Why a restart is wanted and has not come yet; "" when none is. */
void restart_why(const struct restart *r, char why[WHY_SIZE]);

/* The other voters, for the look; returns how many. */
size_t restart_peers(const struct peers *peers, struct turn_peer *to);

#endif
