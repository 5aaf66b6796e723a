/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_DECREE_H
#define BRAMBLE_DECREE_H

#include "manifest.h"

/*
 * One epoch's manifest, decided by single-decree Paxos (Lamport, "Paxos Made Simple", 2001, 2.2)
 * among the voters of the epoch before. There are no replies: each voter says in its hellos what
 * it has promised and accepted, a proposer says what it proposes, and both are repeated until they
 * are overtaken. So loss, delay, order and duplicates need no care.
 */
typedef uint64_t ballot_t; /* round * 256 + proposer's id; 0: none */

static inline ballot_t ballot_above(ballot_t b, unsigned id)
{
	return ((b >> 8) + 1) << 8 | id;
}

static inline unsigned ballot_proposer(ballot_t b)
{
	return b & 0xff;
}

/* A voter's memory, for the epoch after its manifest's. On p3 before anybody hears of it. */
struct acceptor {
	ballot_t promised, accepted;
	struct manifest value; /* accepted; meaningless when accepted is 0 */
};

/* Both return whether anything changed. */
bool acceptor_promise(struct acceptor *a, ballot_t b);
bool acceptor_accept(struct acceptor *a, ballot_t b, const struct manifest *value);

enum decree_phase {
	DECREE_IDLE,
	DECREE_PREPARE, /* asks for promises */
	DECREE_ACCEPT,  /* asks to accept value */
};

struct proposer {
	enum decree_phase phase;
	ballot_t ballot;
	struct idset yes;      /* who has said so in this phase */
	ballot_t best;         /* highest ballot accepted among those who promised */
	struct manifest value; /* PREPARE: best's; ACCEPT: what is proposed */
};

void proposer_prepare(struct proposer *p, ballot_t b);
/* id has promised p's ballot, having accepted `value` in ballot `accepted` (0: nothing). */
void proposer_promised(
	struct proposer *p, unsigned id, ballot_t accepted, const struct manifest *value);
/*
 * Enough have promised: proposes what may have been decided already, or else `wish`; false when
 * there is neither.
 */
bool proposer_propose(struct proposer *p, const struct manifest *wish);

#endif
