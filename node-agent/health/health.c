/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "health.h"

static const char *const level_names[HEALTH_LEVELS] = {
	[HEALTH_FIT] = "fit",
	[HEALTH_LOW] = "low",
	[HEALTH_SICK] = "sick",
};

const char *health_level_name(enum health_level level)
{
	return level_names[level];
}

/* --- what is wrong */

/* The reserve counts as room, so that giving it up changes nothing here. */
static uint64_t room(const struct health_facts *f)
{
	return f->free + f->reserve;
}

static unsigned percent_used(const struct health_facts *f)
{
	if (!f->size || room(f) >= f->size)
		return 0;
	return (unsigned)((f->size - room(f)) / (f->size / 100 ? f->size / 100 : 1));
}

static void look_at_room(struct health *h, const struct health_facts *f)
{
	h->percent = percent_used(f);
	if (h->percent >= HEALTH_LOW_PERCENT)
		h->low = true;
	else if (h->percent < HEALTH_FIT_PERCENT)
		h->low = false;
	if (room(f) < f->reserve_max + f->reserve_max / 8)
		h->full = true;
	else if (room(f) >= 2 * f->reserve_max)
		h->full = false;
}

static void fail(struct health *h, int error)
{
	h->failing = true;
	h->error = error;
	h->good = 0;
}

static void look_at_probe(struct health *h, const struct health_facts *f)
{
	if (f->probes != h->probes) {
		h->probes = f->probes;
		h->bad = f->probe_error ? h->bad + 1 : 0;
		h->good = f->probe_error ? 0 : h->good + 1;
	}
	if (h->good >= HEALTH_GOOD_PROBES)
		h->failing = false;
	if (f->readonly)
		fail(h, EROFS);
	else if (h->bad >= HEALTH_BAD_PROBES)
		fail(h, f->probe_error);
	else if (f->probing_ms >= 0 && f->now_ms - f->probing_ms >= HEALTH_HANG_MS)
		fail(h, ETIMEDOUT);
}

void health_neo4j_ended(struct health *h, const struct health_facts *f)
{
	h->panicked = h->stale = false;
	h->panics = f->panics;
}

/* A write that only waits harms nothing; one that fails makes Neo4j give up. */
static void look_at_neo4j(struct health *h, const struct health_facts *f)
{
	if (!f->neo4j_runs)
		health_neo4j_ended(h, f);
	else if (f->panics != h->panics)
		h->panicked = h->stale = true;
	else if ((h->failing && h->error != ETIMEDOUT) || (h->full && !f->free))
		h->stale = true;
	h->panics = f->panics;
}

static void tell(struct health *h)
{
	h->why[0] = '\0';
	if (h->failing && h->error == EROFS)
		snprintf(h->why, sizeof(h->why), "p3 is read-only: see the log of the kernel");
	else if (h->failing && h->error == ETIMEDOUT)
		snprintf(h->why, sizeof(h->why), "a write to p3 hangs");
	else if (h->full)
		snprintf(h->why, sizeof(h->why), "p3 is full: make room on /srv/bramble");
	else if (h->failing)
		snprintf(h->why, sizeof(h->why), "writes to p3 fail: %s", strerror(h->error));
	else if (h->low)
		snprintf(h->why, sizeof(h->why), "p3 is %u %% full: make room on /srv/bramble",
			h->percent);
}

void health_look(struct health *h, const struct health_facts *f)
{
	if (!f->known)
		return;
	look_at_room(h, f);
	look_at_probe(h, f);
	look_at_neo4j(h, f);
	h->level = h->failing || h->full ? HEALTH_SICK : h->low ? HEALTH_LOW : HEALTH_FIT;
	tell(h);
}

/* While Neo4j runs it would only eat what its recovery needs. */
bool health_wants_release(const struct health *h, const struct health_facts *f)
{
	return f->known && f->reserve && h->full && !f->neo4j_runs;
}

bool health_wants_reserve(const struct health *h, const struct health_facts *f)
{
	return f->known && !f->reserve && h->level == HEALTH_FIT && f->free >= 2 * f->reserve_max;
}

/* --- what follows */

static bool is_majority(unsigned n, const struct health_others *o)
{
	return n > o->voters / 2;
}

/* Rule 1. */
static bool has_heir(const struct health *h, const struct health_others *o)
{
	return o->heirs && is_majority(h->level == HEALTH_LOW ? o->fit : o->serving, o);
}

/* Rule 5. With two members Neo4j lets the master go on alone. */
static bool is_dispensable(enum neo4j_role role, const struct health_others *o)
{
	return role == NEO4J_MASTER || !o->master || o->voters <= 2 || is_majority(o->serving, o);
}

static void decide_running(struct health *h, const struct health_facts *f, enum neo4j_role role,
	const struct health_others *o, struct health_order *order)
{
	if (h->level != HEALTH_SICK && h->good && h->stale && is_dispensable(role, o)) {
		order->end = true;
		order->why = h->panicked ? "Neo4j takes no more writes, and begins anew"
					 : "p3 is fit again, and Neo4j begins anew";
	} else if (h->level != HEALTH_FIT && role == NEO4J_MASTER) {
		order->end = has_heir(h, o);
		order->why = order->end ? "another one can be master"
					: "still master, for no other could be";
		h->ended_ms = order->end ? f->now_ms : h->ended_ms;
	}
}

/* Rules 2 and 3. */
static void decide_stopped(struct health *h, const struct health_facts *f,
	const struct health_others *o, struct health_order *order)
{
	bool needed = !o->master && h->full && !h->failing && f->free;

	if (o->master || f->now_ms - h->ended_ms >= HEALTH_AWAY_MS)
		h->ended_ms = 0;
	if (h->level == HEALTH_SICK && !needed) {
		order->barred = true;
		order->why = "Neo4j is not started";
	} else if (h->ended_ms) {
		order->barred = true;
		order->why = "waits until another one is master";
	}
}

void health_decide(struct health *h, const struct health_facts *f, enum neo4j_role role,
	const struct health_others *others, struct health_order *order)
{
	*order = (struct health_order){.why = ""};
	if (f->neo4j_runs)
		decide_running(h, f, role, others, order);
	else
		decide_stopped(h, f, others, order);
}
