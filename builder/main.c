/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "cmd.h"
#include "util.h"

static const struct command *const table[] = {
	&init_command,
	&check_command,
	&build_command,
	&inspect_command,
	&verify_command,
	&flash_command,
	&rehearse_command,
	&status_command,
	&recover_command,
	&assets_command,
	&completion_command,
	NULL,
};
const struct command *const *const all_commands = table;

volatile int interrupted;

static void on_signal(int signo)
{
	(void)signo;
	interrupted = 1;
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

/* Names out of images and archives end up in errors, and could move the terminal's cursor. */
static void print_error(struct err *e)
{
	for (char *p = e->msg; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == '\x7f')
			*p = '?';
	}
	fprintf(stderr, "bramble: %s\n", e->msg);
}

int main(int argc, char **argv)
{
	struct err e = {0};

	fill_standard_fds();
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("bramble " BRAMBLE_VERSION);
		return 0;
	}
	const struct command *c = find_command(argv[1]);
	if (!c) {
		fprintf(stderr, "bramble: no command \"%s\"; see bramble --help\n", argv[1]);
		return EXIT_USAGE;
	}
	catch_signals();
	if (c->run(argc - 1, argv + 1, &e) == 0)
		return 0;
	if (e.msg[0])
		print_error(&e);
	return e.code ? e.code : EXIT_FAILED;
}
