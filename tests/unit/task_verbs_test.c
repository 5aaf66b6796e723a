/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A store comes for minutes: what is begun meanwhile must not be overwritten when it is there. The
 * control port, the helper and p3's file are stand-ins.
 */
// use: node-agent/task/task_verbs.c node-agent/task/task.c node-agent/backup/unpack.c
// use: node-agent/identity.c node-agent/hello.c node-agent/quorum/wire.c
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include "io.h"
#include "node-agent/backup/unpack.h"
#include "node-agent/control/verbs.h"
#include "pack.h"
#include "fake_helper.h"
#include "tap.h"
#include "util.h"

static bool done_called, refused, helper_asked, failed;
static int helper_code; /* 0: it has begun */

static void over(struct call *c)
{
	if (c->verb->end)
		c->verb->end(c);
	c->own = NULL;
}

void call_done(struct call *c, json_t *answer)
{
	done_called = true;
	json_decref(answer);
	over(c);
}

void call_fail(struct call *c, enum call_code code, const char *fmt, ...)
{
	(void)fmt;
	refused = code == CALL_REFUSED;
	failed = code == CALL_FAILED;
	over(c);
}

void call_progress(struct call *c, const char *fmt, ...)
{
	(void)c;
	(void)fmt;
}

int tasks_set(struct tasks *t, const struct task *next, struct err *e)
{
	(void)e;
	t->task = *next;
	return 0;
}

static uint64_t room = UINT64_C(1) << 40, card; /* any one's */

int statvfs(const char *path, struct statvfs *st)
{
	(void)path;
	*st = (struct statvfs){.f_bavail = room, .f_blocks = card, .f_frsize = 1};
	return 0;
}

static const char *given_up; /* whose card */

bool voter_votes(const struct voter *v, const struct member *m)
{
	(void)v;
	(void)m;
	return true;
}

bool peer_present(const struct peer *p)
{
	return p->heard_ms >= 0;
}

bool voter_was_last_master(const struct voter *v)
{
	(void)v;
	return true;
}

bool voter_has_given_up(const struct voter *v, const char *const *names, size_t n)
{
	(void)v;
	return given_up && n == 1 && strcmp(names[0], given_up) == 0;
}

static struct peer keeper;

const struct peer *peers_find(const struct peers *p, const struct member *m)
{
	(void)p;
	return m->id == 2 ? &keeper : NULL;
}

static void ask_helper(helper_done_fn *fn, void *arg)
{
	helper_asked = true;
	if (helper_code)
		fn(arg, helper_code, "");
}

/* As bramble-unpack tells that it is done. */
static void unpack_is_done(const char *store)
{
	_cleanup_free_ char *from = xasprintf("%s/" UNPACK_FROM, store);
	_cleanup_free_ char *result = xasprintf("%s/" UNPACK_RESULT, store);
	struct stat st;
	struct err e;
	char name[64];

	if (stat(from, &st) < 0)
		return;
	unpack_name(&st, name, sizeof(name));
	_cleanup_free_ char *said = xasprintf("%s" UNPACK_OK, name);
	(void)!io_write_atomic(result, said, strlen(said), 0644, &e);
}

static void stage_begins(struct call *c, struct verbs *v)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:i, s:i, s:b}", "task", "0000000000000009",
		"kind", "restore", "keeper", "pi1", "bytes", 1, "last_tx", 5, "sends", 1);

	done_called = refused = helper_asked = false;
	*c = (struct call){.verb = &task_stage_verb, .agent = v};
	task_stage_verb.begin(c, request);
	json_decref(request);
}

static void stage(struct call *c, struct verbs *v)
{
	struct pack p;
	_cleanup_buf_ struct buf bytes = {0};

	stage_begins(c, v);
	pack_begin(&p, &bytes);
	pack_end(&p, NULL, &bytes);
	if (c->own)
		task_stage_verb.data(c, bytes.data, bytes.len);
}

static bool is_called_off(struct verbs *v)
{
	struct call c = {.verb = &task_back_verb, .agent = v};
	json_t *request = json_pack("{s:s}", "task", "0000000000000007");

	v->tasks->task = (struct task){.id = 7, .step = TASK_RESTED, .keeper = 2};
	done_called = refused = false;
	task_back_verb.begin(&c, request);
	json_decref(request);
	return done_called && !refused && v->tasks->task.step == TASK_BACK;
}

static bool is_begun(struct verbs *v, const char *id)
{
	struct call c = {.verb = &task_call_verb, .agent = v};
	json_t *request = json_pack("{s:s}", "task", id);

	done_called = refused = false;
	task_call_verb.begin(&c, request);
	json_decref(request);
	return done_called && !refused;
}

static void test_back(struct verbs *v)
{
	static struct peers peers = {.n = 1};

	v->peers = &peers;
	peers.peer[0].member = &v->id->members[0];
	keeper = (struct peer){.heard_ms = 1, .last = {.state = NODE_SERVING, .task.id = 7}};
	ok(!is_called_off(v), "only the keeper calls off what has begun");
	keeper.heard_ms = -1;
	keeper.last.task.id = 0;
	ok(!is_called_off(v), "not for its silence");
	keeper.heard_ms = 1;
	keeper.last.state = NODE_HELD;
	ok(!is_called_off(v), "nor when it cannot read its p3");
	keeper.last.state = NODE_STARTING;
	ok(is_called_off(v), "but when it has another card, which knows of nothing");
	keeper.last.task = (struct task_word){.id = 8, .step = TASK_STAGED, .keeper = 2};
	ok(is_called_off(v), "or another task, so that it has ended this one, unheard by us");
	peers.peer[0].last.task = (struct task_word){.id = 7, .step = TASK_RESTED, .keeper = 2};
	ok(is_called_off(v), "while the others rest");
	peers.peer[0].last.task.step = TASK_READY;
	ok(!is_called_off(v), "but when one is ready the keeper was: an old store would run again");
	peers.peer[0].last.task.step = TASK_DONE;
	ok(!is_called_off(v), "and when one is done");
	peers.peer[0].last.task.step = TASK_BACK;
	ok(is_called_off(v), "not when one went back");
	peers.peer[0].heard_ms = -1;
	ok(!is_called_off(v), "nor while one that is not heard may have the new store");
	peers.peer[0].heard_ms = 1;
	peers.peer[0].last = (struct hello){.state = NODE_HELD};
	ok(!is_called_off(v), "or that cannot read what it has");
	peers.peer[0].last.state = NODE_SERVING;
	keeper.last.state = NODE_HELD;
	ok(!is_called_off(v), "but not when the keeper is held");
}

static bool came(const struct verbs *v)
{
	_cleanup_free_ char *path = xasprintf("%s/" UNPACK_FROM, v->tasks->store);

	return access(path, F_OK) == 0;
}

/* What a try before has left. */
static bool leave(const struct verbs *v, const char *name)
{
	_cleanup_free_ char *dir = xasprintf("%s/%s", v->tasks->store, name);
	_cleanup_free_ char *path = xasprintf("%s/neostore", dir);
	struct err e;

	return io_mkdir_p(dir, 0755, &e) == 0 && io_write_atomic(path, "a store", 7, 0644, &e) == 0;
}

static void forget(const struct verbs *v, const char *name)
{
	_cleanup_free_ char *dir = xasprintf("%s/%s", v->tasks->store, name);
	struct err e;

	(void)!io_remove_tree(dir, &e);
}

static void test_room(struct verbs *v)
{
	struct call c;

	v->tasks->task = (struct task){0};
	stage_begins(&c, v);
	ok(c.own && came(v), "a store comes");
	over(&c);
	ok(!came(v), "when its sender goes half of it does not stay: p3's room is Neo4j's");
	room = (64 << 20) + 1;
	stage_begins(&c, v);
	ok(refused, "one that fits once, but not twice, is refused");
	ok(leave(v, UNPACK_TO), "a failed try has left a folder");
	stage(&c, v);
	ok(helper_asked, "what is deleted before its own is unpacked counts as room");
	over(&c);
	ok(came(v), "what the unit has stays when its sender goes");
	v->tasks->unpacks.until_ms = 0;
	forget(v, UNPACK_TO);
	ok(leave(v, UNPACK_TO ".new"), "a power cut has left a half-made one");
	stage(&c, v);
	ok(helper_asked, "which counts, too");
	over(&c);
	v->tasks->unpacks.until_ms = 0;
	room = 64 << 20;
	stage_begins(&c, v);
	ok(refused, "but not as room for what comes: it is there still by then");
	card = UINT64_C(10) << 30;
	room = card / 100 * 7 + (1 << 20);
	stage_begins(&c, v);
	ok(refused, "nor one that would leave so little that the master is taken for unfit");
	room = card / 100 * 8 + (1 << 20);
	stage_begins(&c, v);
	ok(!refused, "one that leaves more may come");
	over(&c);
	card = 0;
	room = UINT64_C(1) << 40;
}

/* Whose folder it is has put a pipe where the unit is to tell. */
static void test_pipe(struct verbs *v)
{
	_cleanup_free_ char *result = xasprintf("%s/" UNPACK_RESULT, v->tasks->store);
	struct call c;

	v->tasks->task = (struct task){0};
	unlink(result);
	if (mkfifo(result, 0644) < 0)
		exit(1);
	stage(&c, v);
	alarm(10); /* ends this test if it waits */
	task_stage_verb.tick(&c);
	alarm(0);
	ok(!done_called && !refused, "a pipe tells nothing, and nobody waits for it");
	unpack_is_done(v->tasks->store);
	task_stage_verb.tick(&c);
	ok(done_called, "the unit's own file takes its place");
}

int main(void)
{
	char root[] = "/tmp/task_verbs.XXXXXX";
	struct err e;

	on_helper_asked = ask_helper;
	if (!mkdtemp(root))
		return 1;
	_cleanup_free_ char *store = xasprintf("%s/srv/bramble", root);
	_cleanup_free_ char *data = xasprintf("%s/neo4j/data", store);
	if (io_mkdir_p(data, 0755, &e) < 0)
		return 1;
	struct identity id = {.nmembers = 2,
		.members = {{.name = "pi1", .id = 1, .roles = ROLE_DATA | ROLE_VOTER},
			{.name = "pi2", .id = 2, .roles = ROLE_DATA | ROLE_VOTER}}};
	struct tasks tasks = {.store = store, .begun = true, .there = true};
	struct verbs v = {.id = &id, .tasks = &tasks, .root = root};
	struct call c;

	stage(&c, &v);
	ok(helper_asked, "a store came and is unpacked");
	unpack_is_done(store);
	task_stage_verb.tick(&c);
	ok(done_called && tasks.task.id == 9 && tasks.task.step == TASK_STAGED, "staged");

	tasks.task = (struct task){.id = 7, .step = TASK_STAGED, .keeper = 1};
	stage(&c, &v);
	tasks.task.step = TASK_RESTED;
	unpack_is_done(store);
	task_stage_verb.tick(&c);
	ok(refused && tasks.task.id == 7 && tasks.task.step == TASK_RESTED,
		"one that was begun meanwhile is not overwritten: its Neo4j must rest");

	tasks.task = (struct task){0};
	struct call other;
	stage(&c, &v);
	stage(&other, &v);
	ok(refused && !helper_asked, "two do not come into the same file");
	unpack_is_done(store);
	task_stage_verb.tick(&c);
	ok(done_called && tasks.task.id == 9, "the first is not disturbed");
	tasks.task = (struct task){0};
	stage(&c, &v);
	over(&c);
	stage(&c, &v);
	ok(refused, "when the sender of one has gone its unit is at the files still");
	over(&c);
	unpack_is_done(store);
	stage(&c, &v);
	ok(helper_asked, "when that has said that it is done the next may come");
	over(&c);
	unpack_is_done(store);
	tasks.task = (struct task){.id = 9, .step = TASK_STAGED, .keeper = 1};
	ok(is_begun(&v, "0000000000000009"), "what was staged may begin");
	tasks.task = (struct task){.id = 7, .step = TASK_STAGED, .keeper = 1};
	stage(&c, &v);
	over(&c);
	unpack_is_done(store);
	ok(!is_begun(&v, "0000000000000007"),
		"but not what another one's has replaced since, whether that was kept or not");
	helper_code = ECONNREFUSED;
	stage(&c, &v);
	ok(failed && !came(&v), "a helper that refuses leaves nothing");
	over(&c);
	helper_code = 0;
	stage(&c, &v);
	ok(helper_asked, "and the next may come at once");
	over(&c);
	tasks.unpacks.until_ms = 0;
	test_back(&v);
	test_room(&v);
	test_pipe(&v);
	(void)!io_remove_tree(root, &e);
	return done();
}
