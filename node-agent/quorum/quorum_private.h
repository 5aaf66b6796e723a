/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_QUORUM_PRIVATE_H
#define BRAMBLE_QUORUM_PRIVATE_H

#include "quorum.h"

typedef bool member_test(const struct quorum *q, unsigned id);

/* *since_ms becomes since when it is so; -1: it is not. */
void quorum_note_since(const struct quorum *q, bool is, int64_t *since_ms);

/* --- seats.c: what is known of each member */

/* Heard within the last ms? This node itself always. */
bool quorum_near(const struct quorum *q, unsigned id, int64_t ms);
/* Is what it remembers of the decrees whole? */
bool quorum_votes(const struct quorum *q, unsigned id);
/* Has this node a vote, but no store? */
bool quorum_is_arbiter(const struct quorum *q);
/* Was its card given up for lost, or did it never come? Nothing of it counts then. */
bool quorum_is_lost(const struct quorum *q, unsigned id);
/* What id last said; of this node itself, what it would say. */
const struct word *quorum_said(const struct quorum *q, unsigned id);
/* How many members pass the test; are they a majority of the voters? */
unsigned quorum_count_of(const struct quorum *q, member_test *test);
bool quorum_majority_of(const struct quorum *q, member_test *test);
/*
 * Since when have so many passed the test, who are a majority: the oldest of their proofs, the
 * newest ones counted. Only where they are one.
 */
int64_t quorum_majority_since(const struct quorum *q, member_test *test);
/* Heard within the last ms, and in this manifest's run? */
bool quorum_in_run(const struct quorum *q, unsigned id, int64_t ms);
/* Present, with a Neo4j of this run, as it says? */
bool quorum_runs(const struct quorum *q, unsigned id);
/* One of this run's hosts, and present? */
bool quorum_is_host(const struct quorum *q, unsigned id);
/* Is any of this run's hosts a data node? The others may have been given up, or removed. */
bool quorum_has_data_host(const struct quorum *q);
/* Has its Neo4j formed in this run? And is it heard? */
bool quorum_has_joined(const struct quorum *q, unsigned id);
bool quorum_joined(const struct quorum *q, unsigned id);
/* Its Neo4j's own word, whether anybody follows it or not. */
bool quorum_is_master(const struct quorum *q, unsigned id);
bool quorum_is_slave_of(const struct quorum *q, unsigned id, unsigned master);

/* --- stores.c: who holds what */

bool mastership_later(const struct mastership *a, const struct mastership *b);
/*
 * The latest mastership that a store of somebody present ever followed, and those of a majority
 * may: only such a master was ever writable.
 */
struct mastership quorum_last(const struct quorum *q);
/* Does id's store follow an older one? */
bool quorum_behind(const struct quorum *q, unsigned id);
/*
 * May its store hold what the last master never took, and be elected for it? How long a store at
 * rest is nobody knows exactly, so only what it follows counts.
 */
bool quorum_astray(const struct quorum *q, unsigned id);
/*
 * Those that may hold what the last master took, besides the stores that follow it and pass the
 * test; of the master's own store, for it has all, those that may have followed a later one. What
 * was on lost cards is given up.
 */
struct idset quorum_elsewhere(const struct quorum *q, member_test *test);
/* Are they too few to hold what a majority held? */
bool quorum_accounted(const struct quorum *q, member_test *test);
/*
 * Of those that pass the test the last master, if its store is still its own: it has all. Else the
 * data node with the longest store that follows that one, as far as is known; of even ones the
 * first. 0: there is none, or there was never a master.
 */
unsigned quorum_most(const struct quorum *q, member_test *test);
/* Who alone begins this run (wish_run), where nobody has led in it; else 0. */
unsigned quorum_beginner(const struct quorum *q);
/* A host of this run, or one that is heard, and has no more than the one that begins it alone. */
bool quorum_is_covered(const struct quorum *q, unsigned id);
/* Where there is a beginner: may id have less than that one? Who has told no length may. */
bool quorum_falls_short(const struct quorum *q, unsigned id);
/* Is it master, and no such one? */
bool quorum_has_as_much(const struct quorum *q, unsigned id);
/* Was there certainly never a writable master? */
bool quorum_is_new(const struct quorum *q);
/* Does its store count? As long as nobody was master there is nothing in any. */
bool quorum_whole(const struct quorum *q, unsigned id);

/* --- masters.c: who is master, by whose grants, and whose stores follow it */

/*
 * Supports this run: a voter whose store counts; and the others too, while all that must not be
 * lost is among the supporters: empty ones may stand by.
 */
bool quorum_supports(const struct quorum *q, unsigned id);
/* A master that a majority follows, as it says itself. */
bool quorum_is_leading(const struct quorum *q, unsigned id);
/* Likewise, for use within a step: this node says so only at its end, what it was before counts. */
bool quorum_leads(const struct quorum *q, unsigned id);
/* Who leads; 0: nobody. */
unsigned quorum_leader(const struct quorum *q);
/* Is that one of m's voters, followed by a majority of them, who are all here? m may be what is
 * wished for. */
bool quorum_majority_led(const struct quorum *q, const struct manifest *m);
/*
 * Likewise, and has a majority of the data nodes what it had QUORUM_PULLED_MS ago or later, and
 * since_ms or later? Who follows may have lost touch with it since; an arbiter has nothing.
 */
bool quorum_majority_pulled(const struct quorum *q, const struct manifest *m, int64_t since_ms);
/* What id claims now; term 0: nothing. */
const struct mastership *quorum_claim_of(const struct quorum *q, unsigned id);
/* Does it follow this node, its master? */
bool quorum_follows_me(const struct quorum *q, unsigned id);
/* Has the one that holds this voter's grant given it up, or no lease by it any more? */
bool quorum_is_released(const struct quorum *q);
/* This node's own part of the three: what it claims, grants and follows. */
void quorum_claim(struct quorum *q);
void quorum_grant(struct quorum *q);
void quorum_follow(struct quorum *q);
/* Is its Neo4j slave of the granted master, and lacks, by both their words, what that one had? */
bool quorum_lags(const struct quorum *q);
/* Is it stuck, and all that must not be lost with others that run? */
bool quorum_is_spare(const struct quorum *q);
/* unseen: a Neo4j may have lived and died since this agent's last step. */
void quorum_touch(struct quorum *q, bool unseen);
/* Is this node a master that a majority follows now? */
bool quorum_is_followed(const struct quorum *q);
/* How far are the slaves of the master that leads? To be called in each step. */
void quorum_watch_pulls(struct quorum *q);
/* Is its Neo4j slave of a master that leads? To be called in each step. */
void quorum_watch_below(struct quorum *q);
/* v->lease_ms is the lease's end before; where ports are open by less than that, it ends sooner. */
void quorum_decide_ports(const struct quorum *q, struct verdict *v);

/* --- start.c */

void quorum_decide_start(struct quorum *q, bool fit, struct verdict *v);

/* --- propose.c */

/*
 * Begins, goes on with or gives up a proposal. v->why is set, and v->missing, when one would be
 * needed but may not be.
 */
void quorum_propose(struct quorum *q, struct verdict *v);
/* A phase may be complete. */
void quorum_conclude(struct quorum *q);
/* Is it heard, and of this epoch? And a voter? */
bool quorum_here(const struct quorum *q, unsigned id);
bool quorum_voter_here(const struct quorum *q, unsigned id);
/* Has any member near a Neo4j that has formed? */
bool quorum_any_formed(const struct quorum *q);

/* --- generation.c: reasons for a manifest, and what it would say */

bool quorum_has_failed(const struct quorum *q);
bool quorum_wish_withdrawn(const struct quorum *q, struct manifest *m, const char **why);
bool quorum_has_offer(const struct quorum *q);
bool quorum_wish_offer(const struct quorum *q, struct manifest *m, const char **why);
/* Does a voter have to stop before it goes? To be called in each step. */
void quorum_watch_parting(struct quorum *q);
/* May that card, which has no vote, be given one? */
bool quorum_may_come(const struct quorum *q, unsigned id);

/* --- quorum.c */

void quorum_adopt(struct quorum *q, const struct manifest *m);
/* Has somebody near granted a later master, with a store shorter than this one's? */
bool quorum_others_follow_later(const struct quorum *q);
/*
 * A master, other than the last one, that this node's store does not follow, and with a shorter
 * one?
 */
bool quorum_lacks_mine(const struct quorum *q, unsigned id);

#endif
