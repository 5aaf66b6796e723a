/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_ELECTION_H
#define PROXY_ELECTION_H

#include <stdbool.h>
#include <stdint.h>
#include "neo4j.h"

/*
 * Which member gets the writes: a pure function of what the probes say. There is one master or
 * none, never two.
 *
 *	phase       writes go to   leaves when
 *	NONE        nobody         a member says master                 -> SERVING it
 *	SERVING     .master        .master says something else or dies  -> NONE
 *	                           another member says master           -> CHALLENGED
 *	CHALLENGED  nobody         .master says master too              -> CONTESTED
 *	                           .master says something else, or
 *	                           its time to answer is over           -> SERVING .challenger
 *	                           .challenger takes it back            -> SERVING .master
 *	                           a third one says master              -> CONTESTED
 *	CONTESTED   nobody         one member alone says master         -> SERVING it
 *	                           none does                            -> NONE
 *
 * Adopting a master fences every other member in the same step: requests that may still write
 * through them are cut.
 */
enum election_phase { ELECTION_NONE, ELECTION_SERVING, ELECTION_CHALLENGED, ELECTION_CONTESTED };

#define CHALLENGE_MS 200
#define CHALLENGE_DOUBT_MS 50 /* for one that owes an answer already, or failed to give one */

struct election {
	enum election_phase phase;
	int master;      /* in SERVING and CHALLENGED, else -1 */
	int challenger;  /* in CHALLENGED, else -1 */
	uint64_t claims; /* bit i: member i said master last */
};

/* What the caller must do, in this order. */
struct election_actions {
	int probe; /* ask this member at once and drop an older question; -1: nobody */
	/* Call election_timeout in CHALLENGE_MS or CHALLENGE_DOUBT_MS, unless the phase has
	 * changed. */
	bool arm_timer;
	int adopt; /* writes go to this member from now on, all others are fenced; -1: nobody */
};

void election_init(struct election *s);
/* Member said role, or is dead (NEO4J_DOWN). */
struct election_actions election_heard(struct election *s, int member, enum neo4j_role role);
struct election_actions election_timeout(struct election *s);
/* The member that takes writes, or -1. */
int election_master(const struct election *s);
/* Why writes wait, for people; in SERVING it is because the master just fell silent. */
const char *election_why_none(const struct election *s);

#endif
