/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "hello.h"
#include "turn.h"

void turn_begin(struct turn *t, uint32_t tickets, int64_t now_ms)
{
	*t = (struct turn){.tickets = tickets, .since_ms = now_ms, .rough_ms = now_ms};
}

static PRINTF(2, 3) void say(struct turn *t, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	why_copy(t->why, why);
}

/* --- the voter's part */

static const struct turn_peer *find(const struct turn_look *look, unsigned id)
{
	for (size_t i = 0; i < look->npeers; i++) {
		if (look->peers[i].id == id)
			return &look->peers[i];
	}
	return NULL;
}

/* Does whom this voter grants go on asking? As far as can be told while it is not heard. */
static bool goes_on(struct turn *t, const struct turn_look *look)
{
	const struct turn_peer *p = find(look, t->word.grants);
	const struct turn_word *w = p ? &p->word : &t->word;

	if (!p && t->word.grants != look->self)
		return false;
	if (p && !p->present)
		return look->now_ms - t->seen_ms < TURN_LOST_MS;
	t->seen_ms = look->now_ms;
	return w->stage >= TURN_ASKS && w->ticket == t->word.grants_ticket;
}

/* Whoever holds the turn, then slaves, those first that are not available, the master; by id. */
static bool comes_before(const struct turn_peer *a, const struct turn_peer *b)
{
	if ((a->word.stage == TURN_HOLDS) != (b->word.stage == TURN_HOLDS))
		return a->word.stage == TURN_HOLDS;
	if (a->master != b->master)
		return b->master;
	if (a->ready != b->ready)
		return b->ready;
	return a->id < b->id;
}

/* The first in the order of those present that have come that far, or NULL. */
static const struct turn_peer *first(const struct turn_look *look, enum turn_stage least)
{
	const struct turn_peer *best = NULL;

	for (size_t i = 0; i < look->npeers; i++) {
		const struct turn_peer *p = &look->peers[i];
		if (p->present && p->word.stage >= least && (!best || comes_before(p, best)))
			best = p;
	}
	return best;
}

static bool is_before_me(
	const struct turn *t, const struct turn_look *look, const struct turn_peer *p)
{
	const struct turn_peer me = {
		.id = look->self, .ready = look->ready, .master = look->master, .word = t->word};

	return p && comes_before(p, &me);
}

static void grant(struct turn *t, const struct turn_look *look)
{
	const struct turn_peer *asker = first(look, TURN_ASKS);
	bool me = t->word.stage >= TURN_ASKS && !is_before_me(t, look, asker);

	if (t->word.grants && goes_on(t, look))
		return;
	t->word.grants = 0;
	t->word.grants_ticket = 0;
	if (look->now_ms - t->since_ms < TURN_LOST_MS || (!me && !asker))
		return;
	t->word.grants = (uint8_t)(me ? look->self : asker->id);
	t->word.grants_ticket = me ? t->word.ticket : asker->word.ticket;
	t->seen_ms = look->now_ms;
}

/* --- the asker's part */

static bool grants_me(const struct turn *t, unsigned self, const struct turn_word *w)
{
	return w->grants == self && w->grants_ticket == t->word.ticket;
}

static unsigned count_grants(const struct turn *t, const struct turn_look *look)
{
	unsigned n = grants_me(t, look->self, &t->word);

	for (size_t i = 0; i < look->npeers; i++)
		n += look->peers[i].present && grants_me(t, look->self, &look->peers[i].word);
	return n;
}

static uint64_t furthest_tx(const struct turn_look *look)
{
	uint64_t furthest = look->last_tx == TX_UNKNOWN ? 0 : look->last_tx;

	for (size_t i = 0; i < look->npeers; i++) {
		uint64_t tx = look->peers[i].last_tx;
		if (look->peers[i].present && tx != TX_UNKNOWN && tx > furthest)
			furthest = tx;
	}
	return furthest;
}

/* What is not right with one of the others, or NULL. */
static const char *obstacle(const struct turn_peer *p, uint64_t furthest)
{
	if (!p->present)
		return "is not heard";
	if (p->word.stage == TURN_HOLDS)
		return "has its turn";
	if (!p->ready)
		return "is not available";
	if (p->last_tx != TX_UNKNOWN && p->last_tx + TURN_LAG_MAX < furthest)
		return "has not caught up";
	return NULL;
}

/* Have all others been ready for a while? */
static bool is_calm(struct turn *t, const struct turn_look *look)
{
	uint64_t furthest = furthest_tx(look);

	for (size_t i = 0; i < look->npeers; i++) {
		const char *why = obstacle(&look->peers[i], furthest);
		if (!why)
			continue;
		t->rough_ms = look->now_ms;
		say(t, "%s %s", look->peers[i].name, why);
		return false;
	}
	say(t, "all have just become ready");
	return look->now_ms - t->rough_ms >= TURN_CALM_MS;
}

static void ask(struct turn *t, const struct turn_look *look, bool calm)
{
	const struct turn_peer *rival = first(look, TURN_WAITS);
	unsigned grants = count_grants(t, look);

	if (is_before_me(t, look, rival)) {
		say(t, "%s comes before", rival->name);
		t->word.stage = TURN_WAITS;
	} else if (t->word.stage == TURN_WAITS) {
		t->word.stage = TURN_ASKS;
		t->word.ticket = ++t->tickets;
	} else if (grants < look->needed) {
		say(t, "%u of %u grants", grants, look->needed);
	} else if (calm) {
		t->word.stage = TURN_HOLDS;
	}
}

bool turn_step(struct turn *t, const struct turn_look *look, bool wanted)
{
	bool calm = is_calm(t, look);

	if (!wanted)
		t->word.stage = TURN_NONE;
	else if (t->word.stage == TURN_NONE)
		t->word.stage = TURN_WAITS;
	if (t->word.stage == TURN_WAITS || t->word.stage == TURN_ASKS)
		ask(t, look, calm);
	grant(t, look);
	if (t->word.stage == TURN_NONE || t->word.stage == TURN_HOLDS)
		t->why[0] = '\0';
	return t->word.stage == TURN_HOLDS;
}
