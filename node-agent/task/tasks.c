/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tasks.h"
#include <string.h>
#include "../backup/unpack.h"
#include "../store_at_rest.h"
#include "../upgrade/install.h"
#include "io.h"
#include "log.h"

#define ASK_AGAIN_MS 5000
#define RESULT_MAX 1024

void tasks_open(struct tasks *t, struct loop *l, const char *root, const char *store,
	struct marker *marker, const char *helper)
{
	*t = (struct tasks){.store = store, .root = root, .marker = marker};
	helper_client_init(&t->helper, l, helper);
}

void tasks_close(struct tasks *t)
{
	helper_client_cancel(&t->helper);
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

/*
 * Before BACK is on p3: when the power goes in between, the task only has yet to go back. Once it
 * is there an order in the marker is somebody else's.
 */
static int take_back_order(struct tasks *t, struct err *e)
{
	enum marker_state back = task_marker_back(&t->task, t->marker->state);

	if (back == t->marker->state)
		return 0;
	if (!t->there)
		return err_set(e, "the data partition is not there, or not this node's");
	return marker_take_back(t->store, t->marker, back, e);
}

/* What was drained for one task is not for the next. */
static void open_again(struct tasks *t)
{
	t->drain = (struct drain){0};
	t->drained = false;
}

int tasks_set(struct tasks *t, const struct task *next, struct err *e)
{
	if (!t->begun)
		return err_set(e, "the data partition is not there");
	if (next->step == TASK_BACK && take_back_order(t, e) < 0)
		return -1;
	if (task_save(t->store, next, e) < 0)
		return -1;
	t->task = *next;
	if (next->step == TASK_STAGED)
		open_again(t);
	log_info("task: %s %s%s%s", task_kind_name(next->kind), task_step_name(next->step),
		next->why[0] ? ": " : "", next->why);
	return 0;
}

/* The others stop when they hear that the keeper was called. */
struct task_word tasks_word(const struct tasks *t)
{
	enum task_step step = t->task.step;

	if (step == TASK_CALLED && drain_is_closed(&t->drain) && !t->drained)
		step = TASK_STAGED;
	return (struct task_word){
		.id = t->task.id, .step = (uint8_t)step, .keeper = (uint8_t)t->task.keeper};
}

bool tasks_parts(const struct tasks *t)
{
	return t->drained && (t->task.step == TASK_CALLED || t->task.step == TASK_RESTS);
}

static size_t collect(const struct tasks_look *look, struct task_peer *to)
{
	size_t n = 0;

	for (size_t i = 0; i < look->peers->n; i++) {
		const struct peer *p = &look->peers->peer[i];
		if (p->member->roles & ROLE_VOTER)
			to[n++] = (struct task_peer){.name = p->member->name,
				.id = p->member->id,
				.word = p->last.task,
				.tells = tasks_tells(p)};
	}
	return n;
}

/* While it is staged that is as it should be: one node gets it after the other. */
static int64_t astray_for(struct tasks *t, const struct task_look *look)
{
	int64_t now_ms = boottime_ms();

	if (!task_is_busy(&t->task) || !task_astray(&t->task, look))
		t->astray_since_ms = 0;
	else if (!t->astray_since_ms)
		t->astray_since_ms = now_ms;
	return t->astray_since_ms ? now_ms - t->astray_since_ms : 0;
}

/* What the next start does to this node's store (store.h). */
static enum marker_state order_of(
	const struct task *t, enum marker_state now, const struct tasks_look *look)
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
		return now;
	if (t->keeper != identity_self(look->id)->id)
		return given_up[now];
	return MARKER_RESTORE;
}

static bool is_ordered(enum marker_state s)
{
	return s != MARKER_USED && s != MARKER_SERVED;
}

/* Is what was unpacked, or made by an upgrade, a store? */
static int check_new_store(const struct tasks *t, struct err *e)
{
	_cleanup_free_ char *folder = xasprintf("%s/" UNPACK_TO, t->store);
	struct neostore n;

	return store_read(folder, &n, e);
}

static int order_store(const struct tasks *t, const struct task *next,
	const struct tasks_look *look, struct err *e)
{
	enum marker_state order = order_of(next, t->marker->state, look);

	if (order == MARKER_RESTORE && check_new_store(t, e) < 0)
		return -1;
	/* An arbiter's marker only tells which Neo4j it was, and it would wait for what was done.
	 */
	if (next->kind == TASK_UPGRADE && !(identity_self(look->id)->roles & ROLE_DATA))
		return marker_set_neo4j(t->store, t->marker, next->neo4j, e);
	return marker_set(t->store, t->marker, order, e);
}

/* --- an upgrade */

static void answered(void *arg, int code, const char *text)
{
	(void)arg;
	if (code)
		log_error("bramble-helper: %s", text[0] ? text : strerror(code));
}

/* Until it is seen to be done: a unit that runs is not started twice, and again does no harm. */
static void ask(struct tasks *t, enum helper_verb verb)
{
	int64_t now_ms = boottime_ms();

	if ((verb == t->asked && now_ms < t->again_ms) || helper_client_busy(&t->helper))
		return;
	t->asked = verb;
	t->again_ms = now_ms + ASK_AGAIN_MS;
	helper_ask(&t->helper, &(struct helper_request){.verb = verb}, answered, t);
}

/* What the unit has told of this task's work (upgrade-copy). */
static enum task_work read_work(struct tasks *t)
{
	_cleanup_free_ char *path = xasprintf("%s/" UNPACK_RESULT, t->store);
	_cleanup_buf_ struct buf text = {0};
	struct err none;
	char id[17];

	snprintf(id, sizeof(id), "%016llx", (unsigned long long)t->task.id);
	if (io_read_plain(path, RESULT_MAX, &text, &none) < 0 || !str_starts(buf_str(&text), id))
		return TASK_WORK_BUSY;
	const char *said = buf_str(&text) + strlen(id);
	if (strcmp(said, UNPACK_OK) == 0)
		return TASK_WORK_DONE;
	why_copy(t->task.why, said[0] == ':' ? said + 2 : said);
	return TASK_WORK_FAILED;
}

static enum task_work work(struct tasks *t, unsigned self)
{
	if (!task_works(&t->task, self))
		return TASK_WORK_IDLE;
	if (t->task.kind == TASK_RESTORE)
		return TASK_WORK_DONE;
	enum task_work w = read_work(t);
	if (w == TASK_WORK_BUSY)
		ask(t, HELPER_UPGRADE);
	return w;
}

/* Is this node's Neo4j the new one? If not it is seen to. */
static bool has_switched(struct tasks *t)
{
	if (switch_is_done(t->root, t->task.neo4j))
		return true;
	ask(t, HELPER_SWITCH);
	return false;
}

/* Everything that READY promises, before it is said. */
static int get_ready(
	struct tasks *t, const struct task *next, const struct tasks_look *look, struct err *e)
{
	if (next->kind == TASK_UPGRADE && !has_switched(t))
		return 1;
	if (order_store(t, next, look, e) < 0)
		return -1;
	t->switched = next->kind == TASK_UPGRADE;
	return 0;
}

static int take_step(
	struct tasks *t, struct task *next, const struct tasks_look *look, struct err *e)
{
	int r = next->step == TASK_READY ? get_ready(t, next, look, e) : 0;

	if (next->step == TASK_RESTED)
		next->before = t->marker->state;
	if (r == 0)
		r = tasks_set(t, next, e);
	return r < 0 ? -1 : 0;
}

/*
 * What the others have of an upgraded store is what is left if the keeper's card is lost in the
 * midst of it. Of a restored one it is nothing that anybody wants.
 */
static bool have_all(const struct tasks_look *look)
{
	return voter_majority_has(look->voter, look->peers, look->last_tx);
}

/*
 * A Neo4j that is no master has taken no writes, one whose role is not known may have: what it has
 * nobody can tell, so no upgrade begins with that.
 */
static bool has_drained(const struct tasks *t, const struct tasks_look *look, int64_t now_ms)
{
	if (!look->voter->enabled || !look->process || look->role == NEO4J_SLAVE)
		return true;
	if (look->role == NEO4J_MASTER)
		return t->task.kind == TASK_RESTORE
			       ? drain_is_quiet(&t->drain, now_ms)
			       : drain_is_done(&t->drain, now_ms) && have_all(look);
	return t->task.kind == TASK_RESTORE && now_ms - t->drain.since_ms >= DRAIN_CATCH_UP_MS;
}

/* Whether it was in vain. */
static bool drain(struct tasks *t, const struct tasks_look *look)
{
	int64_t now_ms = boottime_ms();
	bool mine = t->task.keeper == identity_self(look->id)->id;

	if (!mine || t->task.step < TASK_CALLED || t->task.step > TASK_RESTED) {
		open_again(t);
		return false;
	}
	if (!drain_is_closed(&t->drain))
		drain_begin(&t->drain, now_ms);
	drain_step(&t->drain, look->role == NEO4J_MASTER, look->last_tx, look->told_ms, now_ms);
	t->drained |= has_drained(t, look, now_ms);
	return !t->drained && now_ms - t->drain.since_ms >= DRAIN_CATCH_UP_MS;
}

void tasks_step(struct tasks *t, const struct tasks_look *look)
{
	struct task_peer peers[MEMBERS_MAX];
	struct err e;

	if (!t->begun || t->task.step == TASK_NONE || t->switched)
		return;
	unsigned self = identity_self(look->id)->id;
	struct task_look l = {.self = self,
		.process = look->process,
		.last_master = voter_was_last_master(look->voter),
		.ran = look->runs && !is_ordered(t->marker->state),
		.work = work(t, self),
		.lags = drain(t, look),
		.peers = peers,
		.npeers = collect(look, peers)};
	l.astray_ms = astray_for(t, &l);
	struct task next = t->task;
	if (task_step(&next, &l) && take_step(t, &next, look, &e) < 0)
		log_error("task: %s", e.msg);
	task_why(&t->task, &l, t->why);
	if (t->switched)
		why_copy(t->why, "rests until the agent knows the new one");
}
