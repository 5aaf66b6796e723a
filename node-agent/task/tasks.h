/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TASKS_H
#define BRAMBLE_TASKS_H

#include "../control/call.h"
#include "../drain.h"
#include "../helper/helper_client.h"
#include "../marker.h"
#include "../peers.h"
#include "../voter.h"
#include "task.h"

/* This node's part in a task (task.h), tied to p3, its marker and its quorum. */
struct tasks {
	const char *store;  /* where p3 is mounted */
	bool begun;         /* p3 was there, and the task on it was read */
	bool there;         /* it still is, and this node's */
	const char *awaits; /* whose store this node's Neo4j must not have as it is; "": nobody's */
	struct task task;
	struct marker *marker;   /* p3's: what READY promises is ordered there */
	struct drain drain;      /* of the keeper, while all come to rest */
	bool drained;            /* so the others may be told that it was called */
	int64_t astray_since_ms; /* since when this task has had somebody astray; 0: nobody is */
	char why[WHY_SIZE];      /* why Neo4j rests; "" */
	bool receives;           /* what a task takes comes, into files that all tasks share */
	struct { /* by a unit whose caller has gone: it is at them until it has said so */
		enum task_kind kind;
		char name[64]; /* unpack_name */
		int64_t until_ms;
	} unpacks;
	/* Of an upgrade: the keeper's work on its store, and the switch to the new Neo4j. */
	const char *root;
	struct helper_client helper;
	enum helper_verb asked; /* the last unit asked for, and when it may be again */
	int64_t again_ms;
	bool switched; /* this node has another Neo4j: the agent must begin anew */
};

/* One that is held may not have been able to read its task. */
static inline bool tasks_tells(const struct peer *p)
{
	return peer_present(p) && (p->last.task.id || p->last.state != NODE_HELD);
}

/* What else is known each round. */
struct tasks_look {
	const struct identity *id;
	const struct peers *peers;
	struct voter *voter;
	bool process, runs; /* may a Neo4j exist; does one run */
	enum neo4j_role role;
	uint64_t last_tx; /* as the others are told */
	int64_t told_ms;  /* when Neo4j was asked for it */
};

/* All must outlive t. */
void tasks_open(struct tasks *t, struct loop *l, const char *root, const char *store,
	struct marker *marker, const char *helper);
void tasks_close(struct tasks *t);
/* Once p3 is known to be this node's. */
MUST_CHECK int tasks_begin(struct tasks *t, struct err *e);
/* Every round, while p3 is this node's. */
void tasks_step(struct tasks *t, const struct tasks_look *look);
struct task_word tasks_word(const struct tasks *t);
/*
 * Has this node, the keeper, told the others to stop their Neo4js, and waits for them with its own?
 * That one has no majority any more, and is to be stopped in order.
 */
bool tasks_parts(const struct tasks *t);

/*
 * A new one, in place of one that is over, or another step. To go BACK takes back what was ordered
 * in the marker before READY could be said.
 */
MUST_CHECK int tasks_set(struct tasks *t, const struct task *next, struct err *e);

extern const struct verb task_stage_verb, task_call_verb, task_back_verb, task_status_verb;

#endif
