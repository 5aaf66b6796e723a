/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A person's word that cards are lost: bramble start and bramble form. */
#include <getopt.h>
#include <string.h>
#include "cmd.h"
#include "remote.h"

#define VOTERS (ROLE_DATA | ROLE_ARBITER)
#define ASK_AGAIN_MS 1000
#define PATIENCE 300 /* times */

/* What is asked for: which nodes are lost, and who may be told. */
struct loss {
	struct remote remote;
	const char *verb;
	const char **lost;
	size_t n;
	const char *from; /* the only one to be told; NULL: any that is left */
	char why[160];    /* as last shown */
};

static void close_loss(struct loss *l)
{
	remote_close(&l->remote);
	free(l->lost);
}

static void add_lost(struct loss *l, const char *name)
{
	l->lost = xreallocarray(l->lost, l->n + 1, sizeof(*l->lost));
	l->lost[l->n++] = name;
}

static bool is_lost(const struct loss *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->lost[i], name) == 0)
			return true;
	}
	return false;
}

static int check_voter(const struct loss *l, const char *name, struct err *e)
{
	const struct node *n = cluster_node(l->remote.cluster, name);

	if (n && n->roles & VOTERS)
		return 0;
	return err_code(
		e, EXIT_USAGE, "%s: no data node or arbiter \"%s\"", l->remote.cluster->path, name);
}

static int check_names(const struct loss *l, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		if (check_voter(l, l->lost[i], e) < 0)
			return -1;
	}
	return l->from ? check_voter(l, l->from, e) : 0;
}

/* With --from all others are. */
static void add_others(struct loss *l)
{
	const struct cluster *c = l->remote.cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		if (c->nodes[i].roles & VOTERS && strcmp(c->nodes[i].name, l->from) != 0)
			add_lost(l, c->nodes[i].name);
	}
}

static json_t *request(const struct loss *l)
{
	json_t *names = json_array();

	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(names, json_string(l->lost[i]));
	return json_pack("{s:s, s:o}", "verb", l->verb, "nodes", names);
}

/* What keeps it, when that is another thing than before. */
static void show_why(struct loss *l, const struct node *n, const json_t *answer)
{
	const char *why = json_string_value(json_object_get(answer, "why"));

	if (!why || !*why || strcmp(l->why, why) == 0)
		return;
	snprintf(l->why, sizeof(l->why), "%s", why);
	printf("%s: %s\n", n->name, why);
	fflush(stdout);
}

/* 1: decided; 0: not yet; -1: nobody who can be told says yes. */
static int ask_once(struct loss *l, struct err *e)
{
	const struct cluster *c = l->remote.cluster;
	bool reached = false;

	err_set(e, "%s: no node would be left", c->path);
	for (size_t i = 0; i < c->nnodes && !interrupted; i++) {
		const struct node *n = &c->nodes[i];
		if (!(n->roles & VOTERS) || is_lost(l, n->name))
			continue;
		_cleanup_json_ json_t *answer = NULL;
		bool refused = reached;
		struct err no;
		if (remote_ask(&l->remote, n, request(l), NULL, &answer, &reached, &no) < 0) {
			/* What one says outweighs that others do not answer. */
			if (reached || !refused)
				*e = no;
			reached |= refused;
			continue;
		}
		show_why(l, n, answer);
		return json_is_true(json_object_get(answer, "decided"));
	}
	return -1;
}

/* An agent that ends forgets what it was told: it is told until it is decided. */
static int ask_until_decided(struct loss *l, struct err *e)
{
	for (int i = 0; i < PATIENCE; i++) {
		int r = ask_once(l, e);
		if (r != 0)
			return r < 0 ? -1 : 0;
		if (remote_pause(ASK_AGAIN_MS, e) < 0)
			return -1;
	}
	return err_set(e, "it is not decided after %d s: too few of the others are there%s%s",
		PATIENCE * ASK_AGAIN_MS / 1000, l->why[0] ? "; " : "", l->why);
}

static int run(struct loss *l, struct err *e)
{
	if (l->from)
		add_others(l);
	if (check_names(l, e) < 0 || ask_until_decided(l, e) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++)
		printf("%s%s", i ? ", " : "", l->lost[i]);
	printf(": given up for lost; the others go on without\n");
	return 0;
}

static int parse(const struct command *c, int argc, char **argv, struct loss *l, struct err *e)
{
	int key;

	while ((key = command_next(c, argc, argv, e)) >= 0) {
		if (key == 'f')
			l->from = optarg;
		else
			add_lost(l, optarg);
	}
	if (key != COMMAND_END)
		return key;
	/* --accept-loss pi2 pi3: what comes behind an option's node is one more. */
	for (int i = optind + 1; i < argc; i++)
		add_lost(l, argv[i]);
	if (!l->from == !l->n)
		return err_code(e, EXIT_USAGE, "%s: whose card is lost? See bramble %s --help",
			       c->name, c->name),
		       COMMAND_BAD;
	return key;
}

static int give_up(const struct command *c, const char *verb, int argc, char **argv, struct err *e)
{
	_cleanup_(close_loss) struct loss l = {.verb = verb};
	int end = parse(c, argc, argv, &l, e);

	if (end != COMMAND_END)
		return command_result(end);
	return remote_open(&l.remote, argv[optind], e) < 0 ? -1 : run(&l, e);
}

static int start(int argc, char **argv, struct err *e)
{
	return give_up(&start_command, "give-up", argc, argv, e);
}

static int form(int argc, char **argv, struct err *e)
{
	return give_up(&form_command, "form-without", argc, argv, e);
}

static const struct command_option start_options[] = {
	{"accept-loss", 'l', "NODE", "its card is lost, with what only it may hold (repeatable)"},
	{"from", 'f', "NODE", "all other cards are lost: go on from what this one has"},
	{0},
};

const struct command start_command = {
	.name = "start",
	.operands = "CONF [NODE...]",
	.min = 1,
	.max = -1,
	.summary = "start a cluster without cards that are lost",
	.about =
		"A cluster whose missing nodes may hold acknowledged writes does not start: it is\n"
		"held, and says whom it waits for. This tells it that their cards are lost for\n"
		"good. One that comes back all the same is emptied and fills up again.",
	.options = start_options,
	.run = start,
};

static const struct command_option form_options[] = {
	{"without", 'w', "NODE", "its card never came up (repeatable)"},
	{0},
};

const struct command form_command = {
	.name = "form",
	.operands = "CONF [NODE...]",
	.min = 1,
	.max = -1,
	.summary = "form a new cluster without nodes that never came",
	.about = "The first time a cluster waits for all its members. This tells it to form\n"
		 "without these; a majority must be left. They may join later.",
	.options = form_options,
	.run = form,
};
