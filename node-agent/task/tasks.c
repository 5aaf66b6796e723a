/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tasks.h"
#include <string.h>
#include "log.h"

void tasks_open(struct tasks *t, const char *store)
{
	*t = (struct tasks){.store = store};
}

int tasks_begin(struct tasks *t, struct err *e)
{
	if (t->begun)
		return 0;
	if (task_load(t->store, &t->task, e) < 0)
		return -1;
	t->begun = true;
	return 0;
}

int tasks_set(struct tasks *t, const struct task *next, struct err *e)
{
	if (!t->begun)
		return err_set(e, "the data partition is not there");
	if (task_save(t->store, next, e) < 0)
		return -1;
	t->task = *next;
	log_info("task: %s %s%s%s", task_kind_name(next->kind), task_step_name(next->step),
		next->why[0] ? ": " : "", next->why);
	return 0;
}

struct task_word tasks_word(const struct tasks *t)
{
	return (struct task_word){
		.id = t->task.id, .step = (uint8_t)t->task.step, .keeper = (uint8_t)t->task.keeper};
}

static size_t collect(const struct tasks_look *look, struct task_peer *to)
{
	size_t n = 0;

	for (size_t i = 0; i < look->peers->n; i++) {
		const struct peer *p = &look->peers->peer[i];
		if (p->member->roles & ROLE_VOTER)
			to[n++] = (struct task_peer){
				.name = p->member->name, .id = p->member->id, .word = p->last.task};
	}
	return n;
}

/* What the next start does to this node's store (store.h). */
static enum marker_state order_of(const struct task *t, const struct tasks_look *look)
{
	static const enum marker_state given_up[] = {
		[MARKER_VIRGIN] = MARKER_VIRGIN,
		[MARKER_USED] = MARKER_DISCARD,
		[MARKER_SERVED] = MARKER_ASIDE,
		[MARKER_DISCARD] = MARKER_DISCARD,
		[MARKER_ASIDE] = MARKER_ASIDE,
		[MARKER_RESTORE] = MARKER_DISCARD,
	};

	if (!(identity_self(look->id)->roles & ROLE_DATA))
		return look->marker->state;
	if (t->keeper != identity_self(look->id)->id)
		return given_up[look->marker->state];
	return t->kind == TASK_RESTORE ? MARKER_RESTORE : look->marker->state;
}

static bool is_ordered(enum marker_state s)
{
	return s != MARKER_USED && s != MARKER_SERVED;
}

static int order_store(const struct tasks *t, const struct task *next,
	const struct tasks_look *look, struct err *e)
{
	enum marker_state order = order_of(next, look);

	if (marker_set(t->store, look->marker, order, e) < 0)
		return -1;
	return order == MARKER_RESTORE ? voter_restored(look->voter, next->last_tx, e) : 0;
}

void tasks_step(struct tasks *t, const struct tasks_look *look)
{
	struct task_peer peers[MEMBERS_MAX];
	struct task_look l = {.self = identity_self(look->id)->id,
		.process = look->process,
		.last_master = voter_was_last_master(look->voter),
		.ran = look->runs && !is_ordered(look->marker->state),
		.work = t->task.kind == TASK_RESTORE ? TASK_WORK_DONE : TASK_WORK_IDLE,
		.peers = peers,
		.npeers = collect(look, peers)};
	struct task next = t->task;
	struct err e;

	if (!t->begun || t->task.step == TASK_NONE)
		return;
	if (task_step(&next, &l) &&
		((next.step == TASK_READY && order_store(t, &next, look, &e) < 0) ||
			tasks_set(t, &next, &e) < 0))
		log_error("task: %s", e.msg);
	task_why(&t->task, &l, t->why);
}
