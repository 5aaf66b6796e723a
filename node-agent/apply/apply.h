/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_APPLY_H
#define BRAMBLE_APPLY_H

#include "../child.h"
#include "../formation.h"
#include "../helper/helper_client.h"
#include "../peers.h"
#include "../voter.h"
#include "rollout.h"
#include "shelf.h"

/*
 * This node's part in a new generation of the configuration: takes it from whoever has it, offers
 * it to the quorum, and has it installed as rollout.h says.
 */
struct apply {
	/* To be set before apply_open; all must outlive it. */
	struct loop *loop;
	const struct identity *id;
	struct voter *voter;
	const struct peers *peers;
	const char *root, *helper;

	struct shelf shelf;
	struct rollout rollout;
	struct rollout_word word; /* of the last step */
	bool begun;               /* the shelf's state was read */
	bool mute;                /* it cannot be written */
	uint64_t stored;          /* the newest on the shelf, kept until apply_look_again */
	uint64_t goal, newest;
	struct {
		uint64_t goal, runs; /* what the rest is of */
		bool ready, neo4j_changes;
		char obstacle[WHY_SIZE];
	} known;
	struct child pull;
	uint64_t pulls;            /* which generation, now or last */
	int64_t pull_ms;           /* when it began, or failed */
	unsigned pull_fails;       /* how often in a row */
	size_t pull_next;          /* which peer */
	char pull_error[WHY_SIZE]; /* of the last one that ended; "": none, or nobody wants it */
	struct helper_client installer;
	char rest[WHY_SIZE];
};

/* What the agent sees. */
struct apply_look {
	bool there; /* p3 may be written to, where the node needs one */
	bool turn, process, master, serves;
	bool copies; /* Neo4j fetches a store */
	unsigned failures;
};

void apply_open(struct apply *a);
void apply_close(struct apply *a);

/* Every round. true: node.conf has changed, and the agent must read it again. */
MUST_CHECK bool apply_step(struct apply *a, const struct apply_look *look);
void apply_reap(struct apply *a); /* on SIGCHLD */

/* For the quorum. */
void apply_tell(const struct apply *a, struct voter_look *look);
/* Why Neo4j must rest; "" when it need not. */
const char *apply_rest(const struct apply *a);
/* What a turn is wanted for; "" when none is. */
const char *apply_wish(const struct apply *a, char why[WHY_SIZE]);
/*
 * What there is to say about it: if nothing else is in why and all is well (calm); and after what
 * else is in why, if a withdrawn one is here still because taking it back failed.
 */
void apply_why(const struct apply *a, bool calm, char why[WHY_SIZE]);
/* What is on the shelf has changed. */
void apply_look_again(struct apply *a);

#endif
