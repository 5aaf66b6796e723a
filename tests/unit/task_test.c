/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The steps all members take together, under every order of what they hear: no store is given up
 * before all Neo4js have stopped and the keeper's work is done; whatever is lost on the way, nobody
 * starts with an old store beside the new one.
 */
// use: node-agent/task/task.c node-agent/task/task_file.c
// use: node-agent/marker.c node-agent/identity.c node-agent/hello.c node-agent/quorum/wire.c
#include "node-agent/task/task.h"
#include <stdlib.h>
#include <string.h>
#include "tap.h"
#include "util.h"

#define NODES 3
#define KEEPER 2

struct world {
	struct task task[NODES + 1];
	struct task_word heard[NODES + 1][NODES + 1]; /* by whom, of whom */
	bool process[NODES + 1], changed[NODES + 1];  /* changed: the new store, or none */
	bool last_master, present[NODES + 1];
	int64_t astray_ms;
	enum task_work work;
};

static void begin(struct world *w)
{
	*w = (struct world){.last_master = true};
	for (unsigned i = 1; i <= NODES; i++) {
		w->task[i] = (struct task){
			.id = 7, .kind = TASK_RESTORE, .step = TASK_STAGED, .keeper = KEEPER};
		w->process[i] = true;
	}
}

static void tell(struct world *w, unsigned from, unsigned to)
{
	const struct task *t = &w->task[from];

	w->heard[to][from] = (struct task_word){
		.id = t->id, .step = (uint8_t)t->step, .keeper = (uint8_t)t->keeper};
}

static bool step(struct world *w, unsigned self)
{
	struct task_peer peers[NODES];
	struct task_look look = {.self = self,
		.process = w->process[self],
		.last_master = w->last_master,
		.ran = w->process[self] && w->changed[self],
		.work = w->work,
		.astray_ms = w->astray_ms,
		.peers = peers};

	for (unsigned i = 1; i <= NODES; i++) {
		if (i != self)
			peers[look.npeers++] = (struct task_peer){.name = "x",
				.id = i,
				.word = w->heard[self][i],
				.tells = w->present[i]};
	}
	bool moved = task_step(&w->task[self], &look);
	if (moved && w->task[self].step == TASK_READY)
		w->changed[self] = true;
	return moved;
}

/* Stops what must rest, starts what may run. */
static void live(struct world *w, unsigned self)
{
	enum task_step s = w->task[self].step;

	w->process[self] = !task_rests(&w->task[self]) &&
			   (s == TASK_STAGED || s == TASK_CALLED || s == TASK_READY ||
				   s == TASK_DONE || s == TASK_BACK);
}

/* Does an old store run beside a new one? */
static bool is_mixed(const struct world *w)
{
	bool old = false, new = false;

	for (unsigned i = 1; i <= NODES; i++) {
		old |= w->process[i] && !w->changed[i];
		new |= w->process[i] && w->changed[i];
	}
	return old && new;
}

static bool all_are(const struct world *w, enum task_step s)
{
	bool all = true;

	for (unsigned i = 1; i <= NODES; i++)
		all = all && w->task[i].step == s;
	return all;
}

/* One schedule: who hears whom and who steps is drawn. */
static void play(struct world *w, unsigned seed, bool *mixed)
{
	srandom(seed);
	for (int i = 0; i < 4000; i++) {
		unsigned a = 1 + (unsigned)random() % NODES, b = 1 + (unsigned)random() % NODES;
		long what = random() % 4;
		if (what == 0)
			tell(w, a, b);
		else if (what == 1)
			step(w, a);
		else if (what == 2)
			live(w, a);
		else if (random() % 50 == 0) /* the power: what was heard and ran is gone */
			memset(w->heard[a], 0, sizeof(w->heard[a])), w->process[a] = false;
		*mixed |= is_mixed(w);
	}
}

static void test_schedules(void)
{
	bool mixed = false, early = false;
	unsigned done = 0, back = 0;
	struct err e;

	for (unsigned seed = 1; seed <= 300; seed++) {
		struct world w;
		begin(&w);
		play(&w, seed, &mixed);
		early |= !all_are(&w, TASK_STAGED);
		if (task_call(&w.task[KEEPER], KEEPER, &e) < 0)
			break;
		w.work = seed % 3 ? TASK_WORK_DONE : TASK_WORK_FAILED;
		play(&w, seed, &mixed);
		done += seed % 3 && all_are(&w, TASK_DONE);
		back += seed % 3 == 0 && all_are(&w, TASK_BACK) && !w.changed[1];
	}
	ok(!early, "nothing happens before a person calls the keeper");
	ok(!mixed, "no old store runs beside a new one");
	is_int(done, 200, "it is done everywhere in the end");
	is_int(back, 100, "or, when the work fails, given up everywhere with all as before");
}

static void test_keeper(void)
{
	struct world w;
	struct err e;

	begin(&w);
	is_int(task_call(&w.task[1], 1, &e), -1, "only the keeper can be called");
	is_int(task_call(&w.task[KEEPER], KEEPER, &e), 0, "it is");
	tell(&w, KEEPER, 1);
	step(&w, 1);
	live(&w, 1);
	step(&w, 1);
	is_int(w.task[1].step, TASK_RESTED, "one has rested");
	tell(&w, 1, KEEPER);
	ok(!step(&w, KEEPER), "the keeper goes on as master while another one has not");
	w.last_master = false;
	w.work = TASK_WORK_DONE;
	w.task[KEEPER].step = TASK_RESTED;
	ok(!step(&w, KEEPER), "nor does it work while it has not heard all: one may know better");
	w.task[3].step = TASK_RESTED;
	tell(&w, 3, KEEPER);
	step(&w, KEEPER);
	is_int(w.task[KEEPER].step, TASK_BACK, "who was not the last master gives it up");
	w.task[KEEPER].step = TASK_READY;
	is_int(task_call_off(&w.task[KEEPER], KEEPER, false, &e), -1, "too late to call it off");
	w.task[1].step = TASK_RESTED;
	is_int(task_call_off(&w.task[1], 1, false, &e), -1, "nor by another: %s", e.msg);
	is_int(task_call_off(&w.task[1], 1, true, &e), 0, "but of a keeper that was given up");
	is_int(w.task[1].step, TASK_BACK, "each goes back by itself");
	w.task[1].step = TASK_READY;
	is_int(task_call_off(&w.task[1], 1, true, &e), -1, "unless its store may be given up");
	w.task[1].id = 8;
	w.task[1].step = TASK_STAGED;
	tell(&w, KEEPER, 1);
	ok(!step(&w, 1), "another task's word is nobody's");
}

/* The keeper was ready, and has another card now, which knows of nothing. */
static void test_replaced_keeper(void)
{
	struct world w;

	begin(&w);
	w.task[1].step = TASK_RESTED;
	w.task[3].step = TASK_RESTED;
	tell(&w, 3, 1);
	ok(!step(&w, 1), "who has rested waits for the keeper, whatever another one does");
	w.task[3].id = 8;
	w.task[3].step = TASK_DONE;
	tell(&w, 3, 1);
	ok(!step(&w, 1), "or was done with another task");
	w.task[3].id = 7;
	tell(&w, 3, 1);
	step(&w, 1);
	is_int(w.task[1].step, TASK_READY, "but nobody is done whose keeper was not ready");
	w.task[1].step = TASK_STAGED;
	step(&w, 1);
	is_int(w.task[1].step, TASK_RESTS, "who missed all of it rests first");
}

/* Whether the keeper gives it up at that step. */
static bool goes_back(struct world *w, enum task_step s)
{
	w->task[KEEPER].step = s;
	step(w, KEEPER);
	return w->task[KEEPER].step == TASK_BACK;
}

/* Another PC has brought something else, or a card is another one: so it never rests. */
static void test_hopeless(void)
{
	static const enum task_step busy[] = {TASK_CALLED, TASK_RESTS, TASK_RESTED};
	struct world w;

	begin(&w);
	w.task[1].step = TASK_BACK;
	tell(&w, 1, KEEPER);
	for (size_t i = 0; i < ARRAY_SIZE(busy); i++)
		ok(goes_back(&w, busy[i]), "the keeper, %s, goes back when another one has",
			task_step_name(busy[i]));
	is_str(w.task[KEEPER].why, "x has gone back", "and tells who");
	ok(!goes_back(&w, TASK_STAGED), "but not before it was called");
	ok(!goes_back(&w, TASK_READY), "nor once it is ready");
	w.task[1] = (struct task){.id = 8, .step = TASK_STAGED, .keeper = 1};
	tell(&w, 1, KEEPER);
	w.astray_ms = TASK_ASTRAY_MS;
	ok(!goes_back(&w, TASK_CALLED), "who is away may only not have heard of it yet");
	w.present[1] = true;
	w.astray_ms = TASK_ASTRAY_MS - 1;
	ok(!goes_back(&w, TASK_CALLED), "a hello may be late");
	w.astray_ms = TASK_ASTRAY_MS;
	for (size_t i = 0; i < ARRAY_SIZE(busy); i++)
		ok(goes_back(&w, busy[i]), "who has another task for long never rests: %s",
			task_step_name(busy[i]));
	w.task[1] = (struct task){0};
	tell(&w, 1, KEEPER);
	ok(goes_back(&w, TASK_CALLED), "nor who knows of none");
	ok(!goes_back(&w, TASK_READY), "but once it is ready nobody goes back");
}

static void test_file(void)
{
	char dir[] = "/tmp/task-test-XXXXXX";
	struct task t = {.id = 0x123456789abcdef0,
		.kind = TASK_UPGRADE,
		.step = TASK_BACK,
		.keeper = 3,
		.neo4j = "3.5.0",
		.before = MARKER_SERVED,
		.why = "so it \"is\""};
	struct task back;
	struct err e;

	if (!mkdtemp(dir))
		exit(1);
	is_int(task_load(dir, &back, &e), 0, "no file is no task");
	is_int(back.step, TASK_NONE, "of no step");
	is_int(task_save(dir, &t, &e), 0, "saved");
	is_int(task_load(dir, &back, &e), 0, "and loaded");
	ok(back.id == t.id && back.kind == t.kind && back.step == t.step && back.keeper == 3 &&
			strcmp(back.neo4j, "3.5.0") == 0 && back.before == MARKER_SERVED,
		"it is the same");
	is_str(back.why, "so it ?is?", "the reason without what the file's syntax knows");
	_cleanup_free_ char *path = xasprintf("%s/bramble.task", dir);
	unlink(path);
	rmdir(dir);
}

static void test_bad_files(void)
{
	static const char *const bad[] = {"", "task = \"00\"",
		"task = \"0000000000000000\" kind = \"restore\" step = \"done\" keeper = 1",
		"task = \"0000000000000001\" kind = \"rest\" step = \"done\" keeper = 1",
		"task = \"0000000000000001\" kind = \"restore\" step = \"none\" keeper = 1",
		"task = \"0000000000000001\" kind = \"restore\" step = \"done\" keeper = 0",
		"task = \"0000000000000001\" kind = \"restore\" step = \"done\" keeper = 200",
		"task = \"0000000000000001\" kind = \"restore\" step = \"rested\" keeper = 1 "
		"marker = \"new\""};
	struct task t;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		is_int(task_parse("f", bad[i], &t, &e), -1, "refused: %s", bad[i]);
}

int main(void)
{
	test_schedules();
	test_keeper();
	test_replaced_keeper();
	test_hopeless();
	test_file();
	test_bad_files();
	return done();
}
