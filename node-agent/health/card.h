/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CARD_H
#define BRAMBLE_CARD_H

#include <sys/types.h>
#include "../runtime.h"
#include "health.h"
#include "loop.h"
#include "store_log.h"

/*
 * Measures p3, and keeps room back on it. Its size is asked for every second, which reads nothing
 * from the card. Whatever may wait for the card, a child does, one at a time: it writes
 * CARD_PROBE, syncs and removes it, so that a new block is needed each time; it makes or removes
 * CARD_RESERVE; and it reads on in Neo4j's log (store_log.h). A card that hangs holds up that child
 * and nobody else.
 *
 * Nothing is written unless card_allow was told that p3 is this node's, and to no other
 * filesystem than the one that was mounted then.
 *
 * Neo4j outlives its agent, and tells nobody but its log that it panicked: how far that was read,
 * and whether Neo4j has given up, is for the next agent too (runtime.h).
 */
#define CARD_PROBE "bramble.probe"
#define CARD_PROBE_SIZE 4096
#define CARD_RESERVE "bramble.reserve"
#define CARD_RESERVE_MAX (256ull << 20)
#define CARD_RESERVE_PART 32 /* of p3, if that is less */
#define CARD_LOOK_MS 1000
#define CARD_CALM_MS 5000  /* between probes of a fit p3: each is a commit of ext4's journal */
#define CARD_WORRY_MS 2000 /* of one that is not */

/* What the child tells beside its exit status: memory that it shares. */
struct card_page {
	struct store_log log;
	int64_t of; /* the Neo4j whose lines it is at; 0: none's yet */
	bool panicked;
};

struct card {
	struct loop *loop;
	const char *dir, *run;
	bool allowed;
	dev_t device;
	pid_t child;  /* 0: none */
	bool probing; /* it began while p3 was this node's: its end counts */
	int64_t next_ms;
	unsigned failed;             /* of facts.probes */
	int64_t pid;                 /* of Neo4j; 0: none runs, or it is not known yet */
	struct followed heard, kept; /* of it; what the next agent will find */
	struct card_page *page;
	struct health_facts facts;
	struct health health;
	struct loop_timer timer;
};

/* dir is where p3 is mounted, run is /run/bramble; they and the loop must outlive c. */
MUST_CHECK int card_open(
	struct card *c, struct loop *l, const char *dir, const char *run, struct err *e);
void card_close(struct card *c);

/* Neo4j has given up, by another sign than its log (write_probe.h). */
void card_panicked(struct card *c);

/*
 * Is p3 there, and this node's? May a Neo4j be running on it, and which process is it (0: that is
 * not known now)? To be told before each look.
 */
void card_allow(struct card *c, bool allowed, bool neo4j_runs, int64_t pid);

#endif
