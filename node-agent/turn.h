/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TURN_H
#define BRAMBLE_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "node_state.h"

/*
 * Whose turn is it to restart its Neo4j? One node at a time, slaves first and the master last, each
 * only while all the others are available and caught up. Three that restarted at one moment were
 * seen to wedge (Neo4j 3.5). One that is not available itself, and no master, comes first: the
 * others would wait for it, and it may wait for what its turn brings, a configuration that is
 * mended. Pure: what the others say goes in, this node's word to them comes out.
 *
 * Whoever wants a turn WAITS until nobody present comes before it, then ASKS. A voter grants one
 * at a time, and goes on until that one no longer asks. With the grants of a majority, and all
 * others ready by its own eyes, the asker HOLDS the turn, until it is ready again itself.
 *
 * Nothing is kept on disk. What a node sees of another is at most 6 s old (hello.h: it answers one
 * of the last 6 rounds; peers.h: it came in the last 3 s). So whoever has counted a grant holds the
 * turn for all to see 12 s after the voter last confirmed it. A voter whose agent has just started,
 * and may have granted before, grants nothing for TURN_LOST_MS; one that no longer hears whom it
 * has granted waits as long. Nobody begins while another one holds; one that is absent is not
 * ready.
 *
 * Times are CLOCK_BOOTTIME in ms.
 */
#define TURN_LOST_MS 15000
#define TURN_LAG_MAX 500  /* transactions behind the furthest that still count as caught up */
#define TURN_CALM_MS 5000 /* all others must have been ready for so long */

enum turn_stage {
	TURN_NONE,
	TURN_WAITS,
	TURN_ASKS,
	TURN_HOLDS,
};
#define TURN_STAGES 4

/* What each node tells the others in each hello. */
struct turn_word {
	enum turn_stage stage;
	uint32_t ticket; /* of what it asks for or holds; another one each time */
	uint8_t grants;  /* the id of whom it grants, 0: nobody */
	uint32_t grants_ticket;
};

/* Another voter, as its last proven hello shows it. */
struct turn_peer {
	const char *name;
	unsigned id;
	bool present; /* that hello is young enough to be believed */
	bool ready;   /* its Neo4j is master or slave */
	bool master;
	uint64_t last_tx; /* TX_UNKNOWN: it does not tell */
	struct turn_word word;
};

struct turn_look {
	int64_t now_ms;
	unsigned self;
	bool ready, master; /* itself */
	uint64_t last_tx;
	unsigned needed;               /* grants, this node's own included */
	const struct turn_peer *peers; /* all other voters */
	size_t npeers;
};

/* Zeroed, then turn_begin. */
struct turn {
	struct turn_word word; /* to be told */
	uint32_t tickets;
	int64_t since_ms;   /* when this agent began */
	int64_t seen_ms;    /* when whom it grants was last present */
	int64_t rough_ms;   /* when last one of the others was not ready */
	char why[WHY_SIZE]; /* why it has not come yet; "" */
};

/* tickets: a random number, for another agent of this node may have asked before. */
void turn_begin(struct turn *t, uint32_t tickets, int64_t now_ms);

/*
 * To be called twice a second. wanted: this node has something to do in its turn; to end one that
 * it holds, it says false. Returns whether it holds the turn now.
 */
bool turn_step(struct turn *t, const struct turn_look *look, bool wanted);

#endif
