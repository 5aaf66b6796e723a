/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "cleanup.h"
#include "cmd.h"
#include "control.h"
#include "enter.h"
#include "record.h"
#include "show.h"
#include "start.h"

#define STOP_WAIT_MS 90000

/* What the subcommands understand; each takes what it needs. */
struct request {
	const char *cluster; /* --cluster, or the only one there is */
	bool keep_cache, json, now;
	char **args;
	size_t nargs;
};

/* argv of a subcommand that tells the supervisor "VERB NODE". */
static int tell(const struct request *q, const char *verb, const char *arg, struct err *e)
{
	_cleanup_free_ char *line = xasprintf("%s %s", verb, arg);
	_cleanup_buf_ struct buf answer = {0};

	return control_ask(q->cluster, line, &answer, e);
}

static int do_cut(const struct request *q, struct err *e)
{
	return tell(q, q->keep_cache ? "cut-keep-cache" : "cut", q->args[0], e);
}

static int do_boot(const struct request *q, struct err *e)
{
	return tell(q, "boot", q->args[0], e);
}

static int do_status(const struct request *q, struct err *e)
{
	return show_rehearsal(q->cluster, q->json, e);
}

static struct rehearsal *load(const struct request *q, struct err *e)
{
	struct rehearsal *r = record_load(q->cluster, e);

	if (!r && !e->msg[0])
		err_set(e, "no rehearsal of %s runs here", q->cluster);
	return r;
}

/* The command's exit status becomes bramble's, without a message of ours. */
static int pass_status(int status, struct err *e)
{
	if (status <= 0)
		return status;
	*e = (struct err){.code = status};
	return -1;
}

static int do_exec(const struct request *q, struct err *e)
{
	_cleanup_rehearsal_ struct rehearsal *r = load(q, e);
	struct machine *m = r ? rehearsal_machine(r, q->args[0], e) : NULL;

	if (!m)
		return -1;
	char **argv = q->args + 1;
	if (*argv && strcmp(*argv, "--") == 0)
		argv++;
	if (!*argv)
		return err_code(e, EXIT_USAGE, "exec: which command?");
	return pass_status(enter_exec(m, (const char *const *)argv, e), e);
}

static int do_logs(const struct request *q, struct err *e)
{
	_cleanup_rehearsal_ struct rehearsal *r = load(q, e);
	struct machine *m = r ? rehearsal_machine(r, q->args[0], e) : NULL;
	size_t skip = q->nargs > 1 && strcmp(q->args[1], "--") == 0 ? 2 : 1;

	if (!m)
		return -1;
	return pass_status(enter_logs(r, m, q->args + skip, q->nargs - skip, e), e);
}

/* The lock is free once the supervisor is gone; polled, because it is not our child. */
static int wait_lock(const char *cluster, struct err *e)
{
	for (int ms = 0;; ms += 50) {
		*e = (struct err){0};
		int fd = cleanup_lock(cluster, e);
		if (fd >= 0 || e->code != EXIT_BUSY)
			return fd;
		if (ms >= STOP_WAIT_MS)
			return err_set(e, "the supervisor of %s does not end", cluster);
		if (check_interrupted(e) < 0)
			return -1;
		usleep(50000);
	}
}

/* Works with a supervisor, without one, and when there is nothing left to stop. */
static int do_stop(const struct request *q, struct err *e)
{
	struct err unheard = {0};

	if (tell(q, "stop", q->now ? "now" : "", &unheard) < 0)
		fprintf(stderr, "bramble: %s: cleaning up\n", q->cluster);
	_cleanup_close_ int lock = wait_lock(q->cluster, e);
	if (lock < 0)
		return -1;
	_cleanup_rehearsal_ struct rehearsal *r = record_load(q->cluster, e);
	if (r)
		return cleanup_all(r, e);
	return e->msg[0] ? -1 : 0;
}

static const struct subcommand {
	const char *name;
	int (*run)(const struct request *q, struct err *e);
	size_t min_args, max_args; /* of the arguments after the options */
	const char *synopsis, *help;
} subcommands[] = {
	{"exec", do_exec, 2, SIZE_MAX, "NODE -- COMMAND...", "run a command inside a machine"},
	{"cut", do_cut, 1, 1, "[--keep-cache] NODE",
		"cut its power: what is not on the card is lost"},
	{"boot", do_boot, 1, 1, "NODE", "give it power again"},
	{"logs", do_logs, 1, SIZE_MAX, "NODE [-- OPTION...]", "its journal, also when it is off"},
	{"status", do_status, 0, 0, "[--json]", "the table once, or all that is known"},
	{"stop", do_stop, 0, 0, "[--now]", "end the rehearsal and clean up, also after a crash"},
};

static void print_help(void)
{
	fputs(rehearse_start_help, stdout);
	fputs("\nWhile it runs (--cluster NAME when there are several):\n\n", stdout);
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++)
		printf("  bramble rehearse %-6s %-20s %s\n", subcommands[i].name,
			subcommands[i].synopsis, subcommands[i].help);
}

static const struct subcommand *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++) {
		if (strcmp(subcommands[i].name, name) == 0)
			return &subcommands[i];
	}
	return NULL;
}

static const struct option options[] = {
	{"cluster", required_argument, NULL, 'c'},
	{"keep-cache", no_argument, NULL, 'k'},
	{"json", no_argument, NULL, 'j'},
	{"now", no_argument, NULL, 'n'},
	{0},
};

static int parse(
	int argc, char **argv, const struct subcommand *s, struct request *q, struct err *e)
{
	/* "+": what comes after NODE belongs to the command run there. */
	const char *order = s->max_args > s->min_args ? "+" : "";

	for (int c; (c = getopt_long(argc, argv, order, options, NULL)) != -1;) {
		if (c == '?')
			return err_code(e, EXIT_USAGE, "see bramble rehearse --help");
		if (c == 'c')
			q->cluster = optarg;
		q->keep_cache |= c == 'k';
		q->json |= c == 'j';
		q->now |= c == 'n';
	}
	q->args = argv + optind;
	q->nargs = (size_t)(argc - optind);
	if (q->nargs < s->min_args || q->nargs > s->max_args)
		return err_code(
			e, EXIT_USAGE, "usage: bramble rehearse %s %s", s->name, s->synopsis);
	return 0;
}

static int run_subcommand(int argc, char **argv, const struct subcommand *s, struct err *e)
{
	struct request q = {0};

	if (parse(argc, argv, s, &q, e) < 0)
		return -1;
	if (geteuid() != 0)
		return err_set(e, "rehearse %s must be root (try sudo)", s->name);
	_cleanup_free_ char *only = q.cluster ? NULL : record_only_cluster(e);
	if (!q.cluster && !only)
		return -1;
	q.cluster = q.cluster ? q.cluster : only;
	if (strchr(q.cluster, '/'))
		return err_code(e, EXIT_USAGE, "--cluster wants a name");
	return s->run(&q, e);
}

int cmd_rehearse(int argc, char **argv, struct err *e)
{
	const struct subcommand *s = argc > 1 ? find(argv[1]) : NULL;

	if (s)
		return run_subcommand(argc - 1, argv + 1, s, e);
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		print_help();
		return 0;
	}
	return rehearse_start(argc, argv, e);
}
