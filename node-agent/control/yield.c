/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include "yield.h"

static void enter(struct yield *y, enum yield_phase phase, int64_t now_ms)
{
	y->phase = phase;
	y->since_ms = now_ms;
}

void yield_begin(struct yield *y, const struct member *to, int64_t now_ms)
{
	*y = (struct yield){.to = to};
	drain_begin(&y->drain, now_ms);
	enter(y, YIELD_WAITS, now_ms);
}

static void give_up(struct yield *y, const char *why)
{
	snprintf(y->why, sizeof(y->why), "%s %s", y->to->name, why);
	y->phase = YIELD_NONE;
}

static bool has_all(const struct yield_look *look)
{
	return look->last_tx != TX_UNKNOWN && look->to_tx != TX_UNKNOWN &&
	       look->to_tx >= look->last_tx;
}

/* What was acknowledged must be on the chosen one before this one goes. */
static void wait_for_all(struct yield *y, const struct yield_look *look)
{
	int64_t ms = look->now_ms - y->since_ms;

	drain_step(&y->drain, look->master, look->last_tx, look->told_ms, look->now_ms);
	if (!look->to_present || look->to_role != NEO4J_SLAVE)
		give_up(y, "is no slave");
	else if (drain_is_done(&y->drain, look->now_ms) && has_all(look))
		enter(y, YIELD_RESTS, look->now_ms);
	else if (ms >= YIELD_CATCH_UP_MS)
		give_up(y, "does not catch up");
}

/* It can only be elected when this one has stopped: what it is before does not count. */
static void rest(struct yield *y, const struct yield_look *look)
{
	y->stopped |= !look->process;
	if (look->now_ms - y->since_ms >= YIELD_REST_MS || !look->to_present)
		give_up(y, "has not become master");
	else if (y->stopped && look->to_role == NEO4J_MASTER)
		y->phase = YIELD_NONE;
}

void yield_step(struct yield *y, const struct yield_look *look)
{
	switch (y->phase) {
	case YIELD_NONE:
		break;
	case YIELD_WAITS:
		wait_for_all(y, look);
		break;
	case YIELD_RESTS:
		rest(y, look);
		break;
	}
}
