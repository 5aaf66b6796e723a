/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SIM_WORLD_H
#define BRAMBLE_SIM_WORLD_H

#include <stdio.h>
#include "quorum/quorum.h"
#include "wedge.h"

/*
 * A cluster in one process: the agents' own quorum_step, a network that loses, delays and doubles,
 * cards that lose power, and a model of Neo4j HA. Everything follows from the seed.
 */
#define NODES 9 /* ids 1..9 */
#define STEP_MS 50
#define TICK_MS 500 /* of agents, Neo4j and the writer */
#define WRITES_MAX 1024
#define GENERATIONS_MAX 32
#define QUIET_MS 10000
#define DELAY_SLOTS 64 /* of STEP_MS: the longest way of a hello */

/* A set of writes, which are numbered as they come. */
#define WRITES_WORDS (WRITES_MAX / 64)
struct writes {
	uint64_t bits[WRITES_WORDS];
};

/* What a store holds: n of them. */
struct store {
	unsigned n;
	struct writes writes;
};

enum neo4j_phase {
	NEO4J_OFF,
	NEO4J_BOOTING, /* the JVM */
	NEO4J_SEEKING, /* asks its hosts */
	NEO4J_MEMBER,
};

/*
 * Neo4j HA as facts/node-agent.md section 7 has it (3.5's ClusterState, ClusterJoin and
 * HighAvailabilityMemberStateMachine) and as it was tried: who may create a cluster, who is
 * elected, that two members need no majority, that a leaver makes the majority smaller, and that
 * the first one up is master for a moment, whatever its store.
 */
struct neo4j_model {
	enum neo4j_phase phase;
	enum neo4j_role role;
	uint64_t run;
	struct idset list;
	int64_t ready_ms;          /* of BOOTING; of a slave: when it will have caught up */
	int64_t hung_ms;           /* does nothing before that */
	int64_t available_ms;      /* of a master: when it tells the members that it is one */
	int64_t lags_ms;           /* of a slave: gets nothing before that, and stays one */
	int64_t met_ms[NODES + 1]; /* when each member was last reached */
	bool blind;                /* its clock went back ten years: it misses nobody until then */
	struct idset members;      /* of the cluster it is in */
	struct idset suspects;     /* those of them it has not met for too long */
	unsigned master;           /* whom it takes for it; 0: nobody */
	unsigned election;         /* the newest it took part in */
	bool caught_up;
	bool formed; /* what the agent keeps in /run */
};

struct card {
	struct durable durable;
	struct durable kept; /* what it has for sure: as it was before the last second's saves */
	int64_t saved_ms;    /* the last one */
	struct store store;
	bool served;                   /* the marker's: the store is whole */
	struct writes had;             /* what it has ever held */
	uint64_t stored, runs, failed; /* generations */
};

struct node {
	bool on;
	bool arbiter;
	bool member;  /* it has been one ... */
	bool retired; /* ... and is none as it knows: it only tells the others so, while it is on */
	struct manifest expected; /* what its card was built with */
	unsigned life;            /* grows with each boot */
	struct card card;
	struct quorum quorum;
	struct wedge wedge;
	struct neo4j_model neo4j;
	bool open, writable;
	bool shut;       /* verdict.shut, carried out */
	const char *why; /* of the last verdict */
	struct idset missing;
	int64_t lease_ms;     /* in /run: outlives the agent */
	int64_t hung_ms;      /* the agent does nothing before */
	int64_t joins_ms;     /* its Neo4j is heard, but joins nobody before */
	enum neo4j_role role; /* as its agent has seen it ... */
	int64_t role_ms;      /* ... since when */
	unsigned seen;        /* the last length that its Neo4j told ... */
	int64_t moved_ms;     /* ... since when ... */
	bool quiet;           /* ... and for QUIET_MS */
	unsigned rest;        /* its length at rest, or since it formed */
	bool began;           /* its agent has just begun */
	int64_t late_ms;      /* bramble-guard is, by so much */
	bool refuses;         /* its Neo4j refuses the agents' password: it tells its role only */
	int64_t next_ms;
	struct {
		int64_t sent_ms; /* of the newest hello heard from it */
		unsigned life;
	} heard[NODES + 1];
};

struct letter {
	unsigned from, to, life; /* life: of the sender */
	int64_t sent_ms, echo_ms;
	unsigned echo_life;
	struct word word;
	bool has_value;
	struct manifest value;
};

struct slot {
	unsigned n, room;
	struct letter *letters;
};

struct world {
	uint64_t random;
	unsigned n; /* machines there ever were, with ids 1..n */
	int64_t now_ms;
	struct node node[NODES + 1];
	struct manifest expected;       /* the first members */
	struct manifest newest;         /* the newest that any card ever had; epoch 0: none yet */
	bool cut[NODES + 1][NODES + 1]; /* no way between the two */
	unsigned loss;                  /* of 1000 hellos */
	unsigned delay_ms;
	bool crash_on_save;
	unsigned forgetful; /* whose card confirms what it has not kept yet; 0: nobody's */
	unsigned forgot;    /* so often */
	struct slot slot[DELAY_SLOTS];
	/* the writer's book */
	unsigned writes;
	struct writes acked;    /* but for those that may be lost, a person said */
	struct writes majority; /* a majority has held them since */
	unsigned masters_now;   /* that took writes in this tick */
	uint64_t decided[4096]; /* digest by epoch, as seen by anybody */
	/* generations.c */
	uint64_t generations, top_epoch, top_generation;
	uint64_t had[GENERATIONS_MAX];  /* whose cards ever had it, by bits */
	bool bad[GENERATIONS_MAX];      /* it does not come up */
	uint64_t list[GENERATIONS_MAX]; /* its members, by bits */
	unsigned wipes;
	bool told;  /* a person gave cards up */
	bool asked; /* all is well, and a person has to decide ... */
	bool held;  /* ... though nothing was lost */
	FILE *log;
	char violation[256];
};

uint64_t world_random(struct world *w, uint64_t below);
bool world_reach(const struct world *w, unsigned a, unsigned b);
/* Does the newest manifest know it? Before there is one: is it one of the first members? */
bool world_member(const struct world *w, unsigned id);
/* A manifest's members by bits, and such members of whom nobody knows anything yet. */
uint64_t world_bits(const struct manifest *m);
void world_list(const struct world *w, uint64_t bits, struct manifest *m);
/* Has it a vote in that? */
bool world_voter(const struct world *w, unsigned id);
PRINTF(2, 3) void world_log(const struct world *w, const char *fmt, ...);
PRINTF(2, 3) void world_violated(struct world *w, const char *fmt, ...);

void world_begin(struct world *w, uint64_t seed);
void world_end(struct world *w);
void world_step(struct world *w); /* STEP_MS more */

void node_boot(struct world *w, unsigned id);
void node_cut(struct world *w, unsigned id);
void node_wipe(struct world *w, unsigned id);
/* A person tells `asked` that the cards of these are lost. Says whether it was believed. */
bool node_told(struct world *w, unsigned asked, const struct idset *lost);

/* neo4j_model.c */
void neo4j_start(struct world *w, unsigned id, uint64_t run, const struct idset *list);
void neo4j_kill(struct world *w, unsigned id);
void neo4j_leave(struct world *w, unsigned id); /* stops in order */
void neo4j_tick(struct world *w, unsigned id);
bool neo4j_commits(const struct world *w, unsigned id);

/* generations.c */
void generation_offer(struct world *w, unsigned id);
/* With one member more, which is a new machine; with one less. */
void generation_grow(struct world *w, unsigned id);
void generation_shrink(struct world *w, unsigned id);
void generation_round(struct world *w, unsigned id);
void generation_check(struct world *w, const struct manifest *m);
bool generation_settled(const struct world *w);

/* writer.c */
void writer_tick(struct world *w);
/* Where no store was away: is all that was ever acknowledged on the master? */
void writer_audit_all(struct world *w, unsigned master);
void writes_add_all(struct writes *s, const struct writes *more);

#endif
