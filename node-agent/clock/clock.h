/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CLOCK_H
#define BRAMBLE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../identity.h"
#include "../node_state.h"

/*
 * May Neo4j start by this clock, and what is to be done about it? Pure: what the clocks show goes
 * in, a verdict comes out; the only memory is struct clock.
 *
 * A Pi has no clock that runs without power, and Neo4j HA's timers believe the wall clock. (3.5:
 * they are triggered when System.currentTimeMillis() has come to a time reckoned before. A step
 * back by an hour ends all detection of failures for an hour; a step forward makes all of them
 * fire, once.) So the time is set before Neo4j runs, and only slewed while it does:
 *
 * - A clock that NTP keeps is left alone. One that nothing keeps takes the time of those peers'
 *   that NTP keeps, else of those whose databases run already, else, after a wait for NTP that is
 *   bounded, of all of them: the median, so that a minority of wrong ones counts for nothing.
 * - No time is taken from before the image was built nor from CLOCK_WINDOW_MS later on. Without
 *   anything better a clock before that is put to it.
 * - While Neo4j runs, up to CLOCK_SLEW_MAX_MS are made up for by slewing. More, and a step back
 *   that somebody else made, asks for an orderly restart of this node's Neo4j; once it has ended
 *   the first rule sets the clock.
 *
 * A clock is its base: the Unix time in ms it shows less CLOCK_BOOTTIME of this machine. That
 * changes with nothing but steps and slews.
 */
#define CLOCK_WINDOW_MS (INT64_C(5) * 365 * 86400 * 1000)
#define CLOCK_WAIT_MS 45000 /* of CLOCK_BOOTTIME: by then NTP would have come */
#define CLOCK_NEAR_MS 500   /* Neo4j's heartbeat, 2 s, does not mind */
#define CLOCK_SLEW_MIN_MS 50
#define CLOCK_SLEW_MAX_MS 1000
#define CLOCK_SLEW_EVERY_MS 60000
/* From an order until the clock must show it: longer than the helper may take for an answer. */
#define CLOCK_SET_GRACE_MS 25000
/* A peer that errs must not have this node's Neo4j restarted over and over. */
#define CLOCK_RESTART_EVERY_MS 3600000

enum clock_trust {
	CLOCK_FREE,    /* it may be set at any moment */
	CLOCK_SETTLED, /* a database runs by it */
	CLOCK_SYNCED,  /* NTP keeps it, as its own kernel says */
};
#define CLOCK_TRUSTS 3

struct clock_sample {
	int64_t base_ms;
	int64_t error_ms; /* by how much base may be off, for what this node can know */
	enum clock_trust trust;
};

struct clock_look {
	int64_t now_ms;
	struct clock_sample own; /* its trust: FREE or SYNCED */
	bool fixed;              /* not this node's to set: a container shares its machine's */
	bool resting;            /* no process of Neo4j exists here */
	int64_t built_ms;        /* Unix time; 0: unknown, and nothing is set */
	const struct clock_sample *peers; /* those present */
	size_t npeers;
};

enum clock_order {
	CLOCK_KEEP,
	CLOCK_SET,  /* a step */
	CLOCK_SLEW, /* as adjtime(3) does */
};

struct clock_verdict {
	enum clock_order order;
	int64_t by_ms;      /* to be added */
	bool ready;         /* Neo4j may start */
	bool restart;       /* a restart of the running one is wanted */
	char why[WHY_SIZE]; /* of not ready, of restart, or of a time that remains doubtful */
};

/* Zeroed at start. */
struct clock {
	bool known;        /* base_ms is that of the last look */
	bool settled;      /* Neo4j has run by it since boot, or since this agent began */
	bool set;          /* an order in this rest */
	bool failed;       /* the last one did not work */
	bool stepped_back; /* while Neo4j ran */
	int64_t base_ms, asked_ms, slewed_ms, restart_ms; /* the last three 0: never */
};

void clock_step(struct clock *c, const struct clock_look *look, struct clock_verdict *v);

/* What this node's clock counts for with others. */
enum clock_trust clock_trust(const struct clock *c, const struct clock_look *look);

/* An order could not be carried out. */
void clock_failed(struct clock *c);

#endif
