/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_BACKUP_H
#define BRAMBLE_BACKUP_H

#include "../control/call.h"
#include "loop.h"

/*
 * A consistent copy of this node's store, to the owner's PC: Neo4j HA's own online backup wants a
 * Java on the PC and a port that knows no authentication. So in this node's turn (turn.h) its
 * Neo4j is stopped in order, its store is read by a child (pack_out.h) and sent as it comes, and
 * Neo4j is started again; the others serve all the while. Whatever ends the call ends that rest.
 */
enum backup_phase {
	BACKUP_NONE,
	BACKUP_WAITS, /* for its turn */
	BACKUP_RESTS, /* Neo4j is to be stopped, and stays so */
	BACKUP_SENDS,
};

struct backup {
	enum backup_phase phase;
	struct call *call;
	pid_t pid;               /* of the child; also of one that ends; 0: none */
	struct loop_source pipe; /* fd -1: none */
};

struct verbs;

/* Every round of the agent. */
void backup_step(struct backup *b);
/* Why this node wants a turn; "" when it does not. */
const char *backup_wish(const struct backup *b);
/* Its turn has come: Neo4j was told to stop. */
void backup_turn(struct backup *b);
/* Must Neo4j rest? */
static inline bool backup_rests(const struct backup *b)
{
	return b->phase >= BACKUP_RESTS;
}

extern const struct verb backup_verb;

#endif
