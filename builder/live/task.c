/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "task.h"
#include <sodium.h>
#include <string.h>
#include "cmd.h"

#define LOOK_AGAIN_MS 500
#define PATIENCE 7200 /* times: a store of some GB on a slow card takes its time */
#define RUNS_NEO4J (ROLE_DATA | ROLE_ARBITER)

struct seen {
	const struct node *master, *last; /* who is it; who was it, where nobody is */
	unsigned held;                    /* how many wait for an upgrade */
	struct err waits;                 /* who waits for something: perhaps for those */
	struct err unsettled;             /* who is still to take a generation, or to leave one */
};

/* What matters of one node's task-status. */
struct part {
	bool held;      /* its store waits for an upgrade */
	bool has;       /* it has the Neo4j that comes */
	bool last;      /* it was master last */
	bool under_way; /* it has begun a task that is not over */
};

static int look_closer(
	const struct live_task *t, const struct node *n, struct part *part, struct err *e)
{
	static const char *const steps[] = {"called", "rests", "rested", "ready"};
	_cleanup_json_ json_t *answer = NULL;

	if (live_task_status(t->remote, n, &answer, e) < 0)
		return -1;
	const char *step = json_string_value(json_object_get(answer, "step"));
	const char *awaits = json_string_value(json_object_get(answer, "awaits"));
	const char *has = json_string_value(json_object_get(answer, "neo4j"));
	for (size_t i = 0; step && i < ARRAY_SIZE(steps); i++)
		part->under_way |= strcmp(step, steps[i]) == 0;
	part->held = awaits && awaits[0];
	part->has = has && t->neo4j && strcmp(has, t->neo4j) == 0;
	part->last = json_is_true(json_object_get(answer, "was_last"));
	return 0;
}

/* One that does not serve may do so for those that are held, or because it is too new for them. */
static bool may_wait(const char *state, const struct part *part)
{
	bool begins = strcmp(state, "starting") == 0 || strcmp(state, "joining") == 0;

	return strcmp(state, "waiting") == 0 || (begins && part->has);
}

/*
 * What it still has to do to its files would be done to another Neo4j's. Not asked while some are
 * held: what all are to run may be for the Neo4j that comes.
 */
static void note_unsettled(const struct node *n, const struct remote_status *s, struct err *e)
{
	if (remote_is_settled(s))
		return;
	err_set(e,
		"%s runs generation %lld of the configuration and is not done with %lld%s%s; "
		"wait for it, or `bramble apply` another one",
		n->name, (long long)s->generation, (long long)(s->owed ? s->owed : s->decided),
		s->why[0] ? ": " : "", s->why);
}

static int see(const struct live_task *t, const struct node *n, struct seen *seen, struct err *e)
{
	struct part part = {0};
	struct remote_status s;

	if (remote_status(t->remote, n, &s, e) < 0 ||
		(strcmp(t->kind, "upgrade") == 0 && look_closer(t, n, &part, e) < 0))
		return -1;
	if (part.under_way)
		return err_set(e, "%s has begun another task: see bramble task", n->name);
	seen->held += part.held;
	if (strcmp(t->kind, "upgrade") == 0)
		note_unsettled(n, &s, &seen->unsettled);
	if (s.writable)
		seen->master = n;
	if (part.last)
		seen->last = n;
	if (part.held || strcmp(s.state, "serving") == 0)
		return 0;
	err_set(e, "%s is %s%s%s", n->name, s.state, s.why[0] ? ": " : "", s.why);
	if (!may_wait(s.state, &part))
		return -1;
	seen->waits = *e;
	return 0;
}

int live_task_look(struct live_task *t, struct err *e)
{
	const struct cluster *c = t->remote->cluster;
	struct seen seen = {0};
	uint8_t id[8];

	randombytes_buf(id, sizeof(id));
	hex_encode(t->id, id, sizeof(id));
	for (size_t i = 0; i < c->nnodes; i++) {
		if ((c->nodes[i].roles & RUNS_NEO4J) && see(t, &c->nodes[i], &seen, e) < 0)
			return -1;
	}
	if (!seen.held && seen.waits.msg[0]) {
		*e = seen.waits;
		return -1;
	}
	if (!seen.held && seen.unsettled.msg[0]) {
		*e = seen.unsettled;
		return -1;
	}
	t->held = seen.held;
	t->keeper = seen.master || !seen.held ? seen.master : seen.last;
	if (t->keeper)
		return 0;
	return seen.held
		       ? err_set(e,
				 "nobody here was master last, so whose store is the latest is not "
				 "known: flash the old Neo4j again (--keep-data), let the cluster "
				 "serve, and upgrade that")
		       : err_set(e, "nobody is master by the grant of a majority");
}

int live_task_status(const struct remote *r, const struct node *n, json_t **answer, struct err *e)
{
	return remote_ask(r, n, json_pack("{s:s}", "verb", "task-status"), NULL, answer, NULL, e);
}

int live_task_stage(const struct live_task *t, const struct node *n, bool sends, struct err *e)
{
	struct remote_teller teller = {.node = n->name};
	struct remote_listener l = {.progress = remote_tell, .arg = &teller};
	json_t *request = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:b}", "verb", "task-stage",
		"task", t->id, "kind", t->kind, "keeper", t->keeper->name, "bytes",
		(json_int_t)t->bytes, "neo4j", t->neo4j ? t->neo4j : "", "sends", sends);

	if (sends) {
		l.feed = t->feed;
		l.feed_arg = t->arg;
	}
	return remote_ask(t->remote, n, request, &l, NULL, NULL, e);
}

/* Another PC may have brought something else meanwhile: then that node would never rest. */
static int check_staged(const struct live_task *t, const struct node *n, struct err *e)
{
	_cleanup_json_ json_t *answer = NULL;

	if (live_task_status(t->remote, n, &answer, e) < 0)
		return -1;
	const char *step = json_string_value(json_object_get(answer, "step"));
	const char *id = json_string_value(json_object_get(answer, "task"));
	if (step && id && strcmp(id, t->id) == 0 && strcmp(step, "staged") == 0)
		return 0;
	return err_set(e, "%s: another task came between, and nothing was begun", n->name);
}

int live_task_call(const struct live_task *t, struct err *e)
{
	const struct cluster *c = t->remote->cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		if ((c->nodes[i].roles & RUNS_NEO4J) && check_staged(t, &c->nodes[i], e) < 0)
			return -1;
	}
	json_t *request = json_pack("{s:s, s:s}", "verb", "task-call", "task", t->id);

	return remote_ask(t->remote, t->keeper, request, NULL, NULL, NULL, e);
}

static void show_line(char shown[256], const char *line)
{
	if (strncmp(shown, line, 255) == 0)
		return;
	snprintf(shown, 256, "%s", line);
	printf("%s\n", shown);
	fflush(stdout);
}

/* 1: done there, and serves; 0: not yet; -1: it went back. */
static int look_at(const struct live_task *t, const struct node *n, char *shown, struct err *e)
{
	_cleanup_json_ json_t *answer = NULL;
	struct remote_status s;
	struct err none;

	if (live_task_status(t->remote, n, &answer, &none) < 0 ||
		remote_status(t->remote, n, &s, &none) < 0) {
		show_line(shown, none.msg);
		return check_interrupted(e);
	}
	const char *step = json_string_value(json_object_get(answer, "step"));
	const char *id = json_string_value(json_object_get(answer, "task"));
	const char *why = json_string_value(json_object_get(answer, "why"));
	char line[256];
	if (!id || !step || strcmp(id, t->id) != 0)
		return err_set(e,
			"%s: it has another task, or another card: bramble task --back calls this "
			"one off",
			n->name);
	if (strcmp(step, "back") == 0)
		return err_set(e, "%s: all is as before: %s", n->name, why ? why : "");
	snprintf(line, sizeof(line), "%s: %s%s%s", n->name, s.state, s.why[0] ? ": " : "", s.why);
	show_line(shown, line);
	return strcmp(step, "done") == 0 && strcmp(s.state, "serving") == 0;
}

static int look_at_all(const struct live_task *t, char shown[][256], struct err *e)
{
	const struct cluster *c = t->remote->cluster;
	bool all = true;

	for (size_t i = 0; i < c->nnodes; i++) {
		if (!(c->nodes[i].roles & RUNS_NEO4J))
			continue;
		int r = look_at(t, &c->nodes[i], shown[i], e);
		if (r < 0)
			return -1;
		all = all && r;
	}
	return all;
}

int live_task_watch(const struct live_task *t, struct err *e)
{
	_cleanup_free_ char *room = xcalloc(CLUSTER_MAX_NODES, 256);
	char(*shown)[256] = (char(*)[256])(void *)room;

	for (int i = 0; i < PATIENCE; i++) {
		int r = look_at_all(t, shown, e);
		if (r != 0)
			return r < 0 ? -1 : 0;
		if (remote_pause(LOOK_AGAIN_MS, e) < 0)
			return err_prefix(e, "the nodes go on by themselves");
	}
	return err_set(e, "not all have finished yet: see bramble status");
}
