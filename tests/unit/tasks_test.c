/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is ordered in the marker before a task's last step is said, and taken back when that is
 * never said: on real files, with the power cut in between. Helper and quorum are stand-ins.
 */
// use: node-agent/task/tasks.c node-agent/task/task.c node-agent/task/task_file.c
// use: node-agent/drain.c
// use: node-agent/marker.c node-agent/identity.c node-agent/hello.c node-agent/quorum/wire.c
#include "node-agent/task/tasks.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "io.h"
#include "node-agent/store_at_rest.h"
#include "node-agent/upgrade/install.h"
#include "fake_helper.h"
#include "tap.h"
#include "util.h"

bool voter_was_last_master(const struct voter *v)
{
	(void)v;
	return true;
}

static bool all_have;

bool voter_majority_has(const struct voter *v, const struct peers *p, uint64_t last_tx)
{
	(void)v;
	(void)p;
	(void)last_tx;
	return all_have;
}

static bool present;

bool peer_present(const struct peer *p)
{
	(void)p;
	return present;
}

int store_read(const char *folder, struct neostore *n, struct err *e)
{
	(void)folder;
	(void)n;
	(void)e;
	return 0;
}

bool switch_is_done(const char *root, const char *version)
{
	(void)root;
	(void)version;
	return true;
}

static char dir[] = "/tmp/tasks-test-XXXXXX";
static struct voter voter = {.enabled = true};
static bool process;
static enum neo4j_role role;
static struct peers peers;
static struct marker marker;
static struct tasks tasks;

static char *path_of(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

/* As it is on p3. */
static struct marker marker_there(void)
{
	_cleanup_free_ char *path = path_of("bramble.marker");
	_cleanup_buf_ struct buf text = {0};
	struct marker m = {0};
	struct err e;

	if (io_read_file(path, 4096, &text, &e) < 0 ||
		marker_parse(path, buf_str(&text), &m, &e) < 0)
		ok(false, "the marker is readable");
	return m;
}

static bool marker_is(enum marker_state state, unsigned aside)
{
	struct marker m = marker_there();

	return m.state == state && m.aside == aside && marker.state == state &&
	       marker.aside == aside;
}

static bool tells = true; /* how far its store goes, now */

static void step(struct identity *id)
{
	struct tasks_look look = {.id = id,
		.peers = &peers,
		.voter = &voter,
		.process = process,
		.role = role,
		.told_ms = tells ? boottime_ms() : 0};

	tasks_step(&tasks, &look);
}

/* The agent begins. */
static void boot(void)
{
	struct err e;

	marker = marker_there();
	tasks_open(&tasks, NULL, "", dir, &marker, "");
	if (tasks_begin(&tasks, &e) < 0)
		ok(false, "begins: %s", e.msg);
	tasks.there = true;
}

/* Of two nodes pi1 is the keeper, and this one is `self`; its Neo4j is about to stop. */
static void begin(struct identity *id, unsigned self, enum marker_state state)
{
	struct task t = {.id = 7, .kind = TASK_RESTORE, .step = TASK_RESTS, .keeper = 1};
	struct err e;

	*id = (struct identity){.nmembers = 2,
		.self = self - 1,
		.members = {{.name = "pi1", .id = 1, .roles = ROLE_DATA | ROLE_VOTER},
			{.name = "pi2", .id = 2, .roles = ROLE_DATA | ROLE_VOTER}}};
	peers = (struct peers){.n = 1, .peer = {{.member = &id->members[2 - self]}}};
	peers.peer[0].last.task = (struct task_word){.id = 7, .step = TASK_RESTED, .keeper = 1};
	marker = (struct marker){
		.node = "pi1", .layout = MARKER_LAYOUT, .state = MARKER_VIRGIN, .aside = 3};
	if (marker_set(dir, &marker, state, &e) < 0 || task_save(dir, &t, &e) < 0)
		ok(false, "written: %s", e.msg);
	boot();
	step(id);
	is_int(tasks.task.step, TASK_RESTED, "it rests");
}

/* The power goes when the order is in the marker, and READY is not on p3 yet. */
static void cut_before_ready(struct identity *id)
{
	_cleanup_free_ char *file = path_of("bramble.task"), *kept = path_of("kept");

	peers.peer[0].last.task.step = identity_self(id)->id == 1 ? TASK_RESTED : TASK_READY;
	if (rename(file, kept) < 0 || mkdir(file, 0700) < 0)
		ok(false, "in its way");
	step(id);
	if (rmdir(file) < 0 || rename(kept, file) < 0)
		ok(false, "out of its way");
	boot();
	is_int(tasks.task.step, TASK_RESTED, "the power was cut before it was ready");
}

static int go_back(void)
{
	struct task next = tasks.task;
	struct err e;

	return task_call_off(&next, 1, true, &e) < 0 || tasks_set(&tasks, &next, &e) < 0 ? -1 : 0;
}

static void test_orders(void)
{
	static const struct {
		unsigned self;
		enum marker_state before, ordered;
		unsigned aside; /* before, and one more with the order if it puts a store aside */
		const char *what;
	} rows[] = {
		{1, MARKER_SERVED, MARKER_RESTORE, 3, "the backup stays where it is"},
		{1, MARKER_ASIDE, MARKER_RESTORE, 4, "or a store that was to go before goes"},
		{2, MARKER_SERVED, MARKER_ASIDE, 3, "a good store stays"},
		{2, MARKER_USED, MARKER_DISCARD, 3, "and one that has not served"},
		{2, MARKER_ASIDE, MARKER_ASIDE, 4, "one that was to be put aside before still is"},
		{2, MARKER_DISCARD, MARKER_DISCARD, 3, "or to be removed"},
	};
	struct identity id;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		unsigned more =
			rows[i].ordered != rows[i].before &&
			(rows[i].ordered == MARKER_RESTORE || rows[i].ordered == MARKER_ASIDE);
		begin(&id, rows[i].self, rows[i].before);
		cut_before_ready(&id);
		ok(marker_is(rows[i].ordered, rows[i].aside + more), "the order was written");
		is_int(go_back(), 0, "it goes back");
		ok(marker_is(rows[i].before, rows[i].aside), "%s", rows[i].what);
	}
}

static void test_power(void)
{
	_cleanup_free_ char *file = path_of("bramble.task"), *kept = path_of("kept");
	struct identity id;
	struct err e;

	begin(&id, 1, MARKER_SERVED);
	cut_before_ready(&id);
	if (rename(file, kept) < 0 || mkdir(file, 0700) < 0)
		ok(false, "in its way");
	is_int(go_back(), -1, "the power goes before it has gone back");
	if (rmdir(file) < 0 || rename(kept, file) < 0)
		ok(false, "out of its way");
	ok(marker_is(MARKER_SERVED, 3), "the order is taken back by then");
	boot();
	step(&id);
	ok(tasks.task.step == TASK_READY && marker_is(MARKER_RESTORE, 4),
		"and given again where nobody says it again");
	boot();
	is_int(go_back(), -1, "who is ready does not go back");
	ok(marker_is(MARKER_RESTORE, 4), "nor does its order");

	begin(&id, 2, MARKER_SERVED);
	is_int(go_back(), 0, "gone back without an order");
	if (marker_set(dir, &marker, MARKER_ASIDE, &e) < 0)
		ok(false, "written: %s", e.msg);
	boot();
	ok(marker_is(MARKER_ASIDE, 4), "what is ordered for another reason then is not taken back");
}

/* The other node has a task of another PC. */
static void test_astray(void)
{
	struct task t = {.id = 7, .kind = TASK_RESTORE, .step = TASK_STAGED, .keeper = 1};
	struct identity id;
	struct err e;

	begin(&id, 1, MARKER_SERVED);
	present = true;
	peers.peer[0].last.task = (struct task_word){.id = 8, .step = TASK_STAGED, .keeper = 2};
	if (tasks_set(&tasks, &t, &e) < 0 || (step(&id), task_call(&tasks.task, 1, &e)) < 0)
		ok(false, "called: %s", e.msg);
	ok(!tasks.astray_since_ms, "what is staged one after the other is not the same everywhere");
	step(&id);
	ok(tasks.task.step == TASK_CALLED && tasks.astray_since_ms, "called it waits");
	tasks.astray_since_ms -= TASK_ASTRAY_MS - 1000;
	peers.peer[0].last.task.id = 7;
	step(&id);
	ok(tasks.task.step == TASK_CALLED && !tasks.astray_since_ms, "the next hello may tell it");
	peers.peer[0].last.task.id = 0;
	peers.peer[0].last.state = NODE_HELD;
	step(&id);
	ok(!tasks.astray_since_ms, "who cannot read its p3 may have it");
	peers.peer[0].last.task.id = 8;
	step(&id);
	ok(tasks.astray_since_ms, "but who has another one has read it");
	tasks.astray_since_ms -= TASK_ASTRAY_MS;
	step(&id);
	is_int(tasks.task.step, TASK_BACK, "after half a minute it goes back");
	present = false;
}

/* Called while it is master: what the others are told, some time after that. */
static enum task_step told_after(struct identity *id, enum task_kind kind, int64_t ms)
{
	struct task t = {.id = 7, .kind = kind, .step = TASK_STAGED, .keeper = 1};
	struct err e;

	begin(id, 1, MARKER_SERVED);
	peers.peer[0].last.task.step = TASK_STAGED;
	process = true;
	role = NEO4J_MASTER;
	if (tasks_set(&tasks, &t, &e) < 0 || task_call(&tasks.task, 1, &e) < 0)
		ok(false, "called: %s", e.msg);
	step(id);
	ok(drain_is_closed(&tasks.drain), "a master that was called takes no more writes");
	tasks.drain.since_ms -= ms;
	tasks.drain.moved_ms -= ms;
	step(id);
	if (tasks.drain.shut_ms)
		tasks.drain.shut_ms -= DRAIN_SETTLE_MS;
	step(id);
	process = false;
	role = NEO4J_UNKNOWN;
	return tasks_word(&tasks).step;
}

/* What is on the keeper's card alone is lost with it. */
static void test_drain(void)
{
	struct identity id;

	all_have = true;
	is_int(told_after(&id, TASK_UPGRADE, 0), TASK_STAGED, "the others run on at first");
	is_int(told_after(&id, TASK_UPGRADE, DRAIN_LEAST_MS), TASK_CALLED,
		"they stop when they have all");
	tells = false;
	is_int(told_after(&id, TASK_UPGRADE, DRAIN_LEAST_MS), TASK_STAGED,
		"not by what it told before nobody could come in");
	tells = true;
	all_have = false;
	is_int(told_after(&id, TASK_UPGRADE, DRAIN_LEAST_MS), TASK_STAGED,
		"not while they lack some");
	is_int(told_after(&id, TASK_UPGRADE, 30000), TASK_BACK, "and not for ever");
	is_str(tasks.task.why, "too few others get what the master has", "which is told");
	ok(!drain_is_closed(&tasks.drain) || (step(&id), !drain_is_closed(&tasks.drain)),
		"and it takes writes again");
	is_int(told_after(&id, TASK_RESTORE, DRAIN_LEAST_MS), TASK_CALLED,
		"what a restore replaces nobody needs");
}

/* Neo4j's user, whose folder it is, has put a pipe where a unit is to tell what it has done. */
static void test_pipe(void)
{
	struct task t = {.id = 7, .kind = TASK_UPGRADE, .step = TASK_RESTED, .keeper = 1};
	_cleanup_free_ char *pipe = path_of("neo4j/data/incoming.result");
	_cleanup_free_ char *data = path_of("neo4j/data"), *neo4j = path_of("neo4j");
	struct identity id;
	struct err e;

	begin(&id, 1, MARKER_SERVED);
	if (tasks_set(&tasks, &t, &e) < 0 || io_mkdir_p(data, 0755, &e) < 0 ||
		mkfifo(pipe, 0644) < 0)
		ok(false, "written");
	alarm(10); /* ends this test if it waits */
	step(&id);
	alarm(0);
	is_int(tasks.task.step, TASK_RESTED, "it tells nothing, and the agent goes on");
	unlink(pipe);
	rmdir(data);
	rmdir(neo4j);
}

int main(void)
{
	_cleanup_free_ char *task = NULL, *there = NULL;

	if (!mkdtemp(dir))
		return 1;
	task = path_of("bramble.task");
	there = path_of("bramble.marker");
	test_orders();
	test_power();
	test_astray();
	test_drain();
	test_pipe();
	unlink(task);
	unlink(there);
	rmdir(dir);
	return done();
}
