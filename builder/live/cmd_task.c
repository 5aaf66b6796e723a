/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far the nodes are in what they do to their stores together, and an end to it. */
#include <getopt.h>
#include <string.h>
#include "cmd.h"
#include "task.h"

#define LOOK_AGAIN_MS 500
#define PATIENCE 120 /* times */
#define RUNS_NEO4J (ROLE_DATA | ROLE_ARBITER)

/* What one node says. */
struct word {
	bool reached;
	char id[17], kind[16], step[16], keeper[64], why[160];
};

struct look {
	const struct remote *remote;
	struct word word[CLUSTER_MAX_NODES];
};

static void take(char *to, size_t size, const json_t *answer, const char *key)
{
	const char *s = json_string_value(json_object_get(answer, key));

	snprintf(to, size, "%s", s ? s : "");
}

static void ask_one(const struct remote *r, const struct node *n, struct word *w)
{
	_cleanup_json_ json_t *answer = NULL;
	struct err e;

	*w = (struct word){.reached = true};
	if (live_task_status(r, n, &answer, &e) < 0) {
		w->reached = false;
		snprintf(w->why, sizeof(w->why), "%.150s", e.msg);
		return;
	}
	take(w->id, sizeof(w->id), answer, "task");
	take(w->kind, sizeof(w->kind), answer, "kind");
	take(w->step, sizeof(w->step), answer, "step");
	take(w->keeper, sizeof(w->keeper), answer, "keeper");
	take(w->why, sizeof(w->why), answer, "why");
}

static int look_around(struct look *k, struct err *e)
{
	const struct cluster *c = k->remote->cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		if (c->nodes[i].roles & RUNS_NEO4J)
			ask_one(k->remote, &c->nodes[i], &k->word[i]);
	}
	return check_interrupted(e);
}

static bool has_task(const struct word *w)
{
	return w->reached && strcmp(w->step, "none") != 0;
}

static void show(const struct look *k)
{
	const struct cluster *c = k->remote->cluster;

	printf("%-16s %-8s %-7s %-16s %s\n", "NODE", "TASK", "STEP", "KEEPER", "WHY");
	for (size_t i = 0; i < c->nnodes; i++) {
		const struct word *w = &k->word[i];
		if (!(c->nodes[i].roles & RUNS_NEO4J))
			continue;
		printf("%-16s %-8s %-7s %-16s %s\n", c->nodes[i].name, has_task(w) ? w->kind : "-",
			w->reached ? w->step : "?", has_task(w) ? w->keeper : "-", w->why);
	}
}

/* --- back */

/* Is it over, or not begun? */
static bool rests(const struct word *w)
{
	return !has_task(w) || strcmp(w->step, "done") == 0 || strcmp(w->step, "back") == 0;
}

static bool all_rest(const struct look *k)
{
	const struct cluster *c = k->remote->cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		if ((c->nodes[i].roles & RUNS_NEO4J) && !rests(&k->word[i]))
			return false;
	}
	return true;
}

static int call_off(const struct look *k, size_t i, struct err *e)
{
	json_t *request = json_pack("{s:s, s:s}", "verb", "task-back", "task", k->word[i].id);

	if (remote_ask(k->remote, &k->remote->cluster->nodes[i], request, NULL, NULL, NULL, e) < 0)
		return -1;
	printf("%s: goes back\n", k->remote->cluster->nodes[i].name);
	fflush(stdout);
	return 0;
}

static ssize_t find(const struct look *k, const char *name)
{
	const struct cluster *c = k->remote->cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		if (strcmp(c->nodes[i].name, name) == 0)
			return (ssize_t)i;
	}
	return -1;
}

/*
 * The keeper's word is everybody's. Of one that was given up nobody waits for a word: then each is
 * told.
 */
static int call_off_all(const struct look *k, struct err *e)
{
	const struct cluster *c = k->remote->cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		const struct word *w = &k->word[i];
		if (!(c->nodes[i].roles & RUNS_NEO4J) || rests(w))
			continue;
		ssize_t keeper = find(k, w->keeper);
		const struct word *theirs = keeper < 0 ? NULL : &k->word[keeper];
		bool same = theirs && theirs->reached && strcmp(theirs->id, w->id) == 0;
		if (same && (size_t)keeper != i)
			continue;
		if (call_off(k, i, e) < 0)
			return -1;
	}
	return 0;
}

/* -1: one that has it may be among those that did not answer. */
static int check_all_known(const struct look *k, struct err *e)
{
	const struct cluster *c = k->remote->cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		if ((c->nodes[i].roles & RUNS_NEO4J) && !k->word[i].reached)
			return err_set(e, "whether there is anything to call off is not known: %s",
				k->word[i].why);
	}
	return 0;
}

static int back(struct look *k, struct err *e)
{
	if (all_rest(k)) {
		if (check_all_known(k, e) < 0)
			return -1;
		printf("there is nothing to call off\n");
		return 0;
	}
	if (call_off_all(k, e) < 0)
		return -1;
	for (int i = 0; i < PATIENCE; i++) {
		if (remote_pause(LOOK_AGAIN_MS, e) < 0 || look_around(k, e) < 0)
			return err_prefix(e, "the nodes go back by themselves");
		if (all_rest(k)) {
			show(k);
			return 0;
		}
	}
	show(k);
	return err_set(e, "not all have gone back yet");
}

static int run(int argc, char **argv, struct err *e)
{
	_cleanup_remote_ struct remote r = {0};
	bool wanted = false;
	int key;

	while ((key = command_next(&task_command, argc, argv, e)) >= 0)
		wanted = true;
	if (key != COMMAND_END)
		return command_result(key);
	_cleanup_free_ struct look *k = xcalloc(1, sizeof(*k));
	k->remote = &r;
	if (remote_open(&r, argv[optind], e) < 0 || look_around(k, e) < 0)
		return -1;
	if (wanted)
		return back(k, e);
	show(k);
	return 0;
}

static const struct command_option options[] = {
	{"back", 'b', NULL, "call it off: all start again as they were"},
	{0},
};

const struct command task_command = {
	.name = "task",
	.operands = "CONF",
	.min = 1,
	.max = 1,
	.summary = "show a restore or upgrade that is under way, or call it off",
	.about =
		"Shows how far each node of a live cluster is in a restore or upgrade, and why it\n"
		"waits. --back calls it off, as long as no store was given up for it: the nodes\n"
		"start again as they were.",
	.options = options,
	.run = run,
};
