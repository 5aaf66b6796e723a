/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The master takes no more writes, for all are to be powered off: drain.h. */
#include "log.h"
#include "verbs.h"

static bool is_master(const struct verbs *v)
{
	return v->voter->enabled && v->self.role == NEO4J_MASTER;
}

/* One that gives no answer for a moment may be master all the while. */
static bool takes_none(const struct verbs *v)
{
	return !v->voter->enabled || !v->process || v->self.role == NEO4J_SLAVE;
}

static void drain_verb_begin(struct call *c, const json_t *request)
{
	struct verbs *v = c->agent;

	(void)request;
	if (takes_none(v))
		call_done(c, NULL);
	else
		drain_ask(&v->drain, boottime_ms());
}

static void drain_tick(struct call *c)
{
	struct verbs *v = c->agent;
	int64_t now_ms = boottime_ms();
	bool done = is_master(v) && drain_is_done(&v->drain, now_ms);

	if (takes_none(v) || (done && voter_majority_has(v->voter, v->peers, v->self.last_tx)))
		call_done(c, NULL);
	else if (!drain_is_closed(&v->drain) || now_ms - v->drain.asked_ms >= DRAIN_CATCH_UP_MS)
		call_fail(c, CALL_FAILED, DRAIN_IN_VAIN);
	else
		call_progress(c, "%s",
			done ? "waits until the others have everything"
			     : "takes no more writes, and waits for the last ones");
}

const struct verb drain_verb = {.name = "drain", .begin = drain_verb_begin, .tick = drain_tick};

void drain_verb_step(struct verbs *v)
{
	int64_t now_ms = boottime_ms();

	if (!drain_is_closed(&v->drain))
		return;
	drain_step(&v->drain, is_master(v), v->self.last_tx, now_ms - v->self.tx_age_ms, now_ms);
	if (!drain_is_over(&v->drain, now_ms))
		return;
	v->drain = (struct drain){0};
	log_warn("control: takes writes again: it was not powered off");
}
