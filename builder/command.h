/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_COMMAND_H
#define BRAMBLE_COMMAND_H

#include <stdbool.h>
#include <stdio.h>
#include "err.h"

/*
 * A command of bramble as data: what getopt_long reads, what --help prints and what a shell
 * completes come from one table, so that they agree.
 */
struct command_option {
	const char *name; /* long; there are no short ones */
	int key;          /* what command_next returns for it: a letter of the command's choice */
	const char *arg;  /* of its argument: "DIR"; NULL: it takes none */
	const char *help; /* one line */
};

struct command {
	const char *name;     /* "build"; of a subcommand "rehearse cut" */
	const char *operands; /* after the options, for the usage: "FILE"; "" for none */
	int min, max;         /* how many of them; max -1: any number */
	const char *summary;  /* one line, for `bramble --help` */
	const char *about;    /* lines for the command's own --help; NULL: the summary */
	const struct command_option *options; /* up to one without a name; NULL: none */
	const struct command *const *sub;     /* subcommands, up to NULL; NULL: none */
	bool stop_at_operand;                 /* what follows the first operand is not ours */
	/*
	 * argv[0] is the command's name. Parses with command_next, does the work; returns 0, or -1
	 * with the error for main to print; err.code becomes the exit status.
	 */
	int (*run)(int argc, char **argv, struct err *e);
};

/* All of bramble's, in the order --help shows them, up to NULL. */
extern const struct command *const *const all_commands;

#define COMMAND_END (-1)  /* the operands, as many as there should be, begin at optind */
#define COMMAND_BAD (-2)  /* the error is set; code EXIT_USAGE */
#define COMMAND_HELP (-3) /* --help was printed */

/*
 * The next option's key, its argument in optarg; or one of the above. Every command has --help.
 * To be called until it returns something negative.
 */
int command_next(const struct command *c, int argc, char **argv, struct err *e);

/* What a command returns when the end is not COMMAND_END. */
static inline int command_result(int end)
{
	return end == COMMAND_BAD ? -1 : 0;
}

void command_print_usage(const struct command *c, FILE *f); /* "usage: bramble build ..." */
void command_print_help(const struct command *c, FILE *f);

#endif
