/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "cmd.h"
#include "util.h"
#include "version.h"

static const struct command *const table[] = {
	&init_command,
	&fetch_command,
	&check_command,
	&build_command,
	&inspect_command,
	&verify_command,
	&flash_command,
	&rehearse_command,
	&status_command,
	&apply_command,
	&node_command,
	&logs_command,
	&start_command,
	&form_command,
	&switchover_command,
	&poweroff_command,
	&rotate_command,
	&passwd_command,
	&backup_command,
	&restore_command,
	&task_command,
	&upgrade_command,
	&recover_command,
	&assets_command,
	&cache_command,
	&completion_command,
	NULL,
};
const struct command *const *const all_commands = table;

volatile int interrupted;

static void on_signal(int signo)
{
	interrupted = signo;
}

/* No SA_RESTART: a blocked read or write returns, so that the work can stop. */
static void catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction sa = {.sa_handler = on_signal};

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int check_interrupted(struct err *e)
{
	return interrupted ? err_code(e, EXIT_INTERRUPTED, "interrupted") : 0;
}

static void usage(FILE *f)
{
	fputs("usage: bramble COMMAND [OPTION...] [ARGUMENT...]\n\n", f);
	for (size_t i = 0; table[i]; i++)
		fprintf(f, "  %-13s %s\n", table[i]->name, table[i]->summary);
	fputs("\n`bramble COMMAND --help` tells a command's options; bramble(1) tells all.\n", f);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; table[i]; i++) {
		if (strcmp(table[i]->name, name) == 0)
			return table[i];
	}
	return NULL;
}

/* A file of ours that got number 2 because nobody had it would be written to by the next error. */
static void fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static void print_error(struct err *e)
{
	err_tame(e);
	fprintf(stderr, "bramble: %s\n", e->msg);
}

/* Did whoever read our output leave, having seen enough (`| head`)? */
static bool reader_left(void)
{
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
}

/* What was printed may still be in memory: a full disk shows here at the latest. */
static int finish_output(struct err *e)
{
	bool failed = ferror(stdout);

	errno = 0;
	if ((fflush(stdout) == 0 && !failed) || reader_left())
		return 0;
	return errno ? err_errno(e, "standard output") : err_set(e, "standard output: lost");
}

static int run(int argc, char **argv, struct err *e)
{
	if (argc < 2) {
		usage(stderr);
		e->code = EXIT_USAGE;
		return -1;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("bramble %s\n", bramble_version);
		return 0;
	}
	const struct command *c = find_command(argv[1]);
	if (!c)
		return err_code(e, EXIT_USAGE, "no command \"%s\"; see bramble --help", argv[1]);
	return c->run(argc - 1, argv + 1, e);
}

int main(int argc, char **argv)
{
	struct err e = {0};

	fill_standard_fds();
	catch_signals();
	if (run(argc, argv, &e) == 0 && finish_output(&e) == 0)
		return 0;
	if (e.msg[0])
		print_error(&e);
	if (interrupted)
		return EXIT_INTERRUPTED;
	return e.code ? e.code : EXIT_FAILED;
}
