/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Members come and go. add and remove are an apply of a cluster.conf that the user has changed by
 * that one node; replace needs none: a new card takes its old slot.
 */
#include <getopt.h>
#include <string.h>
#include "apply.h"
#include "cmd.h"

#define LOOK_AGAIN_MS 2000

typedef int check_fn(const struct apply *a, const char *name, struct err *e);

/* The others would have it leave. */
static int check_leavers(const struct apply *a, const char *name, struct err *e)
{
	for (size_t i = 0; i < json_array_size(a->members); i++) {
		const char *member = json_string_value(json_array_get(a->members, i));
		if (!cluster_node(a->remote.cluster, member) && strcmp(member, name) != 0)
			return err_code(e, EXIT_CONFIG,
				"%s has no node \"%s\", which is a member; it is not \"%s\" that "
				"would "
				"leave",
				a->remote.cluster->path, member, name);
	}
	return 0;
}

static int check_add(const struct apply *a, const char *name, struct err *e)
{
	const struct node *n = cluster_node(a->remote.cluster, name);
	size_t known;

	if (!n)
		return err_code(e, EXIT_CONFIG, "%s: no node \"%s\"; add it there first",
			a->remote.cluster->path, name);
	if (apply_is_member(a, name))
		return err_set(e,
			"%s is a member already; a new card for it needs no command but "
			"bramble node replace",
			name);
	if (check_leavers(a, name, e) < 0 || apply_count_known(a, name, &known, e) < 0)
		return -1;
	if (n->roles == ROLE_PROXY && known == a->reached)
		return err_set(e,
			"%s is there already, or expected; other changes are sent by bramble apply",
			name);
	return 0;
}

static int check_remove(const struct apply *a, const char *name, struct err *e)
{
	size_t known;

	if (cluster_node(a->remote.cluster, name))
		return err_code(e, EXIT_CONFIG, "%s still has node \"%s\"; take it out first",
			a->remote.cluster->path, name);
	if (check_leavers(a, name, e) < 0 || apply_count_known(a, name, &known, e) < 0)
		return -1;
	if (!apply_is_member(a, name) && known == 0)
		return err_set(
			e, "%s: the live cluster has no such node, or it has left already", name);
	return 0;
}

static int change(const char *conf, const char *name, check_fn *check, struct err *e)
{
	_cleanup_free_ struct apply *a = xcalloc(1, sizeof(*a));
	int rc = apply_open(a, conf, e);

	if (rc == 0)
		rc = apply_plan(a, true, e);
	if (rc == 0)
		rc = check(a, name, e);
	if (rc == 0 && a->changed)
		rc = apply_send(a, e);
	apply_close(a);
	return rc;
}

static int run_add(int argc, char **argv, struct err *e)
{
	int end = command_next(&node_add_command, argc, argv, e);

	if (end != COMMAND_END)
		return command_result(end);
	if (change(argv[optind], argv[optind + 1], check_add, e) < 0)
		return -1;
	printf("%s: is expected; now bramble build and bramble flash make its card\n",
		argv[optind + 1]);
	return 0;
}

static int run_remove(int argc, char **argv, struct err *e)
{
	int end = command_next(&node_remove_command, argc, argv, e);

	if (end != COMMAND_END)
		return command_result(end);
	if (change(argv[optind], argv[optind + 1], check_remove, e) < 0)
		return -1;
	printf("%s: has left; its Neo4j does not start any more\n", argv[optind + 1]);
	return 0;
}

/* --- replace */

/* A node that is only a proxy has no Neo4j that could serve. */
static bool is_at_work(const struct remote_status *s)
{
	return strcmp(s->state, "serving") == 0 || strcmp(s->state, "idle") == 0;
}

/* Until it is at work, or Ctrl-C. */
static int wait_for(const struct remote *r, const struct node *n, struct err *e)
{
	struct remote_teller teller = {.node = n->name};
	char line[256];

	for (;;) {
		struct remote_status s;
		struct err no;
		if (remote_status(r, n, &s, &no) == 0) {
			snprintf(
				line, sizeof(line), "%s%s%s", s.state, s.why[0] ? ": " : "", s.why);
			remote_tell(&teller, line);
			if (is_at_work(&s))
				return 0;
		}
		if (remote_pause(LOOK_AGAIN_MS, e) < 0)
			return -1;
	}
}

static int run_replace(int argc, char **argv, struct err *e)
{
	_cleanup_remote_ struct remote r = {0};
	int end = command_next(&node_replace_command, argc, argv, e);

	if (end != COMMAND_END)
		return command_result(end);
	if (remote_open(&r, argv[optind], e) < 0)
		return -1;
	const struct node *n = cluster_node(r.cluster, argv[optind + 1]);
	struct remote_status s;
	struct err no;
	if (!n)
		return err_code(
			e, EXIT_USAGE, "%s: no node \"%s\"", r.cluster->path, argv[optind + 1]);
	if (remote_status(&r, n, &s, &no) == 0 && is_at_work(&s))
		return err_set(
			e, "%s is there and %s; nothing has to be replaced", n->name, s.state);
	printf("%s: flash its card (bramble build, bramble flash), put it in, switch it on.\n"
	       "It keeps its slot%s.\n",
		n->name, n->roles & ROLE_DATA ? " and fetches the store by itself" : "");
	fflush(stdout);
	return wait_for(&r, n, e);
}

const struct command node_add_command = {
	.name = "node add",
	.operands = "CONF NODE",
	.min = 2,
	.max = 2,
	.summary = "let a node join that CONF has and the live cluster has not",
	.about = "Tells the live cluster of NODE, which you have added to CONF. Its card, built\n"
		 "and flashed afterwards, joins as a slave and fetches the store; it has a vote\n"
		 "from when all others know it.",
	.run = run_add,
};

const struct command node_remove_command = {
	.name = "node remove",
	.operands = "CONF NODE",
	.min = 2,
	.max = 2,
	.summary = "let a node leave that CONF has no more",
	.about = "Takes NODE, which you have taken out of CONF, off the live cluster: it has no\n"
		 "vote any more, its Neo4j stops, the others let it in no more. Not the master:\n"
		 "bramble switchover first. What is on its card stays there.",
	.run = run_remove,
};

const struct command node_replace_command = {
	.name = "node replace",
	.operands = "CONF NODE",
	.min = 2,
	.max = 2,
	.summary = "wait for a new card of a node that was lost",
	.about = "Says what to do for a new card of NODE, and waits until it serves.",
	.run = run_replace,
};

static const struct command *const subcommands[] = {
	&node_add_command,
	&node_remove_command,
	&node_replace_command,
	NULL,
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; subcommands[i]; i++) {
		if (strcmp(strchr(subcommands[i]->name, ' ') + 1, name) == 0)
			return subcommands[i];
	}
	return NULL;
}

static int run(int argc, char **argv, struct err *e)
{
	const struct command *s = argc > 1 ? find(argv[1]) : NULL;

	if (s)
		return s->run(argc - 1, argv + 1, e);
	int end = command_next(&node_command, argc, argv, e);
	if (end != COMMAND_END)
		return command_result(end);
	return err_code(e, EXIT_USAGE, "node: add, remove or replace, not \"%s\"", argv[optind]);
}

const struct command node_command = {
	.name = "node",
	.operands = "add|remove|replace CONF NODE",
	.min = 1,
	.max = -1,
	.summary = "let nodes join and leave a live cluster",
	.sub = subcommands,
	.run = run,
};
