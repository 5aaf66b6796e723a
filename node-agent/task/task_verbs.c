/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person's bramble says about a task: bring what it takes, begin, call off, and how it goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include "../backup/unpack.h"
#include "../control/verbs.h"
#include "../health/health.h"
#include "../upgrade/install.h"
#include "io.h"
#include "pack.h"

#define ROOM_KEPT (64u << 20) /* for Neo4j to start and recover in */
/* Of p3: with less free than that its Neo4j would be ended in the middle of it (health.h). */
#define PERCENT_KEPT (100 - HEALTH_LOW_PERCENT + 1)
#define RESULT_MAX 1024
#define PATIENCE_MS 120000 /* for what is unpacked, and a second for each MiB */

/* Into what it is made, and by which unit. */
struct cargo {
	enum helper_verb verb;
	const char *result;   /* where the unit tells, below root */
	const char *also;     /* what it makes is there, too; NULL: on p3 only */
	const char *journal;  /* the unit */
	const char *progress; /* for people */
};

static const struct cargo cargoes[TASK_KINDS] = {
	[TASK_RESTORE] = {HELPER_UNPACK, "/srv/bramble/" UNPACK_RESULT, NULL, "bramble-unpack",
		"unpacks the store"},
	[TASK_UPGRADE] = {HELPER_INSTALL, INSTALL_RESULT, "/opt", "bramble-install",
		"installs the new Neo4j"},
};

/* What is brought. */
struct stage {
	struct task task; /* as it will be */
	uint64_t bytes;
	struct pack_reader pack;
	int fd;               /* of the file it comes into; -1: all is there, or nothing comes */
	bool sends, receives; /* it shall come; this is the one that does */
	struct helper_client helper;
	char name[64]; /* of the file, in unpack's result */
	int64_t until_ms;
};

static struct verbs *verbs_of(struct call *c)
{
	return c->agent;
}

/* --- the request */

static int get_id(const json_t *request, uint64_t *id)
{
	const char *hex = json_string_value(json_object_get(request, "task"));
	uint8_t bytes[8];

	if (!hex || hex_decode(bytes, sizeof(bytes), hex) < 0)
		return -1;
	*id = 0;
	for (size_t i = 0; i < sizeof(bytes); i++)
		*id = *id << 8 | bytes[i];
	return *id ? 0 : -1;
}

static int get_number(const json_t *request, const char *key, uint64_t *to)
{
	const json_t *v = json_object_get(request, key);

	*to = json_is_integer(v) && json_integer_value(v) >= 0 ? (uint64_t)json_integer_value(v)
							       : 0;
	return !v || (json_is_integer(v) && json_integer_value(v) >= 0) ? 0 : -1;
}

static int get_task(const struct verbs *v, const json_t *request, struct stage *s)
{
	const char *keeper = json_string_value(json_object_get(request, "keeper"));
	const char *neo4j = json_string_value(json_object_get(request, "neo4j"));
	int kind = task_kind_find(json_string_value(json_object_get(request, "kind")));
	const struct member *m = keeper ? identity_member(v->id, keeper) : NULL;

	if (get_id(request, &s->task.id) < 0 || kind < 0 || !m || !(m->roles & ROLE_DATA) ||
		get_number(request, "bytes", &s->bytes) < 0)
		return -1;
	if (neo4j && strlen(neo4j) >= sizeof(s->task.neo4j))
		return -1;
	if (neo4j)
		memcpy(s->task.neo4j, neo4j, strlen(neo4j) + 1);
	s->task.kind = (enum task_kind)kind;
	s->task.step = TASK_STAGED;
	s->task.keeper = m->id;
	s->sends = json_is_true(json_object_get(request, "sends"));
	return 0;
}

static const char *cannot_stage(const struct verbs *v, const struct stage *s)
{
	const struct task *now = &v->tasks->task;

	if (!(identity_self(v->id)->roles & ROLE_VOTER))
		return "this node runs no Neo4j";
	if (!v->tasks->begun || !v->tasks->there)
		return "its data partition is not there, or not this node's";
	if (task_is_busy(now) && now->id != s->task.id)
		return "another restore or upgrade is under way";
	if (v->id->mode == NEO4J_CAUSAL)
		return "the members of a causal cluster are restored one by one, by neo4j-admin";
	return NULL;
}

/* --- what comes */

static void close_file(struct stage *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static void remove_file(const struct verbs *v)
{
	_cleanup_free_ char *path = xasprintf("%s/" UNPACK_FROM, v->tasks->store);

	(void)unlink(path);
}

static void let_go(struct tasks *t, const struct stage *s)
{
	t->receives = false;
	t->unpacks.kind = s->task.kind;
	t->unpacks.until_ms = s->until_ms ? boottime_ms() + PATIENCE_MS : 0;
	snprintf(t->unpacks.name, sizeof(t->unpacks.name), "%s", s->name);
}

static void end(struct call *c)
{
	struct stage *s = c->own;

	if (!s)
		return;
	if (s->receives)
		let_go(verbs_of(c)->tasks, s);
	helper_client_cancel(&s->helper);
	if (s->fd >= 0) /* no unit has it, and p3's room is Neo4j's */
		remove_file(verbs_of(c));
	close_file(s);
	pack_reader_end(&s->pack);
	free(s);
}

static void keep(struct call *c)
{
	struct verbs *v = verbs_of(c);
	const struct stage *s = c->own;
	struct err e;

	if (task_is_busy(&v->tasks->task)) /* begun while this one's store came */
		call_fail(c, CALL_REFUSED, "another restore or upgrade is under way");
	else if (tasks_set(v->tasks, &s->task, &e) < 0)
		call_fail(c, CALL_FAILED, "%s", e.msg);
	else
		call_done(c, NULL);
}

/* freed: what will be, before it is needed. percent: of all there is, must stay free. */
static int check_room_at(
	const char *path, uint64_t needed, uint64_t freed, unsigned percent, struct err *e)
{
	struct statvfs st;

	if (statvfs(path, &st) < 0)
		return err_errno(e, "%s", path);
	uint64_t room = (uint64_t)st.f_bavail * st.f_frsize + freed;
	uint64_t kept = (uint64_t)st.f_blocks * st.f_frsize / 100 * percent;
	if (kept < ROOM_KEPT)
		kept = ROOM_KEPT;
	if (room >= needed + kept)
		return 0;
	return err_set(e, "%s has room for %llu MiB, and this takes %llu with what must stay free",
		path, (unsigned long long)(room >> 20),
		(unsigned long long)((needed + kept) >> 20));
}

static int check_room(const struct verbs *v, const struct stage *s, struct err *e)
{
	const char *also = cargoes[s->task.kind].also;
	_cleanup_free_ char *path = xasprintf("%s%s", v->root, also ? also : "");
	const char *store = v->tasks->store;

	if (check_room_at(store, s->bytes, 0, PERCENT_KEPT, e) < 0)
		return -1;
	return also ? check_room_at(path, s->bytes, 0, 0, e)
		    : check_room_at(store, 2 * s->bytes, unpack_leftover(store), PERCENT_KEPT, e);
}

/* 1: it is done; 0: not yet. */
static int read_result(const struct verbs *v, enum task_kind kind, const char *name, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s%s", v->root, cargoes[kind].result);
	_cleanup_buf_ struct buf text = {0};
	struct err none;
	size_t n = strlen(name);

	if (io_read_plain(path, RESULT_MAX, &text, &none) < 0 ||
		strncmp(buf_str(&text), name, n) != 0)
		return 0;
	const char *said = buf_str(&text) + n;
	return strcmp(said, UNPACK_OK) == 0 ? 1 : err_set(e, "it cannot be unpacked%s", said);
}

/* Then what comes now would be taken for what comes already. */
static bool comes_another(const struct verbs *v)
{
	const struct tasks *t = v->tasks;
	struct err e;

	return t->receives || (boottime_ms() < t->unpacks.until_ms &&
				      read_result(v, t->unpacks.kind, t->unpacks.name, &e) == 0);
}

static int open_file(const struct verbs *v, struct stage *s, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/" UNPACK_FROM, v->tasks->store);

	if (comes_another(v))
		return err_set(e, "a store or a Neo4j comes already: one at a time");
	(void)unlink(path); /* of one that was interrupted: it takes room */
	if (s->bytes > INT64_MAX / 4 || check_room(v, s, e) < 0)
		return s->bytes > INT64_MAX / 4 ? err_set(e, "no store is as large") : -1;
	s->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (s->fd < 0)
		return err_errno(e, "%s", path);
	s->receives = v->tasks->receives = true;
	return 0;
}

static void stage_begin(struct call *c, const json_t *request)
{
	const struct verbs *v = verbs_of(c);
	struct stage *s = calloc(1, sizeof(*s));
	struct err e;

	if (!s) {
		call_fail(c, CALL_FAILED, "out of memory");
		return;
	}
	s->fd = -1;
	c->own = s;
	helper_client_init(&s->helper, v->loop, v->helper);
	pack_reader_begin(&s->pack);
	if (get_task(v, request, s) < 0) {
		call_fail(c, CALL_BAD_REQUEST, "the task makes no sense");
		return;
	}
	const char *why = cannot_stage(v, s);
	if (why)
		call_fail(c, CALL_REFUSED, "%s", why);
	else if (v->tasks->task.id == s->task.id && v->tasks->task.step >= TASK_STAGED)
		call_done(c, NULL);
	else if (!s->sends)
		keep(c);
	else if (open_file(v, s, &e) < 0)
		call_fail(c, CALL_REFUSED, "%s", e.msg);
}

/* --- and becomes a folder, by a unit of Neo4j's own user */

static void unpack_asked(void *arg, int code, const char *text)
{
	struct call *c = arg;
	struct stage *s = c->own;

	if (!code)
		return;
	if (code != ETIMEDOUT && code != ECONNRESET && code != EPROTO) { /* no unit has it */
		s->until_ms = 0;
		remove_file(verbs_of(c));
	}
	call_fail(c, CALL_FAILED, "bramble-helper: %s", text[0] ? text : strerror(code));
}

/* What was staged before is about to be replaced: no task may begin by it any more. */
static int replace_staged(struct tasks *t, struct err *e)
{
	struct task next = t->task;

	if (task_is_busy(&next))
		return err_set(e, "another restore or upgrade is under way");
	task_give_way(&next);
	return next.step == t->task.step ? 0 : tasks_set(t, &next, e);
}

static void begin_unpack(struct call *c)
{
	struct verbs *v = verbs_of(c);
	struct stage *s = c->own;
	struct stat st;
	struct err e;

	if (fstat(s->fd, &st) < 0) {
		call_fail(c, CALL_FAILED, "%s", strerror(errno));
		return;
	}
	if (replace_staged(v->tasks, &e) < 0) {
		call_fail(c, CALL_REFUSED, "%s", e.msg);
		return;
	}
	unpack_name(&st, s->name, sizeof(s->name));
	close_file(s);
	s->until_ms = boottime_ms() + PATIENCE_MS + (int64_t)(s->bytes >> 20) * 1000;
	helper_ask(&s->helper, &(struct helper_request){.verb = cargoes[s->task.kind].verb},
		unpack_asked, c);
}

static void stage_data(struct call *c, const void *p, size_t n)
{
	struct stage *s = c->own;
	struct err e;

	int r = s->fd < 0 ? err_set(&e, "something comes behind its end")
			  : pack_read(&s->pack, p, n, NULL, &e);
	if (r >= 0 && s->pack.sums.bytes > s->bytes)
		r = err_set(&e, "more comes than was said");
	if (r >= 0 && io_write_full(s->fd, p, n) < 0)
		r = err_errno(&e, UNPACK_FROM);
	if (r < 0)
		call_fail(c, CALL_FAILED, "%s", e.msg);
	else if (r == 1)
		begin_unpack(c);
}

static void stage_tick(struct call *c)
{
	const struct verbs *v = verbs_of(c);
	struct stage *s = c->own;
	struct err e;

	if (!s->until_ms)
		return;
	int r = read_result(v, s->task.kind, s->name, &e);
	if (r == 0 && boottime_ms() >= s->until_ms)
		r = err_set(&e, "it takes too long: see the journal of %s",
			cargoes[s->task.kind].journal);
	if (r == 0) {
		call_progress(c, "%s", cargoes[s->task.kind].progress);
		return;
	}
	remove_file(v);
	s->until_ms = 0; /* the unit has ended, or hangs */
	if (r < 0)
		call_fail(c, CALL_FAILED, "%s", e.msg);
	else
		keep(c);
}

const struct verb task_stage_verb = {.name = "task-stage",
	.begin = stage_begin,
	.data = stage_data,
	.tick = stage_tick,
	.end = end};

/* --- begin, call off, status */

static const struct member *keeper_of(const struct verbs *v)
{
	unsigned id = v->tasks->task.keeper;

	for (size_t i = 0; i < v->id->nmembers; i++) {
		if (id && v->id->members[i].id == id)
			return &v->id->members[i];
	}
	return NULL;
}

static int begin_it(const struct verbs *v, struct task *t, struct err *e)
{
	return task_call(t, identity_self(v->id)->id, e);
}

/*
 * A task is never taken off p3 once it was there, and what was called gives way to another only
 * when it is over: who is well and tells of none has another card now, and who tells of another has
 * ended this one. Neither will ever say so.
 */
static bool has_left_it(const struct verbs *v, const struct member *m)
{
	const struct peer *p = peers_find(v->peers, m);

	return p && peer_present(p) && p->last.state != NODE_HELD &&
	       p->last.task.id != v->tasks->task.id;
}

/* Then the new store is in use, and this node's old one must not run beside it. */
static const struct peer *find_ready(const struct verbs *v)
{
	for (size_t i = 0; i < v->peers->n; i++) {
		if (task_tells_ready(&v->tasks->task, &v->peers->peer[i].last.task))
			return &v->peers->peer[i];
	}
	return NULL;
}

/* Another one whose store may be the new one, for all that is known; NULL: none. */
static const struct peer *find_silent(const struct verbs *v, const struct member *keeper)
{
	for (size_t i = 0; i < v->peers->n; i++) {
		const struct peer *p = &v->peers->peer[i];
		if (p->member != keeper && (p->member->roles & ROLE_DATA) &&
			voter_votes(v->voter, p->member) && !tasks_tells(p))
			return p;
	}
	return NULL;
}

static int call_it_off(const struct verbs *v, struct task *t, struct err *e)
{
	const struct member *keeper = keeper_of(v);
	const struct peer *ready = find_ready(v);
	const char *name = keeper ? keeper->name : "";
	bool lost = keeper && (voter_has_given_up(v->voter, &name, 1) || has_left_it(v, keeper));
	const struct peer *silent = lost && t->step > TASK_STAGED ? find_silent(v, keeper) : NULL;

	if (ready)
		return err_set(e, "it is too late: %s has the new store, or makes room for it",
			ready->member->name);
	if (silent)
		return err_set(e,
			"%s is not heard, or cannot read its p3, and may have the new store; bring "
			"it back, or give it up (bramble start --accept-loss), and say it again",
			silent->member->name);
	return task_call_off(t, identity_self(v->id)->id, lost, e);
}

typedef int change_fn(const struct verbs *v, struct task *t, struct err *e);

static void change(struct call *c, const json_t *request, change_fn *how)
{
	struct verbs *v = verbs_of(c);
	struct task next = v->tasks->task;
	uint64_t id;
	struct err e;

	if (get_id(request, &id) < 0)
		call_fail(c, CALL_BAD_REQUEST, "\"task\" makes no sense");
	else if (id != next.id)
		call_fail(c, CALL_REFUSED, "that is not this node's task any more");
	else if (how(v, &next, &e) < 0)
		call_fail(c, CALL_REFUSED, "%s", e.msg);
	else if (next.step != v->tasks->task.step && tasks_set(v->tasks, &next, &e) < 0)
		call_fail(c, CALL_FAILED, "%s", e.msg);
	else
		call_done(c, NULL);
}

static void call_begin(struct call *c, const json_t *request)
{
	change(c, request, begin_it);
}

static void back_begin(struct call *c, const json_t *request)
{
	change(c, request, call_it_off);
}

/* Of one that is not heard nobody knows what its store holds. */
static bool was_last(const struct verbs *v)
{
	for (size_t i = 0; i < v->peers->n; i++) {
		const struct peer *p = &v->peers->peer[i];
		if (voter_votes(v->voter, p->member) && !peer_present(p))
			return false;
	}
	return v->tasks->begun && voter_was_last_master(v->voter);
}

static void status_begin(struct call *c, const json_t *request)
{
	const struct verbs *v = verbs_of(c);
	const struct task *t = &v->tasks->task;
	const struct member *keeper = keeper_of(v);
	char id[17];

	(void)request;
	snprintf(id, sizeof(id), "%016llx", (unsigned long long)t->id);
	call_done(c, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "task", id, "kind",
			     task_kind_name(t->kind), "step", task_step_name(t->step), "keeper",
			     keeper ? keeper->name : "", "neo4j", v->id->neo4j, "to", t->neo4j,
			     "why", t->why, "awaits", v->tasks->awaits ? v->tasks->awaits : "",
			     "was_last", was_last(v)));
}

const struct verb task_call_verb = {.name = "task-call", .begin = call_begin};
const struct verb task_back_verb = {.name = "task-back", .begin = back_begin};
const struct verb task_status_verb = {.name = "task-status", .silent = true, .begin = status_begin};
