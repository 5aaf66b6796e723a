/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <string.h>
#include "formation.h"
#include "hello.h"
#include "util.h"

/* Text that is cut, never overrun: a reason has only 120 bytes. */
struct line {
	char text[256];
	size_t len;
};

static PRINTF(2, 3) void line_add(struct line *l, const char *fmt, ...)
{
	size_t room = sizeof(l->text) - l->len;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(l->text + l->len, room, fmt, ap);
	va_end(ap);
	l->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static PRINTF(3, 4) void decide(struct decision *d, enum node_state state, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	d->state = state;
	why_copy(d->why, why);
}

/* What is wrong with p itself, as seen from here; NULL when nothing is. */
static const char *own_obstacle(const struct formation_peer *p)
{
	if (!p->present && p->other_secret)
		return "another cluster secret";
	if (!p->present && p->unproven)
		return "does not hear this node";
	if (!p->present)
		return p->heard ? "no longer heard" : "not heard since boot";
	if (p->state == NODE_HELD)
		return "held";
	return p->same_members ? NULL : "another list of data nodes";
}

/* What p says of the others: of interest only when nothing is wrong from here. */
static const char *far_obstacle(const struct formation_peer *p)
{
	return p->sees_all ? NULL : "does not see all yet";
}

typedef const char *obstacle_fn(const struct formation_peer *p);

static bool is_first_with(const struct formation_input *in, size_t i, obstacle_fn *obstacle)
{
	for (size_t k = 0; k < i; k++) {
		if (obstacle(&in->peers[k]) == obstacle(&in->peers[i]))
			return false;
	}
	return true;
}

/* "pi2, pi3: not heard since boot; pi4: held": peers with the same obstacle share it. */
static void list_obstacles(const struct formation_input *in, obstacle_fn *obstacle, struct line *to)
{
	for (size_t i = 0; i < in->npeers; i++) {
		const char *why = obstacle(&in->peers[i]), *sep = "";
		if (!why || !is_first_with(in, i, obstacle))
			continue;
		line_add(to, "%s", to->len ? "; " : "");
		for (size_t k = i; k < in->npeers; k++) {
			if (obstacle(&in->peers[k]) != why)
				continue;
			line_add(to, "%s%s", sep, in->peers[k].name);
			sep = ", ";
		}
		line_add(to, ": %s", why);
	}
}

static const struct formation_peer *find_master(const struct formation_input *in)
{
	for (size_t i = 0; i < in->npeers; i++) {
		const struct formation_peer *p = &in->peers[i];
		if (p->present && p->role == NEO4J_MASTER && p->same_members)
			return p;
	}
	return NULL;
}

/* What becomes of a store on which Neo4j does not start, or that the quorum wants out of the way.
 */
static enum marker_state judge_store(const struct formation *f, const struct formation_input *in,
	const struct formation_peer *master)
{
	enum marker_state store = in->store;

	if (store == MARKER_RESTORE) /* the store that was there is put aside anyway */
		return store;
	if (in->verdict && in->verdict->aside && store != MARKER_ASIDE)
		return store == MARKER_SERVED ? MARKER_ASIDE : MARKER_DISCARD;
	if (f->quick < SPOILED_AFTER)
		return store;
	if (store == MARKER_USED)
		return MARKER_DISCARD;
	return store == MARKER_SERVED && master ? MARKER_ASIDE : store;
}

/* May it start? If not, d says why. */
static bool is_allowed(
	const struct formation_input *in, const struct formation_peer *master, struct decision *d)
{
	struct line obstacles = {0};
	const char *why = in->verdict ? in->verdict->why : "";

	if (in->verdict ? in->verdict->neo4j == NEO4J_START : master != NULL)
		return true;
	list_obstacles(in, own_obstacle, &obstacles);
	if (!obstacles.len)
		list_obstacles(in, far_obstacle, &obstacles);
	if (obstacles.len)
		decide(d, NODE_WAITING, "%s%swaits for %s", why, why[0] ? "; " : "",
			obstacles.text);
	else if (in->verdict)
		decide(d, NODE_WAITING, "%s", why[0] ? why : "waits for the others' consent");
	return !obstacles.len && !in->verdict;
}

static void decide_start(struct formation *f, const struct formation_input *in, struct decision *d)
{
	const struct formation_peer *master = find_master(in);

	if (!is_allowed(in, master, d))
		return;
	f->phase = NEO4J_ASKED;
	f->asked_ms = in->now_ms;
	f->served = false;
	d->start = true;
	d->store = judge_store(f, in, master);
	if (d->store != in->store)
		f->quick = 0;
	if (master)
		decide(d, NODE_STARTING, "Neo4j starts and joins %s", master->name);
	else
		decide(d, NODE_STARTING, "Neo4j starts, %s are here",
			in->verdict ? "enough members" : "all data nodes");
}

/* An arbiter tells nothing: one that has run for a while is no longer one that fails to start. */
static bool has_proven_itself(const struct formation *f, const struct formation_input *in)
{
	if (in->arbiter)
		return in->now_ms - f->asked_ms >= ARBITER_PROVEN_MS;
	return in->role == NEO4J_MASTER || in->role == NEO4J_SLAVE;
}

static bool must_rest(const struct formation_input *in)
{
	return in->rest && in->rest[0];
}

static bool is_unfit(const struct formation_input *in)
{
	return in->health && in->health->level != HEALTH_FIT;
}

/* What is wrong with p3, and what follows from it. */
static void decide_unfit(
	const struct formation_input *in, struct decision *d, enum node_state state)
{
	const char *wrong = in->health->why, *follows = in->order.why;

	decide(d, state, "%s%s%s%s", state == NODE_STOPPING ? "Neo4j is ended: " : "", wrong,
		wrong[0] && follows[0] ? "; " : "", follows);
}

static void decide_running(
	struct formation *f, const struct formation_input *in, struct decision *d)
{
	f->phase = NEO4J_RAN;
	if (in->verdict && in->verdict->neo4j == NEO4J_KILL) {
		f->killed = d->kill = true;
		decide(d, NODE_STOPPING, "Neo4j is ended: %s", in->verdict->why);
		return;
	}
	if (in->order.end) {
		f->killed = d->kill = true;
		decide_unfit(in, d, NODE_STOPPING);
		return;
	}
	if (must_rest(in)) {
		f->killed = d->stop = true;
		decide(d, NODE_STOPPING, "Neo4j %s", in->rest);
		return;
	}
	if (has_proven_itself(f, in)) {
		f->served = true;
		f->failures = f->quick = 0;
	}
	if (f->killed) {
		decide(d, NODE_STOPPING, "Neo4j stops, to be started again");
	} else if (in->arbiter || in->role == NEO4J_MASTER || in->role == NEO4J_SLAVE) {
		decide(d, NODE_SERVING, "%s", "");
		if (is_unfit(in))
			decide_unfit(in, d, NODE_UNFIT);
	} else if (in->role == NEO4J_UNKNOWN) {
		decide(d, NODE_JOINING, "Neo4j is neither master nor slave");
	} else {
		decide(d, NODE_STARTING, f->served ? "Neo4j gives no answer" : "Neo4j starts");
	}
}

static int64_t pause_ms(const struct formation *f)
{
	return backoff_ms(1000, f->failures, BACKOFF_MAX_MS);
}

static void note_end(struct formation *f, int64_t now_ms)
{
	bool ran = f->phase == NEO4J_RAN && f->asked_ms;

	f->phase = NEO4J_AT_REST;
	if (f->killed) {
		f->killed = false;
		return;
	}
	f->failures++;
	f->quick += ran && !f->served && now_ms - f->asked_ms < QUICK_END_MS;
	f->retry_ms = now_ms + pause_ms(f);
}

static bool must_wait(const struct formation_input *in)
{
	return in->wait && in->wait[0];
}

static void decide_stopped(
	struct formation *f, const struct formation_input *in, struct decision *d)
{
	if (f->phase == NEO4J_ASKED && in->verdict && in->verdict->neo4j == NEO4J_KILL) {
		f->killed = d->kill = true;
		note_end(f, in->now_ms);
		decide(d, NODE_WAITING, "%s", "Neo4j is not started after all");
		return;
	}
	if (f->phase == NEO4J_ASKED && in->now_ms - f->asked_ms < START_GRACE_MS) {
		decide(d, NODE_STARTING, "Neo4j starts");
		return;
	}
	if (f->phase != NEO4J_AT_REST)
		note_end(f, in->now_ms);
	if (must_rest(in))
		decide(d, NODE_WAITING, "Neo4j %s", in->rest);
	else if (must_wait(in))
		decide(d, NODE_WAITING, "%s", in->wait);
	else if (in->order.barred)
		decide_unfit(in, d, NODE_UNFIT);
	else if (in->role != NEO4J_DOWN)
		decide(d, NODE_WAITING, "a Neo4j that is not neo4j.service answers here");
	else if (f->failures && in->now_ms < f->retry_ms)
		decide(d, NODE_WAITING, "Neo4j ended by itself (%u in a row); pauses %d s",
			f->failures, (int)(pause_ms(f) / 1000));
	else
		decide_start(f, in, d);
}

bool formation_fit(const struct formation *f, const struct formation_input *in)
{
	if (!in->voter || in->held[0] || in->service == SERVICE_UNKNOWN)
		return false;
	if (in->service == SERVICE_RUNNING || f->phase == NEO4J_ASKED)
		return true;
	return in->role == NEO4J_DOWN && !must_rest(in) && !must_wait(in) && !in->order.barred &&
	       !(f->failures && in->now_ms < f->retry_ms);
}

void formation_stopped(struct formation *f)
{
	f->killed = true;
}

void formation_forgive(struct formation *f)
{
	f->failures = f->quick = 0;
}

void formation_step(struct formation *f, const struct formation_input *in, struct decision *d)
{
	*d = (struct decision){.store = in->store};
	if (!in->voter) {
		decide(d, NODE_IDLE, "%s", "");
		return;
	}
	if (in->service == SERVICE_RUNNING)
		decide_running(f, in, d);
	else if (in->service == SERVICE_UNKNOWN)
		decide(d, NODE_WAITING, "the service manager has not told about neo4j.service");
	else if (!in->held[0])
		decide_stopped(f, in, d);
	/* Last, for it outweighs all: a running Neo4j is left alone, but this is no good node. */
	if (in->held[0])
		decide(d, NODE_HELD, "%s", in->held);
}
