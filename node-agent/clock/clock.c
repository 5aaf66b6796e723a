/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"

static PRINTF(2, 3) void say(struct clock_verdict *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->why, sizeof(v->why), fmt, ap);
	va_end(ap);
}

static bool in_window(const struct clock_look *look, int64_t base_ms)
{
	int64_t since_ms = base_ms + look->now_ms - look->built_ms;

	return since_ms >= 0 && since_ms <= CLOCK_WINDOW_MS;
}

/* A number of milliseconds of either sign, for people: "3 h", "12 days". */
static const char *span(char to[32], int64_t ms)
{
	static const struct {
		int64_t ms;
		const char *name;
	} units[] = {{86400000, "days"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
	size_t i = 0;

	ms = ms < 0 ? -ms : ms;
	while (i + 1 < sizeof(units) / sizeof(units[0]) && ms < 2 * units[i].ms)
		i++;
	snprintf(to, 32, "%" PRId64 " %s", ms / units[i].ms, units[i].name);
	return to;
}

static int by_base(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/*
 * The lower median of the clocks of at least that trust, in the window. Whoever sets itself to it
 * leaves it where it is for the others. with_own: this node's clock is one of them.
 */
static bool median(
	const struct clock_look *look, enum clock_trust least, bool with_own, int64_t *base_ms)
{
	int64_t bases[MEMBERS_MAX + 1];
	size_t n = 0;

	if (with_own && in_window(look, look->own.base_ms))
		bases[n++] = look->own.base_ms;
	for (size_t i = 0; i < look->npeers && n < MEMBERS_MAX; i++) {
		if (look->peers[i].trust >= least && in_window(look, look->peers[i].base_ms))
			bases[n++] = look->peers[i].base_ms;
	}
	if (n == 0)
		return false;
	qsort(bases, n, sizeof(bases[0]), by_base);
	*base_ms = bases[(n - 1) / 2];
	return true;
}

enum clock_trust clock_trust(const struct clock *c, const struct clock_look *look)
{
	if (look->own.trust == CLOCK_SYNCED)
		return CLOCK_SYNCED;
	return c->settled ? CLOCK_SETTLED : CLOCK_FREE;
}

void clock_failed(struct clock *c)
{
	c->failed = true;
}

/* A clock in the past of its own image is wrong for sure; one in the future may be right. */
static int64_t not_before_built(const struct clock_look *look)
{
	int64_t built_ms = look->built_ms - look->now_ms;

	return look->own.base_ms < built_ms ? built_ms : look->own.base_ms;
}

/* What this node's clock should be before Neo4j runs by it. false: that is to be seen. */
static bool find_base(const struct clock *c, const struct clock_look *look, int64_t *base_ms)
{
	*base_ms = look->own.base_ms;
	if (look->own.trust == CLOCK_SYNCED || median(look, CLOCK_SYNCED, false, base_ms))
		return true;
	if (c->settled && in_window(look, look->own.base_ms))
		return true;
	if (median(look, CLOCK_SETTLED, false, base_ms))
		return true;
	if (look->now_ms < CLOCK_WAIT_MS)
		return false;
	if (!median(look, CLOCK_FREE, true, base_ms))
		*base_ms = not_before_built(look);
	return true;
}

static void set(
	struct clock *c, const struct clock_look *look, int64_t by_ms, struct clock_verdict *v)
{
	char text[32];

	c->set = true;
	c->failed = false;
	c->asked_ms = look->now_ms;
	v->order = CLOCK_SET;
	v->by_ms = by_ms;
	v->ready = false;
	say(v, "the clock is set %s by %s", by_ms < 0 ? "back" : "forward", span(text, by_ms));
}

/* Before Neo4j runs: one step, if it takes one. */
static void step_at_rest(struct clock *c, const struct clock_look *look, struct clock_verdict *v)
{
	int64_t base_ms, by_ms;
	char text[32];

	if (!find_base(c, look, &base_ms)) {
		v->ready = false;
		say(v, "waits for the time, at most %" PRId64 " s: no clock here is synchronised",
			(CLOCK_WAIT_MS - look->now_ms + 999) / 1000);
		return;
	}
	by_ms = base_ms - look->own.base_ms;
	if (llabs(by_ms) <= CLOCK_NEAR_MS) {
		c->failed = false;
		return;
	}
	if (!c->set) {
		set(c, look, by_ms, v);
		return;
	}
	v->ready = c->failed || look->now_ms - c->asked_ms >= CLOCK_SET_GRACE_MS;
	if (v->ready)
		say(v, "the clock is %s off and could not be set", span(text, by_ms));
	else
		say(v, "waits until the clock is set");
}

/* Somebody set it back while Neo4j ran: its timers sleep until the time is reached again. */
static bool wants_new_timers(const struct clock *c, struct clock_verdict *v)
{
	if (!c->stepped_back)
		return false;
	say(v, "the clock was set back while Neo4j ran");
	return true;
}

static bool wants_other_time(const struct clock_look *look, int64_t by_ms, struct clock_verdict *v)
{
	char text[32];

	if (llabs(by_ms) <= CLOCK_SLEW_MAX_MS || look->own.trust == CLOCK_SYNCED)
		return false;
	say(v, "the clock is %s %s synchronised peers'", span(text, by_ms),
		by_ms < 0 ? "ahead of" : "behind");
	return true;
}

static void slew(struct clock *c, const struct clock_look *look, int64_t by_ms, int64_t error_ms,
	struct clock_verdict *v)
{
	bool soon = c->slewed_ms && look->now_ms - c->slewed_ms < CLOCK_SLEW_EVERY_MS;

	if (soon || llabs(by_ms) <= CLOCK_SLEW_MIN_MS + error_ms ||
		llabs(by_ms) > CLOCK_SLEW_MAX_MS)
		return;
	c->slewed_ms = look->now_ms;
	v->order = CLOCK_SLEW;
	v->by_ms = by_ms;
}

static int64_t worst_error(const struct clock_look *look)
{
	int64_t worst = 0;

	for (size_t i = 0; i < look->npeers; i++) {
		if (look->peers[i].error_ms > worst)
			worst = look->peers[i].error_ms;
	}
	return worst;
}

/* While Neo4j runs: nothing but slewing, and the wish for a restart. */
static void step_running(struct clock *c, const struct clock_look *look, struct clock_verdict *v)
{
	bool soon = c->restart_ms && look->now_ms - c->restart_ms < CLOCK_RESTART_EVERY_MS;
	int64_t base_ms = look->own.base_ms;
	bool reference = median(look, CLOCK_SYNCED, false, &base_ms);

	if (!reference)
		median(look, CLOCK_SETTLED, true, &base_ms);
	int64_t by_ms = base_ms - look->own.base_ms;
	if (look->own.trust != CLOCK_SYNCED && !look->fixed)
		slew(c, look, by_ms, worst_error(look), v);
	bool wanted = wants_new_timers(c, v) ||
		      (reference && !look->fixed && !c->failed && wants_other_time(look, by_ms, v));
	v->restart = wanted && !soon;
}

static void watch_steps(struct clock *c, const struct clock_look *look)
{
	if (c->known && !look->resting && look->own.base_ms < c->base_ms - CLOCK_SLEW_MAX_MS)
		c->stepped_back = true;
	c->base_ms = look->own.base_ms;
	c->known = true;
}

/* Neo4j has ended, or been started: what was asked of the clock before is over. */
static void turn_over(struct clock *c, const struct clock_look *look)
{
	if (look->resting) {
		if (c->stepped_back)
			c->restart_ms = look->now_ms;
		c->stepped_back = false;
		return;
	}
	if (c->set)
		c->restart_ms = look->now_ms;
	c->settled = true;
	c->set = false;
}

void clock_step(struct clock *c, const struct clock_look *look, struct clock_verdict *v)
{
	*v = (struct clock_verdict){.ready = true, .why = ""};
	watch_steps(c, look);
	turn_over(c, look);
	if (!look->resting)
		step_running(c, look, v);
	else if (look->built_ms && !look->fixed)
		step_at_rest(c, look, v);
}
