/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A new secret, in steps that each node takes before any takes the next: accept the new one too,
 * use it, forget the old one. At every moment all understand each other, and each step may be said
 * again: whatever stops this, the next try goes on from there.
 */
#include <getopt.h>
#include <string.h>
#include "cmd.h"
#include "remote.h"

struct step {
	const char *name; /* on the wire */
	const char *what; /* for people */
};

static const struct step steps[] = {
	{"accept", "knows the new secret"},
	{"use", "uses it"},
	{"only", "has forgotten the old one"},
};

static int tell(const struct remote *r, const struct step *step, const char *secret, struct err *e)
{
	const struct cluster *c = r->cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		json_t *request = json_pack(
			"{s:s, s:s, s:s}", "verb", "rotate", "step", step->name, "secret", secret);
		if (remote_ask(r, &c->nodes[i], request, NULL, NULL, NULL, e) < 0)
			return -1;
		printf("%s: %s\n", c->nodes[i].name, step->what);
		fflush(stdout);
	}
	return 0;
}

/* Who is not there could not join any more: better not to begin. */
static int all_are_there(const struct remote *r, struct err *e)
{
	const struct cluster *c = r->cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		struct remote_status s;
		if (remote_status(r, &c->nodes[i], &s, e) < 0)
			return err_prefix(e, "the secret is changed when all nodes are there");
	}
	return 0;
}

/* *recovered: it finished what `bramble recover-state` found, with one that all nodes knew. */
static int change(struct remote *r, bool *recovered, struct err *e)
{
	struct state s;

	if (all_are_there(r, e) < 0 || state_next_secret(r->cluster, &s, e) < 0)
		return -1;
	remote_use(r, &s);
	*recovered = strcmp(s.secret, s.next) == 0;
	int rc = 0;
	for (size_t i = 0; i < ARRAY_SIZE(steps) && rc == 0; i++)
		rc = tell(r, &steps[i], s.next, e);
	sodium_memzero(&s, sizeof(s));
	if (rc < 0)
		return err_prefix(e, "the change is not finished; say bramble rotate again");
	return state_take_secret(r->cluster, e);
}

static int run(int argc, char **argv, struct err *e)
{
	int end = command_next(&rotate_command, argc, argv, e);

	if (end != COMMAND_END)
		return command_result(end);
	_cleanup_remote_ struct remote r = {0};
	bool recovered = false;
	if (remote_open(&r, argv[optind], e) < 0 || change(&r, &recovered, e) < 0)
		return -1;
	printf("%s\n",
		recovered ? "the change that was begun is finished, perhaps with the secret of "
			    "before; say bramble rotate once more for a new one"
			  : "the cluster has a new secret; images built before do not know it");
	return 0;
}

const struct command rotate_command = {
	.name = "rotate",
	.operands = "CONF",
	.min = 1,
	.max = 1,
	.summary = "give a live cluster a new secret",
	.about =
		"Makes a new secret, tells it to all nodes, has them use it, and then forget the\n"
		"old one; the cluster goes on all the while. What stops on the way is finished by\n"
		"the next try. Cards of images built before do not join any more: build again.",
	.run = run,
};
