/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_DRAIN_H
#define BRAMBLE_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A master takes no more writes before Neo4js stop in order: so nothing is acknowledged that no
 * other store gets, and no client's write is cut whose outcome it could not know. First proxies are
 * told not to send any more, then nobody comes in. Pure.
 */
/* At least, for what is under way: proxies ask agents once a second, and one commit in a hundred
 * takes 2 s. */
#define DRAIN_LEAST_MS 4000
#define DRAIN_SETTLE_MS 2500    /* what the master tells of itself is as old as that */
#define DRAIN_CATCH_UP_MS 30000 /* from its begin until others have all, or it was in vain */
#define DRAIN_QUIET_MS 10000    /* so long a master waits for its last writers */
#define DRAIN_IN_VAIN "too few others get what the master has"
/* Who was told to be powered off is off by then, or takes writes again: nobody has to remember. */
#define DRAIN_REST_MS 120000 /* since it was asked for last */

struct drain {
	int64_t since_ms; /* since when it takes no writes; 0: it does */
	int64_t asked_ms; /* when somebody last asked for it, who gives it up or asks again */
	int64_t shut_ms;  /* since when nobody may come in; 0: they may */
	uint64_t seen;    /* of the store, as last told */
	int64_t moved_ms; /* since when it is that */
	int64_t told_ms;  /* when it was asked for that */
	bool told;        /* it has told at all; one that refuses the agents' password does not */
};

/* One that is under way begins anew. */
void drain_begin(struct drain *d, int64_t now_ms);
/* It goes on, or begins: who asks has as long as who asked first. */
void drain_ask(struct drain *d, int64_t now_ms);
/*
 * Twice a second, and whenever the look changed. master: is this node's Neo4j? told_ms: when that
 * was asked for last_tx.
 */
void drain_step(struct drain *d, bool master, uint64_t last_tx, int64_t told_ms, int64_t now_ms);

/* Has nobody asked for it for so long that it is to take writes again? */
bool drain_is_over(const struct drain *d, int64_t now_ms);
/* Has nobody been let in for a while? */
bool drain_is_quiet(const struct drain *d, int64_t now_ms);
/* Is what the store was told to have all that will have been acknowledged here? */
bool drain_is_done(const struct drain *d, int64_t now_ms);

/* May a master be written to? */
static inline bool drain_is_closed(const struct drain *d)
{
	return d->since_ms != 0;
}
/* May nobody come in any more? Whose request is cut does not know what became of it. */
static inline bool drain_is_shut(const struct drain *d)
{
	return d->shut_ms != 0;
}

#endif
