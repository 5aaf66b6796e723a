/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HEALTH_H
#define BRAMBLE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>
#include "neo4j.h"
#include "../node_state.h"

/*
 * Is p3 fit for a master, and what follows for this node's Neo4j? Pure: measured facts go in, a
 * level with its reason and an order come out.
 *
 * Neo4j does not tell: with p3 full or read-only the master of 3.5 goes on answering 200 "master"
 * while every write of its fails, nothing fails over, and it fails still when there is room again
 * (tried). The level has hysteresis, so that nothing flaps at a mark:
 *
 *	FIT	Neo4j may be anything
 *	LOW	from HEALTH_LOW_PERCENT used until HEALTH_FIT_PERCENT: writes work, not for long
 *	SICK	read-only; nothing left but the reserve; HEALTH_BAD_PROBES writes in a row failed;
 *		one has hung for HEALTH_HANG_MS. Until HEALTH_GOOD_PROBES in a row have worked.
 *
 * The rule:
 *
 * 1. An unfit master is ended if the other members whose Neo4j serves are a majority of all voters
 *    (or Neo4j itself elects nobody), and a fit slave is among them. A LOW one, whose writes still
 *    work, only if all of that majority is fit. So the last one that can write is never ended.
 * 2. It stays away until another one is master, but for HEALTH_AWAY_MS at most: one that is back
 *    within Neo4j's heartbeat timeout is master again.
 * 3. A SICK node's Neo4j is not started, but for this: no other is master, and writes work with the
 *    room of the released reserve. Full cards all around must not keep a cluster down.
 * 4. An unfit slave is told about, no more: its Neo4j still counts for Neo4j's own majority. If it
 *    is elected all the same, rule 1 holds.
 * 5. A Neo4j that ran while writes failed, or whose log says that it panicked (store_log.h), has
 *    stopped to write for good, whatever it says. Once they work again, which an agent that begins
 *    has to see first, it is ended, to be started anew: a master at once, a slave when the others
 *    can do without it.
 */
#define HEALTH_LOW_PERCENT 93
#define HEALTH_FIT_PERCENT 88
#define HEALTH_BAD_PROBES 2
#define HEALTH_GOOD_PROBES 3
#define HEALTH_HANG_MS 30000 /* an SD card may be busy with itself for many seconds */
#define HEALTH_AWAY_MS 60000

enum health_level {
	HEALTH_FIT,
	HEALTH_LOW,
	HEALTH_SICK,
	HEALTH_LEVELS,
};

struct health_facts {
	int64_t now_ms;
	bool known; /* p3 was measured; else nothing is concluded */
	bool readonly;
	uint64_t size;        /* of p3, in bytes */
	uint64_t free;        /* for files, the reserve not among it */
	uint64_t reserve;     /* what is held back now */
	uint64_t reserve_max; /* what is to be held back */
	unsigned probes;      /* that ended, so far */
	int probe_error;      /* of the last one: 0 or an errno */
	int64_t probing_ms;   /* since when one is under way; -1: none */
	bool neo4j_runs;      /* a process may exist */
	unsigned panics;      /* of Neo4j, told by its log or by writes so far */
};

/* Zeroed at start. */
struct health {
	enum health_level level;
	char why[WHY_SIZE]; /* of LOW and SICK: what is wrong with p3; else "" */
	unsigned percent;   /* used, the reserve not counted */
	bool low, full;     /* since a mark was passed */
	bool failing;       /* writes are, or one hangs; error says how */
	int error;
	unsigned probes, bad, good; /* seen, and in a row */
	bool stale;                 /* this Neo4j ran while writes failed (rule 5) */
	unsigned panics;            /* seen */
	bool panicked;              /* this Neo4j has (rule 5) */
	int64_t ended_ms;           /* when a master was ended (rule 2); 0: it is over */
};

/* The voters as this node sees them. Serving: master or slave, or an arbiter that is up. */
struct health_others {
	unsigned voters;  /* this one too */
	unsigned serving; /* of the others */
	unsigned fit;     /* of these */
	unsigned heirs;   /* of these, slaves: one of them may become master */
	bool master;      /* one of the others is master */
};

struct health_order {
	bool end;        /* Neo4j now */
	bool barred;     /* it must not start */
	const char *why; /* of these, or why an unfit master goes on; static; "" */
};

const char *health_level_name(enum health_level level);

/* Neo4j is over: the next one, which may be there before the next look, is another one. */
void health_neo4j_ended(struct health *h, const struct health_facts *f);

/* One look: level and why. */
void health_look(struct health *h, const struct health_facts *f);

/* Should the reserve be given up, so that recovery can run, or be taken back? */
bool health_wants_release(const struct health *h, const struct health_facts *f);
bool health_wants_reserve(const struct health *h, const struct health_facts *f);

/* The rule. role is that of this node's Neo4j. */
void health_decide(struct health *h, const struct health_facts *f, enum neo4j_role role,
	const struct health_others *others, struct health_order *order);

#endif
