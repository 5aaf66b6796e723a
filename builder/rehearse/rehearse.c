/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <signal.h>
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

static bool tell_stop(const struct request *q)
{
	struct err unheard = {0};

	return tell(q, "stop", q->now ? "now" : "", &unheard) == 0;
}

/*
 * Whoever has the lock, once: a start that goes to the background hands it on. True: it listens,
 * and was told. One that does not yet copies cards, or builds them, and gets a signal.
 */
static bool end_start(const struct request *q, pid_t *signalled)
{
	pid_t pid = cleanup_holder(q->cluster);

	if (pid <= 0 || pid == *signalled)
		return false;
	if (tell_stop(q))
		return true;
	if (kill(pid, SIGTERM) == 0)
		*signalled = pid;
	return false;
}

/* The lock is free once the supervisor is gone; polled, because it is not our child. */
static int wait_lock(const struct request *q, bool told, struct err *e)
{
	pid_t signalled = 0;

	for (int64_t until = boottime_ms() + STOP_WAIT_MS;;) {
		*e = (struct err){0};
		told = told || end_start(q, &signalled);
		int fd = cleanup_lock(q->cluster, e);
		if (fd >= 0 || e->code != EXIT_BUSY)
			return fd;
		if (boottime_ms() >= until)
			return err_set(e, "the supervisor of %s does not end", q->cluster);
		if (check_interrupted(e) < 0)
			return -1;
		usleep(50000);
	}
}

/* Works with a supervisor, without one, and when there is nothing left to stop. */
static int do_stop(const struct request *q, struct err *e)
{
	bool told = tell_stop(q);

	if (!told)
		fprintf(stderr, "bramble: %s: cleaning up\n", q->cluster);
	_cleanup_close_ int lock = wait_lock(q, told, e);
	if (lock < 0)
		return -1;
	_cleanup_rehearsal_ struct rehearsal *r = record_load(q->cluster, e);
	if (r)
		return cleanup_all(r, e);
	return e->msg[0] ? -1 : 0;
}

static const struct command_option options[] = {
	{"cluster", 'c', "NAME", "of which rehearsal, when there are several"},
	{0},
};
static const struct command_option cut_options[] = {
	{"cluster", 'c', "NAME", "of which rehearsal, when there are several"},
	{"keep-cache", 'k', NULL, "the cheap form: what was not synced is not lost"},
	{0},
};
static const struct command_option status_options[] = {
	{"cluster", 'c', "NAME", "of which rehearsal, when there are several"},
	{"json", 'j', NULL, "all that is known"},
	{0},
};
static const struct command_option stop_options[] = {
	{"cluster", 'c', "NAME", "of which rehearsal, when there are several"},
	{"now", 'n', NULL, "do not let the machines shut down"},
	{0},
};

struct subcommand {
	struct command command; /* first: what a struct command * of ours points to */
	int (*act)(const struct request *q, struct err *e);
};

static const struct subcommand subcommands[] = {
	{{.name = "rehearse exec",
		 .operands = "NODE -- COMMAND...",
		 .min = 2,
		 .max = -1,
		 .summary = "run a command inside a machine",
		 .options = options,
		 .stop_at_operand = true},
		do_exec},
	{{.name = "rehearse cut",
		 .operands = "NODE",
		 .min = 1,
		 .max = 1,
		 .summary = "cut its power: what is not on the card is lost",
		 .options = cut_options},
		do_cut},
	{{.name = "rehearse boot",
		 .operands = "NODE",
		 .min = 1,
		 .max = 1,
		 .summary = "give it power again",
		 .options = options},
		do_boot},
	{{.name = "rehearse logs",
		 .operands = "NODE [-- OPTION...]",
		 .min = 1,
		 .max = -1,
		 .summary = "its journal, also when it is off",
		 .options = options,
		 .stop_at_operand = true},
		do_logs},
	{{.name = "rehearse status",
		 .operands = "",
		 .summary = "the table once, or all that is known",
		 .options = status_options},
		do_status},
	{{.name = "rehearse stop",
		 .operands = "",
		 .summary = "end the rehearsal and clean up, also after a crash",
		 .options = stop_options},
		do_stop},
};

static const struct command *const sub[] = {
	&subcommands[0].command,
	&subcommands[1].command,
	&subcommands[2].command,
	&subcommands[3].command,
	&subcommands[4].command,
	&subcommands[5].command,
	NULL,
};

static const struct subcommand *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++) {
		if (strcmp(subcommands[i].command.name + strlen("rehearse "), name) == 0)
			return &subcommands[i];
	}
	return NULL;
}

static int parse(
	int argc, char **argv, const struct subcommand *s, struct request *q, struct err *e)
{
	int key;

	while ((key = command_next(&s->command, argc, argv, e)) >= 0) {
		if (key == 'c')
			q->cluster = optarg;
		q->keep_cache |= key == 'k';
		q->json |= key == 'j';
		q->now |= key == 'n';
	}
	q->args = argv + optind;
	q->nargs = (size_t)(argc - optind);
	return key;
}

static int run_subcommand(int argc, char **argv, const struct subcommand *s, struct err *e)
{
	struct request q = {0};
	int end = parse(argc, argv, s, &q, e);

	if (end != COMMAND_END)
		return command_result(end);
	if (geteuid() != 0)
		return err_set(e, "%s must be root (try sudo)", s->command.name);
	_cleanup_free_ char *only = q.cluster ? NULL : record_only_cluster(e);
	if (!q.cluster && !only)
		return -1;
	q.cluster = q.cluster ? q.cluster : only;
	if (strchr(q.cluster, '/'))
		return err_code(e, EXIT_USAGE, "--cluster wants a name");
	return s->act(&q, e);
}

static int rehearse(int argc, char **argv, struct err *e)
{
	const struct subcommand *s = argc > 1 ? find(argv[1]) : NULL;

	return s ? run_subcommand(argc - 1, argv + 1, s, e) : rehearse_start(argc, argv, e);
}

const struct command rehearse_command = {
	.name = "rehearse",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.summary = "run the images as machines on this computer",
	.about =
		"Runs the images of FILE's cluster as machines on this computer until Ctrl-C. The\n"
		"images themselves are not changed; what the machines write is thrown away.",
	.options = rehearse_start_options,
	.sub = sub,
	.run = rehearse,
};
