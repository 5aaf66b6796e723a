/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task.h"
#include <string.h>
#include "../drain.h"
#include "../hello.h"

static const char *const step_names[] = {
	[TASK_NONE] = "none",
	[TASK_STAGED] = "staged",
	[TASK_CALLED] = "called",
	[TASK_RESTS] = "rests",
	[TASK_RESTED] = "rested",
	[TASK_READY] = "ready",
	[TASK_DONE] = "done",
	[TASK_BACK] = "back",
};

static const char *const kind_names[] = {
	[TASK_RESTORE] = "restore",
	[TASK_UPGRADE] = "upgrade",
};

const char *task_step_name(enum task_step s)
{
	return step_names[s];
}

const char *task_kind_name(enum task_kind k)
{
	return kind_names[k];
}

int task_kind_find(const char *name)
{
	for (int i = 0; name && i < TASK_KINDS; i++) {
		if (strcmp(kind_names[i], name) == 0)
			return i;
	}
	return -1;
}

/* What a word tells about this task; TASK_NONE: nothing. */
static enum task_step told(const struct task *t, const struct task_word *word)
{
	return word->id == t->id && word->keeper == t->keeper ? (enum task_step)word->step
							      : TASK_NONE;
}

static enum task_step said(const struct task *t, const struct task_peer *p)
{
	return told(t, &p->word);
}

bool task_tells_ready(const struct task *t, const struct task_word *word)
{
	enum task_step step = told(t, word);

	return step == TASK_READY || step == TASK_DONE;
}

/*
 * What the keeper said, or another one for it: nobody is ready before the keeper was, whose card
 * may be another one by now.
 */
static enum task_step keeper_said(const struct task *t, const struct task_look *look)
{
	enum task_step step = TASK_NONE;

	for (size_t i = 0; i < look->npeers; i++) {
		const struct task_peer *p = &look->peers[i];
		if (task_tells_ready(t, &p->word))
			return TASK_READY;
		if (p->id == t->keeper)
			step = said(t, p);
	}
	return step;
}

static bool has_rested(enum task_step s)
{
	return s >= TASK_RESTED && s <= TASK_DONE;
}

/* Whose Neo4j may still run; NULL: nobody's. */
static const struct task_peer *first_awake(const struct task *t, const struct task_look *look)
{
	for (size_t i = 0; i < look->npeers; i++) {
		if (!has_rested(said(t, &look->peers[i])))
			return &look->peers[i];
	}
	return NULL;
}

static bool go(struct task *t, enum task_step step)
{
	t->step = step;
	t->before = MARKER_VIRGIN; /* it may be another one for other reasons from now on */
	return true;
}

static bool go_back(struct task *t, const char *why)
{
	if (why != t->why)
		why_copy(t->why, why);
	return go(t, TASK_BACK);
}

const struct task_peer *task_astray(const struct task *t, const struct task_look *look)
{
	for (size_t i = 0; i < look->npeers; i++) {
		if (look->peers[i].tells && look->peers[i].word.id != t->id)
			return &look->peers[i];
	}
	return NULL;
}

/* Somebody will never rest, and who does would wait for ever. */
static bool is_hopeless(const struct task *t, const struct task_look *look, char why[WHY_SIZE])
{
	const struct task_peer *astray = task_astray(t, look);

	for (size_t i = 0; i < look->npeers; i++) {
		if (said(t, &look->peers[i]) == TASK_BACK) {
			snprintf(why, WHY_SIZE, "%s has gone back", look->peers[i].name);
			return true;
		}
	}
	if (!astray || look->astray_ms < TASK_ASTRAY_MS)
		return false;
	snprintf(why, WHY_SIZE, "%s has another task or another card", astray->name);
	return true;
}

static bool step_keeper(struct task *t, const struct task_look *look)
{
	char why[WHY_SIZE];

	if (task_is_busy(t) && is_hopeless(t, look, why))
		return go_back(t, why);
	if (t->step == TASK_CALLED && look->lags)
		return go_back(t, DRAIN_IN_VAIN);
	if (t->step == TASK_CALLED && !first_awake(t, look))
		return go(t, TASK_RESTS);
	if (t->step == TASK_RESTS && !look->process)
		return go(t, TASK_RESTED);
	/* After a power cut nobody was heard yet: one of them may have been master last. */
	if (t->step != TASK_RESTED || first_awake(t, look))
		return false;
	if (!look->last_master)
		return go_back(t, "another node became the master meanwhile");
	if (look->work == TASK_WORK_FAILED)
		return go_back(t, t->why[0] ? t->why : "the work on the store failed");
	return look->work == TASK_WORK_DONE && go(t, TASK_READY);
}

static bool step_other(struct task *t, const struct task_look *look)
{
	enum task_step keeper = keeper_said(t, look);

	if (keeper == TASK_BACK && t->step >= TASK_STAGED && t->step <= TASK_RESTED)
		return go_back(t, "the keeper went back");
	if (t->step == TASK_STAGED && keeper >= TASK_CALLED)
		return go(t, TASK_RESTS);
	if (t->step == TASK_RESTS && !look->process)
		return go(t, TASK_RESTED);
	return t->step == TASK_RESTED && keeper >= TASK_READY && go(t, TASK_READY);
}

bool task_step(struct task *t, const struct task_look *look)
{
	if (t->step == TASK_READY)
		return look->ran && go(t, TASK_DONE);
	return t->keeper == look->self ? step_keeper(t, look) : step_other(t, look);
}

enum marker_state task_marker_back(const struct task *t, enum marker_state now)
{
	bool ordered = now == MARKER_DISCARD || now == MARKER_ASIDE || now == MARKER_RESTORE;

	return ordered && t->before != MARKER_VIRGIN ? t->before : now;
}

int task_call(struct task *t, unsigned self, struct err *e)
{
	if (t->step == TASK_NONE || t->keeper != self)
		return err_set(e, "this node is not the one to begin with");
	if (t->step == TASK_BACK)
		return err_set(e, "it was called off: %s", t->why);
	if (t->step == TASK_STAGED)
		t->step = TASK_CALLED;
	return 0;
}

void task_give_way(struct task *t)
{
	if (t->step == TASK_STAGED)
		go_back(t, "another store or Neo4j came");
}

int task_call_off(struct task *t, unsigned self, bool keeper_lost, struct err *e)
{
	if (t->step >= TASK_READY && t->step != TASK_BACK)
		return err_set(e, "it is too late: the others may have given up their stores");
	if (t->step > TASK_STAGED && t->keeper != self && !keeper_lost)
		return err_set(e,
			"only the node it began with can call it off; is its card lost, say so: "
			"bramble start --accept-loss");
	if (t->step != TASK_NONE)
		go_back(t, "it was called off");
	return 0;
}

void task_why(const struct task *t, const struct task_look *look, char why[WHY_SIZE])
{
	const struct task_peer *awake = first_awake(t, look);
	char text[2 * WHY_SIZE];

	why[0] = '\0';
	if (!task_rests(t))
		return;
	if (t->keeper == look->self)
		snprintf(text, sizeof(text), "rests for the %s: its store is worked on",
			kind_names[t->kind]);
	else if (awake && awake->id != t->keeper)
		snprintf(text, sizeof(text), "rests for the %s: %s has yet to stop",
			kind_names[t->kind], awake->name);
	else
		snprintf(text, sizeof(text), "rests for the %s, until the master's store is ready",
			kind_names[t->kind]);
	why_copy(why, text);
}
