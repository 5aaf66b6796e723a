/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_QUORUM_H
#define BRAMBLE_QUORUM_H

#include "decree.h"
#include "err.h"
#include "neo4j.h"

/*
 * May this node's Neo4j start, with which hosts, may it go on, and may anybody talk to it? Pure:
 * what is heard, seen and the time go in, words to the others and a verdict come out.
 *
 * The rules, each for a loss or a wedge seen without it, on real Neo4j HA or in tests/sim:
 *
 * - The first time all expected members must have agreed on the manifest (epoch 1): Neo4j creates
 *   a cluster only of a whole list, and two halves of a new cluster must not both begin.
 * - Every start out of nothing is a run, decided by the voters. On its hosts must be all that a
 *   majority may have held of the last master's; a member with an empty, half-made or lost store
 *   counts as absent. A run that had a master is never begun again: somebody may have joined it,
 *   become master and be absent now.
 * - A run's Neo4js start only when the runs before it are over for sure (OVER_MS).
 * - The lease: Neo4j lives, and its ports are open, only while a majority supports this run. When
 *   it lapses Neo4j is killed: a master cut off goes on for 10 s and longer, and what it commits
 *   makes its store win the next election against what a majority holds. Killed, not stopped: a
 *   member that leaves in order makes Neo4j's own quorum smaller.
 * - Writes are for one master at a time, granted by a majority whose stores follow it. The first
 *   Neo4j up calls itself master for a second, whatever its store; wall clocks that step make two.
 *   A slave hands writes on: its ports are open below such a master only.
 * - Neo4j elects the longest store. A store that does not follow the latest granted master
 *   (basis) may be longer and wrong, or as long: it comes up only below a master, and if it is
 *   longer than that one's it is put aside first. Is the master gone before, it is started anew.
 * - Neo4j's elections cannot be relied on for that: who enters a cluster where a master is
 *   available is its slave at once, stands for election no more (3.5, its debug.log says
 *   NotElectableElectionCredentials), and loses what that master has not. So, but for the first
 *   time, one begins alone: its list names nobody else, and its cluster port is shut until it has
 *   created a cluster, for a request of another Neo4j would keep it from that.
 * - That is the last master, where it is here, for it has all: the others start at the same time,
 *   and join it. Else it is the one that may have the most: the others start when it has told what
 *   it has (or its log has, see voter.c), and none with more; without those it has no majority, is
 *   ended, and one of them begins. Until the one that begins leads no other one is granted or stays
 *   master, but one that has as much.
 * - A Neo4j goes on while its agent hangs, or until power goes: its store may hold what any master
 *   of its run took (TERM_ANY), unless the agent saw all the while whom it followed. Such a store
 *   may have the last copy of a write: better to wait for a person than to put it aside.
 * - An epoch is decided by a majority; by fewer only where those who do not tell what they decided
 *   (new cards, and whom a person gives up) are no majority, or far ahead of what they may have.
 * - Being slave of a master that has all makes a store whole, being master does not, but for the
 *   very first one: Neo4j elects an empty store when nobody else is there but an arbiter. Such a
 *   master is killed.
 * - Members without a store, or with one that does not follow the last master and is put aside,
 *   may stand by while all that must not be lost is among the others. They are no hosts of the run
 *   and join it when those are up.
 *
 * - A generation of the configuration (`bramble apply`) is decided when a majority has all of it on
 *   p3, and only a newer one than before; one that some voter could not bring up is withdrawn. With
 *   it voters come and go, one at a time, so that two majorities always have somebody in common;
 *   the next when a majority of today's follows a master. Until then what was a majority before
 *   counts as well: of three that are four now, two may hold the last copies of a write. A newcomer
 *   votes only when all others run that generation, for only then a write goes to a majority of as
 *   many, and while the master has its majority with it; of two, when it has copied the store; a
 *   member leaves only where a majority of those who stay have what the master just had. A data
 *   node stops its Neo4j before, and they have what the master had after that; not where the
 *   master has all by itself, or no majority without it, nor for ever (QUORUM_PARTING_MS).
 *
 * Times are CLOCK_BOOTTIME in ms. A restarted agent begins with what is on p3 and nothing else.
 */
#define QUORUM_PRESENT_MS 3000 /* a member not heard for so long is absent */
#define QUORUM_LEASE_MS 7000
/* From a lapsed lease to a dead Neo4j, with all the time bramble-guard needs. */
#define QUORUM_STOP_MS 3000
/* The agent closes the ports in time, so that bramble-guard need not end the Neo4j behind them. */
#define QUORUM_MARGIN_MS 1500
#define QUORUM_OVER_MS (3 * (QUORUM_LEASE_MS + QUORUM_STOP_MS))
#define QUORUM_GRACE_MS 60000 /* for absent members, before a start without them */
/* For those that are here, and not fit: less than Neo4j's longest pause after ends by itself. */
#define QUORUM_UNFIT_MS 30000
#define QUORUM_RANK_MS 2000 /* a proposer's head start over the next higher id */
/*
 * A Neo4j that runs so long below no master is begun again. While it waits for the first election
 * it gets twice as long each time that this was in vain, up to QUORUM_WEDGE_MAX_MS: boards on which
 * the JVMs take minutes to elect somebody would otherwise be ended for ever just before they do.
 * While somebody copies a store nobody is ended: of two that are left one may have to, for longer
 * than this, before the other has a majority.
 */
#define QUORUM_WEDGE_MS 180000
#define QUORUM_WEDGE_MAX_MS (4 * QUORUM_WEDGE_MS)
/*
 * A master was lost, and all that run have been master or slave: they need only elect, which took
 * 9 to 16 s, and 23 to 29 s with 15 % of a core each (3.5). A member and an arbiter were once seen
 * to elect nobody for minutes.
 */
#define QUORUM_REELECT_MS 90000
/*
 * A Neo4j that is neither master nor slave tells no length: its store is known by a bound only, and
 * may be no longer than the new master's after all. One that was elected with has so long to become
 * that one's slave before it counts as overruled. Ended at once, a slave that is a second slower
 * than the election took the cluster's quorum with it (2.3.1, 2 of 3 left). One that has yet to
 * join has no such time.
 */
#define QUORUM_OVERRULED_MS 15000
/* Does a run that is not the first begin with one Neo4j alone? */
#ifndef QUORUM_BEGINS_ALONE /* likewise */
#define QUORUM_BEGINS_ALONE 1
#endif
/* How long a slave whose length is not known must have been one to have what its master had. */
#define QUORUM_CAUGHT_UP_MS 10000
/* A slave pulls twice a second; how far it is its agent asks every second, and tells the next. */
#define QUORUM_PULLED_MS 10000
/* One that is to go has so long to stop. Who cannot take the generation that says so never will. */
#define QUORUM_PARTING_MS 120000
/*
 * A slave that was away for longer than the master keeps its log may ask for what is not there any
 * more, and stay as it was, slave all the same (3.5, with an empty store). One that lacks what its
 * master had for so long, and moves nothing, is ended where the others have all without it, and
 * copies the whole store next.
 */
#define QUORUM_STUCK_MS 60000
/* An agent that was not here for longer does not know what its Neo4j did. */
#define QUORUM_BLIND_MS 2000
/* Outlasts a first wedge, so that the next run is decided without it. */
#define QUORUM_SHY_MS (2 * QUORUM_WEDGE_MS)

/*
 * A stint as master, from Neo4j's word "master" to its next other word. Ordered by term, then id:
 * a Lamport clock. A voter grants one at a time: the next only when the one before has said that
 * it is over, or has not been heard for a lease. So two masters never hold a majority's grants at
 * one time, and any majority knows who was the last one.
 */
struct mastership {
	uint64_t term; /* 0: nobody ever was */
	uint64_t run;
	unsigned id;
};

bool mastership_equal(const struct mastership *a, const struct mastership *b);

/* A term of durable.touched: whichever masters there were until the end of that run. */
#define TERM_ANY UINT64_MAX

/* What must be on p3 before anybody hears of it. */
struct durable {
	uint64_t incarnation;
	struct manifest manifest;
	struct acceptor acceptor; /* for manifest.epoch + 1 */
	struct mastership granted;
	struct mastership basis;    /* the latest one its store follows, or is */
	struct mastership followed; /* the latest one that any store of its did */
	struct mastership touched;  /* the latest one whose writes its store may hold */
};

enum word_part {
	WORD_ALONE,
	WORD_MANIFEST, /* with it comes the sender's manifest */
	WORD_ACCEPTED, /* ... what its acceptor has accepted */
	WORD_PROPOSED, /* ... what it proposes */
};

/* What one node tells another in each hello. */
struct word {
	uint64_t incarnation, epoch, run;
	uint64_t expected; /* digest of the members it was built with; counts in epoch 0 */
	ballot_t promised, accepted; /* for epoch + 1 */
	ballot_t ballot;
	enum decree_phase phase;
	enum word_part part;
	struct mastership granted, basis, followed, touched;
	struct mastership claim; /* its own, while its Neo4j is master; term 0: none */
	uint64_t neo4j_run;      /* the run its Neo4j was started for; 0: no process */
	uint64_t last_tx;        /* of its store; an upper bound where Neo4j has not told it: */
	bool told;               /* that word is no part of it in a hello, which has its own */
	enum neo4j_role role;
	unsigned master; /* whom its Neo4j takes for it; 0: nobody */
	bool formed;     /* its Neo4j has been master or slave in that run */
	bool copies;     /* it copies a store, or catches up with its master */
	bool whole;      /* its store is neither empty nor half-made; an arbiter says true */
	bool fit;        /* it could start Neo4j: p3 is there, nothing holds it back */
	bool lease;
	bool leads;      /* a majority follows it now */
	bool shut;       /* nobody reaches its Neo4j's cluster port, for it is to begin alone */
	bool bound;      /* by what it has granted: that master may hold a lease by it */
	uint64_t stored; /* the newest generation it has whole on p3; 0: none */
	uint64_t failed; /* the one that did not come up on it; 0: none */
	uint64_t runs;   /* the one it has on p2, and has come up with */
	uint64_t goal;   /* what its manifest says all are to run */
};

struct seat {
	int64_t heard_ms; /* when the hello that its newest word answers was sent; -1: never */
	int64_t seen_ms;  /* when its newest hello arrived; at first: when this agent began */
	struct word word;
	int64_t slave_ms;  /* since when it is slave of the master that leads; -1: it is not */
	int64_t mark_ms;   /* it is to have what that one had then; -1: nothing ... */
	uint64_t mark_tx;  /* ... its last_tx */
	int64_t pulled_ms; /* the last such moment of which it had; -1: of none */
	int64_t rest_ms;   /* since when it says that no Neo4j runs there; -1: one may */
};

struct quorum {
	unsigned self;
	struct manifest expected; /* epoch 0: the members in node.conf, no incarnations */
	uint64_t expected_digest;
	struct durable d;
	bool dirty; /* d changed: save it before quorum_word or a verdict is acted upon */
	struct proposer proposer;
	struct manifest offer;      /* generation and voters of the newest it has; 0: none */
	struct idset give_up;       /* by a person's word to this agent, until it is decided */
	int64_t now_ms, learned_ms; /* when this manifest's run was learned */
	int64_t gathered_ms;        /* since when a majority is present */
	int64_t quiet_ms;           /* likewise, and no Neo4j has formed */
	int64_t retry_ms;           /* no proposal before that */
	int64_t led_ms;             /* when last below a master, at rest, or a store was copied */
	int64_t leading_ms;         /* when last somebody led */
	bool wedged;                /* this Neo4j was without a master for too long */
	bool elected;               /* while it ran somebody's Neo4j formed */
	bool settled;               /* and it itself, below one that led or as that one */
	bool alone;                 /* it began alone, and has been master */
	bool parts;                 /* as in the look */
	int64_t patience_ms;        /* how long is too long before that; after it QUORUM_WEDGE_MS */
	int64_t lease_ms;           /* the lease's end */
	int64_t overruled_ms;       /* since when others follow a later master; -1: they do not */
	int64_t outdone_ms; /* since when it is master, and one at rest has more; -1: it is not */
	uint64_t told_tx;   /* the last that this Neo4j told */
	int64_t rival_ms;   /* since when it is master beside one that leads; -1: it is not */
	int64_t hollow_ms;  /* since when it is master with nothing in its store; -1: it is not */
	int64_t shy_ms;     /* it was elected with a hollow store: begins no run before that */
	int64_t slave_ms;   /* since when it is seen as slave of its master; -1: it is none */
	unsigned below;     /* a master that led, whose slave it has been since; 0: none */
	int64_t below_ms;   /* ... as it proved last */
	int64_t stepped_ms; /* the last step; -1: there was none */
	uint64_t ran;       /* the run its Neo4j last lived in, or may have ... */
	int64_t ran_ms;     /* ... and when */
	struct mastership marked; /* the granted master ... */
	uint64_t mark_tx;         /* ... its last_tx when it claimed, or more ... */
	bool mark_told;           /* ... and did its Neo4j ever tell one? */
	int64_t lag_ms;           /* since when its Neo4j lacks some of that, and moves nothing */
	uint64_t lag_tx;          /* its last_tx then */
	bool stuck;               /* for too long: until the next one runs */
	struct mastership pulls;  /* the master that the seats' marks are of */
	int64_t needed_ms; /* since when the one that goes with the offer may not stop; -1: it may
			    */
	struct {
		unsigned id;         /* who was asked to stop before the offer is decided ... */
		uint64_t generation; /* ... and before which one */
		int64_t asked_ms;    /* for so long, as this agent saw ... */
		int64_t seen_ms;     /* ... when it looked last */
		bool now;            /* is it still? */
	} parting;
	bool formed, lease;
	bool ha_server; /* of this process of Neo4j, once seen */
	struct mastership claim;
	struct word mine; /* what quorum_step made of the last look at this node */
	struct seat seat[MANIFEST_MAX + 1]; /* by id */
};

/* What the node knows of itself. */
struct quorum_look {
	bool whole, fit;
	uint64_t neo4j_run; /* the run its Neo4j was started for; 0: no process exists */
	bool unasked; /* nobody knows yet whether one does: it would be of before this agent */
	/* Of an agent before this one in the same boot, from /run; else zero. */
	bool formed;      /* that Neo4j has been master or slave */
	int64_t lease_ms; /* verdict.lease_ms */
	bool copies;      /* it writes a store */
	bool parts;       /* the others stop theirs, as is agreed, and it stops last */
	bool shut;        /* verdict.shut is carried out */
	bool ha_server;   /* its Neo4j listens on ha.host.data (ha.server in 2.x), which it begins
			     to as master or slave, seconds before it tells a role; asked for
			     while verdict.shut */
	enum neo4j_role role;
	unsigned master;  /* the id of whom its Neo4j takes for the master; 0: nobody */
	uint64_t last_tx; /* as in a word, with told */
	bool told;
	uint64_t stored, failed, runs; /* as in a word */
};

enum neo4j_order {
	NEO4J_AS_IT_IS,
	NEO4J_START, /* for run, with hosts */
	NEO4J_KILL,
};

struct verdict {
	enum neo4j_order neo4j;
	uint64_t run;
	struct idset hosts; /* START: ha.initial_hosts */
	bool aside;         /* START: put the store aside before */
	bool shut;          /* keep the members from Neo4j's cluster port: it begins alone */
	bool open;          /* may 7474 and 7687 be reached? */
	bool writable;      /* may proxies send it writes? */
	bool whole;         /* the store is whole now: mark it so */
	int64_t lease_ms;   /* kill Neo4j then, whatever becomes of this agent (bramble-guard) */
	const char *why;    /* of what does not happen or of the end, static; "" when all is well */
	struct idset missing; /* for whom a start waits: for their vote, or for what only they may
				 hold */
};

/* d is copied; a new card's is zero but for its incarnation. expected->epoch is 0. */
void quorum_begin(struct quorum *q, unsigned self, const struct manifest *expected,
	const struct durable *d, int64_t now_ms);

/*
 * A hello of id arrived and will be answered: what it hears so proves this node to it for another
 * lease. To be called for every genuine one, before quorum_hear.
 */
void quorum_seen(struct quorum *q, unsigned id, int64_t now_ms);

/*
 * id said w, and with it `value` (NULL where the word came alone); proven_ms is when this node
 * sent the hello that id answers.
 */
void quorum_hear(struct quorum *q, unsigned id, const struct word *w, const struct manifest *value,
	int64_t proven_ms);

/* To be called twice a second, and after what was heard changed something. */
void quorum_step(
	struct quorum *q, const struct quorum_look *look, int64_t now_ms, struct verdict *v);

/* What to tell `to`; *value points into q, or is NULL. */
void quorum_word(
	const struct quorum *q, unsigned to, struct word *w, const struct manifest **value);

/*
 * A person says that these members' cards are lost, with all that only they may hold, so that the
 * others need not wait for them. One that comes back all the same is taken for an emptied one. Is
 * remembered until a manifest says so; where so many are lost that no majority is left, all the
 * others must agree. If all but this node are lost, its store, whatever it is, is what the cluster
 * goes on from. Only while no Neo4j has formed.
 */
MUST_CHECK int quorum_accept_loss(struct quorum *q, const struct idset *ids, struct err *e);
/* Likewise for members that never came, the first time: the others, a majority, are the cluster. */
MUST_CHECK int quorum_form_without(struct quorum *q, const struct idset *ids, struct err *e);

/* Is this node the latest master that a majority may have followed, with its store as it was? */
bool quorum_was_last(const struct quorum *q);
/*
 * This node has a newer generation whole: its number, and its voters by ascending id. Only these
 * count in `offer`.
 */
void quorum_offer(struct quorum *q, const struct manifest *offer);
/* Why that cannot be decided, static; NULL: nothing is in the way, or there is none. */
const char *quorum_offer_obstacle(const struct quorum *q);

/*
 * Is this node to go with the offer, and its Neo4j in order to stop before that is decided, and not
 * to start? It is one again where that is not decided after all.
 */
bool quorum_is_leaving(const struct quorum *q);

/* The store is about to be put aside or removed: it follows nobody any more. Save d after it. */
void quorum_forget_store(struct quorum *q);

/* The members that count now: of the manifest, or before there is one those expected. */
static inline const struct manifest *quorum_members(const struct quorum *q)
{
	return q->d.manifest.epoch ? &q->d.manifest : &q->expected;
}

#endif
