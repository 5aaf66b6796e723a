/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TASK_H
#define BRAMBLE_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../identity.h"
#include "../marker.h"
#include "../node_state.h"

/*
 * What all members do to their stores together, and what a laptop that leaves must not leave
 * half-done: one of them, the keeper, changes its store (a backup takes its place, a newer Neo4j
 * upgrades it), and the others give up theirs and copy the keeper's. Pure but for load and save.
 *
 *	keeper	STAGED  CALLED        RESTS  RESTED  READY  DONE
 *	others	STAGED         RESTS  RESTED         READY  DONE
 *
 * A person's bramble brings what it takes to each (STAGED) and calls the keeper (CALLED); from
 * there on nobody is needed. The keeper, which is master, takes no more writes; when the others
 * have all it has they hear it in its hellos, stop Neo4j and say so (RESTED); then the keeper stops
 *its own, which was master to the last and so holds all there is, does its work, and is READY: only
 *now the others' stores are given up. Whoever RESTS starts no Neo4j, through any power cut, until
 *the keeper is READY or goes BACK. A step is on p3 before anybody hears of it, and none but BACK is
 *ever taken back: so an old word is as good as a new one.
 */
enum task_kind {
	TASK_RESTORE,
	TASK_UPGRADE,
	TASK_KINDS,
};

enum task_step {
	TASK_NONE,
	TASK_STAGED,
	TASK_CALLED,
	TASK_RESTS,
	TASK_RESTED,
	TASK_READY,
	TASK_DONE,
	TASK_BACK, /* it was given up; all is as before */
	TASK_STEPS,
};

/* What each node tells the others in each hello. */
struct task_word {
	uint64_t id; /* 0: none */
	uint8_t step, keeper;
};

struct task {
	uint64_t id; /* a random number */
	enum task_kind kind;
	enum task_step step;
	unsigned keeper;        /* server id */
	char neo4j[NEO4J_SIZE]; /* UPGRADE: the version that comes */
	/*
	 * RESTED: the marker's state then. READY is said after the order on the store was written
	 * there, and who goes back in between takes it back. VIRGIN: not known, or no matter.
	 */
	enum marker_state before;
	char why[WHY_SIZE]; /* BACK: why; or what has gone wrong already */
};

struct task_peer {
	const char *name;
	unsigned id;
	struct task_word word; /* as last heard */
	bool tells;            /* it is present, and its p3 was read: the word is all it has */
};

enum task_work {
	TASK_WORK_IDLE,
	TASK_WORK_BUSY,
	TASK_WORK_DONE,
	TASK_WORK_FAILED,
};

struct task_look {
	unsigned self;
	bool process;     /* may a Neo4j of this node exist? */
	bool last_master; /* was this node the last master, so that its store holds all? */
	bool ran;         /* the order on the store was carried out: Neo4j runs on what is new */
	enum task_work work;
	bool lags;                     /* this master has what too few others get */
	int64_t astray_ms;             /* for how long somebody has been astray (task_astray) */
	const struct task_peer *peers; /* all other voters */
	size_t npeers;
};

/* Hellos lag: somebody must have been astray for so long before the keeper goes back for it. */
#define TASK_ASTRAY_MS 30000

/*
 * Who tells of another task, or of none: what it had of this one was replaced by another PC's, or
 * it has another card. It will never rest. NULL: nobody.
 */
const struct task_peer *task_astray(const struct task *t, const struct task_look *look);

/* Takes a step if it is time to; whether one was taken: save t before anybody hears of it. */
bool task_step(struct task *t, const struct task_look *look);

/*
 * A person calls the keeper, or calls it off; on another node only if the keeper's card was given
 * up or replaced, or is at another task: for then nobody else can, and all would rest for ever. -1:
 * why is said.
 */
MUST_CHECK int task_call(struct task *t, unsigned self, struct err *e);
MUST_CHECK int task_call_off(struct task *t, unsigned self, bool keeper_lost, struct err *e);
/* What was staged for it gives way to another one's: nobody may begin it. */
void task_give_way(struct task *t);

/* By that word of another node, was the keeper ready? From then on nobody may go back. */
bool task_tells_ready(const struct task *t, const struct task_word *word);

/* What the marker's state must be when t goes back. */
enum marker_state task_marker_back(const struct task *t, enum marker_state now);

/* Must Neo4j rest? */
static inline bool task_rests(const struct task *t)
{
	return t->step == TASK_RESTS || t->step == TASK_RESTED;
}
/* Is it under way, so that no other may begin? */
static inline bool task_is_busy(const struct task *t)
{
	return t->step >= TASK_CALLED && t->step <= TASK_READY;
}
/* Is it time for the keeper's work? */
static inline bool task_works(const struct task *t, unsigned self)
{
	return t->step == TASK_RESTED && t->keeper == self;
}

/* What Neo4j does meanwhile: "rests: pi2 has not stopped yet"; "" when it need not. */
void task_why(const struct task *t, const struct task_look *look, char why[WHY_SIZE]);

const char *task_step_name(enum task_step s);
const char *task_kind_name(enum task_kind k);
/* -1: none of them. */
int task_kind_find(const char *name);

/* --- DIR/bramble.task on p3; a missing one is none */
MUST_CHECK int task_load(const char *dir, struct task *t, struct err *e);
MUST_CHECK int task_save(const char *dir, const struct task *t, struct err *e);
/* Pure. */
MUST_CHECK int task_parse(const char *name, const char *text, struct task *t, struct err *e);

#endif
