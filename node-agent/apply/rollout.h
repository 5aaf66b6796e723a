/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_ROLLOUT_H
#define BRAMBLE_ROLLOUT_H

#include <stdbool.h>
#include <stdint.h>
#include "../hello.h"
#include "enact.h"

/*
 * What this node does to run the generation that the cluster has decided (quorum.h). Pure.
 *
 * In its turn (turn.h: slaves first, the master last, each while all others are available) it stops
 * its Neo4j, if files of Neo4j's change, installs, and starts it again. It has come up when it
 * serves. If it does not within ROLLOUT_TRY_MS, of those in which it runs and copies no store, or
 * ends ROLLOUT_TRIES times, what was there before is put back, in the same turn; the node says that
 * the generation failed, the voters withdraw it, and nobody else begins. One that is withdrawn
 * after some came up is taken back in the same way, also by a node that was away until a newer one
 * was withdrawn, too: it knows by what most others run.
 *
 * Where putting it back fails for a reason that may pass (no room), Neo4j goes on with what is
 * there and the way back is tried again, in a turn: after ROLLOUT_AGAIN_MS, then after twice as
 * long each time, for each try ends Neo4j. A newer generation that is here comes first: it has all
 * files, and what it is taken back to is what was there before both (enact.h).
 *
 * One whose Neo4j rests needs no turn for what has come up elsewhere: a card that comes back, or is
 * new.
 *
 * A generation that this card cannot have, whoever else can (it is for another Neo4j), has not
 * failed: the node says why it does not take it, and waits for another one, or another card.
 *
 * What is tried is on p3 (struct trial) before anything is touched: an agent that ends, or a node
 * that loses power, goes on with it; but not on a card that was flashed with a newer one meanwhile.
 * A node without a vote has no turn; it follows when all voters run it.
 */
#define ROLLOUT_TRY_MS 300000 /* a Pi's Neo4j may recover and copy before it serves */
#define ROLLOUT_TRIES 2
#define ROLLOUT_ORDER_MS 120000 /* an order without a result is given again */
#define ROLLOUT_AGAIN_MS 30000
#define ROLLOUT_AGAIN_MAX_MS 3600000

enum rollout_phase {
	ROLLOUT_NONE,
	ROLLOUT_STOPS,    /* its turn: Neo4j is to end, if it must */
	ROLLOUT_INSTALLS, /* an order is out */
	ROLLOUT_PROVES,   /* does it come up? */
	ROLLOUT_PHASES,
};

/* What must not be forgotten. */
struct trial {
	enum rollout_phase phase; /* ROLLOUT_STOPS is not kept: nothing was touched */
	uint64_t generation;      /* that is tried, or taken back */
	enum enact_what what;
	bool neo4j;         /* its files change */
	uint64_t serial;    /* of the order */
	uint64_t failed;    /* the last generation that did not come up here; 0: none */
	uint64_t stays;     /* withdrawn, but what was before it is not here; 0: none */
	uint64_t owed;      /* is to be taken back, which failed and is tried again; 0: none */
	char why[WHY_SIZE]; /* of the later one of failed and stays; of failed if they are one */
};

struct rollout {
	struct trial trial;
	bool dirty;         /* trial changed: save it before anything is done */
	int64_t since_ms;   /* of the phase, without the time in which it could not go on */
	int64_t stepped_ms; /* the last step */
	int64_t pause_ms;   /* between two tries of the way back */
	int64_t again_ms;   /* when the next one may be; 0: at once */
	char owed_why[WHY_SIZE];
	uint64_t unfit; /* this card cannot have it: not tried again by this agent; 0: none */
	char unfit_why[WHY_SIZE];
	char why[WHY_SIZE]; /* what it is waiting for, or why it cannot; "" */
};

struct rollout_look {
	int64_t now_ms;
	uint64_t runs;   /* by node.conf */
	uint64_t newest; /* that was decided; 0: none */
	uint64_t goal;   /* what all are to run; 0: what their cards were built with */
	bool voter;      /* it has turns */
	bool ready;      /* the goal is on the shelf, and fits this node; else why tells */
	const char *obstacle;
	const char *spoiler; /* of another node that could not bring the goal up; NULL: none */
	const char *before; /* a slave that is to run it before this node, the master; NULL: none */
	bool all_run;       /* all voters have come up with it */
	bool outruns; /* a majority of the voters has come up with an older one than this node's */
	bool neo4j_changes; /* what the goal has of Neo4j's is not what is there */
	bool elsewhere;     /* another member has come up with it */
	bool turn;          /* it is this node's */
	bool process;       /* Neo4j may run */
	bool copies;        /* it fetches a store, which takes as long as it takes */
	bool serves;
	unsigned failures; /* ends of Neo4j in a row */
	uint64_t serial;   /* for an order, never used before */
	int result;        /* of the order: enact_result */
	bool passing;      /* ... which may go well another time */
	bool unfit;        /* ... for this card cannot have it, whoever else can */
	const char *result_why;
};

struct rollout_word {
	bool wants;  /* a turn */
	bool quiet;  /* ... in which Neo4j goes on */
	bool rests;  /* Neo4j must not run */
	bool orders; /* trial.serial, what, generation: now */
	bool proven; /* what node.conf says has come up */
};

/* trial as it was saved; zeroed where there is none. */
void rollout_begin(struct rollout *r, const struct trial *trial, int64_t now_ms);
/* Twice a second, and when something changed. */
void rollout_step(struct rollout *r, const struct rollout_look *look, struct rollout_word *w);

#endif
