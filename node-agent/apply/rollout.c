/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include "rollout.h"

static PRINTF(2, 3) void say(char why[WHY_SIZE], const char *fmt, ...)
{
	char text[3 * WHY_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	why_copy(why, text);
}

void rollout_begin(struct rollout *r, const struct trial *trial, int64_t now_ms)
{
	/* An order whose result nobody waited for is given again. */
	*r = (struct rollout){.trial = *trial,
		.stepped_ms = now_ms,
		.since_ms = now_ms - (trial->phase == ROLLOUT_INSTALLS ? ROLLOUT_ORDER_MS : 0)};
}

static void enter(struct rollout *r, const struct rollout_look *look, enum rollout_phase phase)
{
	r->trial.phase = phase;
	r->since_ms = look->now_ms;
	r->dirty = true;
}

/*
 * Withdrawn, and this node runs it. Of older ones the manifest does not tell, and where the goal is
 * what cards were built with it names none.
 */
static bool is_withdrawn(const struct rollout_look *look)
{
	if (look->goal >= look->newest)
		return false;
	return look->runs == look->newest ||
	       (look->runs > look->goal && look->runs < look->newest && look->outruns);
}

static bool goes_on(const struct rollout *r, const struct rollout_look *look)
{
	return look->goal > look->runs && r->trial.failed != look->goal && r->unfit != look->goal;
}

/*
 * Some of its files are where they should not be, whatever node.conf says; and no newer one that
 * has them all is about to come.
 */
static bool is_owed(const struct rollout *r, const struct rollout_look *look)
{
	return r->trial.owed && !(goes_on(r, look) && look->ready);
}

static bool goes_back(const struct rollout *r, const struct rollout_look *look)
{
	if (is_owed(r, look))
		return look->now_ms >= r->again_ms;
	return is_withdrawn(look) && r->trial.stays != look->runs;
}

static void say_stays(struct rollout *r, const struct rollout_look *look)
{
	say(r->why, "generation %llu is withdrawn, but stays: %s", (unsigned long long)look->runs,
		r->trial.failed >= look->runs ? "nothing is kept of before it" : r->trial.why);
}

/* Could it be done now, but for the turn? Says why not. */
static bool is_free(struct rollout *r, const struct rollout_look *look)
{
	bool back = goes_back(r, look);

	r->why[0] = '\0';
	if (is_owed(r, look))
		say(r->why, "taking generation %llu back is tried again%s%s",
			(unsigned long long)r->trial.owed, r->owed_why[0] ? ": " : "", r->owed_why);
	if (back || is_owed(r, look))
		return back;
	if (is_withdrawn(look))
		say_stays(r, look);
	if (r->unfit && r->unfit == look->goal)
		say(r->why, "generation %llu: %s", (unsigned long long)r->unfit, r->unfit_why);
	if (!goes_on(r, look))
		return false;
	if (look->spoiler)
		say(r->why, "generation %llu did not come up on %s", (unsigned long long)look->goal,
			look->spoiler);
	else if (!look->ready)
		say(r->why, "generation %llu: %s", (unsigned long long)look->goal, look->obstacle);
	else if (look->before)
		say(r->why, "generation %llu: the master is the last, and %s does not run it yet",
			(unsigned long long)look->goal, look->before);
	else if (!look->voter && !look->all_run)
		say(r->why, "generation %llu comes when all members run it",
			(unsigned long long)look->goal);
	return !r->why[0];
}

static void order(struct rollout *r, const struct rollout_look *look, enum enact_what what,
	uint64_t serial, struct rollout_word *w)
{
	r->trial.what = what;
	r->trial.serial = serial;
	w->orders = true;
	enter(r, look, ROLLOUT_INSTALLS);
}

static void forget_owed(struct rollout *r)
{
	r->trial.owed = 0;
	r->pause_ms = r->again_ms = 0;
	r->owed_why[0] = '\0';
}

static void stops(struct rollout *r, const struct rollout_look *look, struct rollout_word *w);

static void none(struct rollout *r, const struct rollout_look *look, struct rollout_word *w)
{
	w->proven = true;
	if (r->trial.owed < look->runs)
		forget_owed(r); /* the card was made anew since */
	if (!is_free(r, look))
		return;
	w->wants = look->voter;
	struct trial *t = &r->trial;
	bool back = goes_back(r, look);
	w->quiet = !back && !look->neo4j_changes;
	if (look->voter && !look->turn && (look->process || !look->elsewhere))
		return;
	t->generation = !back ? look->goal : is_owed(r, look) ? t->owed : look->runs;
	t->what = back ? ENACT_BEFORE : ENACT_GENERATION;
	t->neo4j = look->voter && (back || look->neo4j_changes);
	t->phase = ROLLOUT_STOPS;
	r->since_ms = look->now_ms;
	stops(r, look, w);
}

static void stops(struct rollout *r, const struct rollout_look *look, struct rollout_word *w)
{
	w->proven = true;
	w->wants = look->voter;
	w->quiet = !r->trial.neo4j;
	w->rests = r->trial.neo4j;
	if (!r->trial.neo4j || !look->process)
		order(r, look, r->trial.what, look->serial, w);
}

static void try_again_later(struct rollout *r, const struct rollout_look *look)
{
	r->trial.owed = r->trial.generation;
	r->pause_ms = r->pause_ms ? 2 * r->pause_ms : ROLLOUT_AGAIN_MS;
	if (r->pause_ms > ROLLOUT_AGAIN_MAX_MS)
		r->pause_ms = ROLLOUT_AGAIN_MAX_MS;
	r->again_ms = look->now_ms + r->pause_ms;
	say(r->owed_why, "%s", look->result_why);
}

static void not_back(struct rollout *r, const struct rollout_look *look)
{
	struct trial *t = &r->trial;

	if (look->passing) {
		try_again_later(r, look);
		return;
	}
	if (t->owed == t->generation)
		forget_owed(r);
	/* Nothing was kept, so nothing was touched. One that ran stays. */
	if (look->runs == t->generation) {
		t->stays = t->generation;
		if (t->failed < t->generation)
			say(t->why, "%s", look->result_why);
	}
}

/* The turn goes on until Neo4j serves again, by itself; quiet ones must ask for it. */
static void installs(struct rollout *r, const struct rollout_look *look, struct rollout_word *w)
{
	struct trial *t = &r->trial;

	w->wants = look->voter;
	w->quiet = !t->neo4j;
	w->rests = t->neo4j;
	if (look->result > 0) {
		/* A newer one has all files, and what was before it is what was before both. */
		forget_owed(r);
		enter(r, look, ROLLOUT_PROVES);
	} else if (look->result < 0 && look->unfit) {
		r->unfit = t->generation;
		say(r->unfit_why, "%s", look->result_why);
		enter(r, look, ROLLOUT_NONE);
	} else if (look->result < 0 && t->what == ENACT_GENERATION) {
		t->failed = t->generation;
		say(t->why, "%s", look->result_why);
		order(r, look, ENACT_BEFORE, look->serial, w);
	} else if (look->result < 0) {
		not_back(r, look);
		enter(r, look, ROLLOUT_PROVES);
	} else if (look->now_ms - r->since_ms >= ROLLOUT_ORDER_MS) {
		order(r, look, t->what, t->serial, w); /* it may be at work */
	}
}

static bool is_hopeless(const struct rollout *r, const struct rollout_look *look)
{
	return look->failures >= ROLLOUT_TRIES || look->now_ms - r->since_ms >= ROLLOUT_TRY_MS;
}

static void proves(struct rollout *r, const struct rollout_look *look, struct rollout_word *w)
{
	struct trial *t = &r->trial;
	bool trying = t->what == ENACT_GENERATION;

	if (!t->neo4j || look->serves || !trying) {
		enter(r, look, ROLLOUT_NONE);
		return;
	}
	/* Kept from running, or busy with a store: no sign of what it would do with it. */
	if (!look->process || look->copies)
		r->since_ms += look->now_ms - r->stepped_ms;
	if (!is_hopeless(r, look))
		return;
	t->failed = t->generation;
	say(t->why,
		look->failures >= ROLLOUT_TRIES ? "Neo4j ended %u times when it was started with it"
						: "Neo4j did not serve with it in time",
		look->failures);
	w->rests = true;
	t->phase = ROLLOUT_STOPS;
	t->what = ENACT_BEFORE;
	r->since_ms = look->now_ms;
	r->dirty = true;
}

/*
 * The card was made anew since, with a newer one. To go on would be refused, and that taken for a
 * failure of what may serve well on all others.
 */
static void drop_outrun(struct rollout *r, const struct rollout_look *look)
{
	if (r->trial.phase != ROLLOUT_NONE && look->runs > r->trial.generation)
		enter(r, look, ROLLOUT_NONE);
}

void rollout_step(struct rollout *r, const struct rollout_look *look, struct rollout_word *w)
{
	static void (*const steps[ROLLOUT_PHASES])(
		struct rollout *, const struct rollout_look *, struct rollout_word *) = {
		[ROLLOUT_NONE] = none,
		[ROLLOUT_STOPS] = stops,
		[ROLLOUT_INSTALLS] = installs,
		[ROLLOUT_PROVES] = proves,
	};

	*w = (struct rollout_word){0};
	drop_outrun(r, look);
	steps[r->trial.phase](r, look, w);
	r->stepped_ms = look->now_ms;
}
