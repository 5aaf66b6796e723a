/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CMD_H
#define BRAMBLE_CMD_H

#include "err.h"

/*
 * The commands of bramble. argv[0] is the command's own name. Each parses its options with
 * getopt_long, does its work and returns 0, or -1 with the error for main to print; err.code
 * becomes the exit status.
 */
int cmd_init(int argc, char **argv, struct err *e);
int cmd_check(int argc, char **argv, struct err *e);
int cmd_build(int argc, char **argv, struct err *e);
int cmd_assets(int argc, char **argv, struct err *e);
int cmd_rehearse(int argc, char **argv, struct err *e);
int cmd_status(int argc, char **argv, struct err *e);

/* Set by SIGINT, SIGTERM and SIGHUP: long work stops at its next safe point. */
extern volatile int interrupted;

/* -1 with EXIT_INTERRUPTED when `interrupted` is set. */
MUST_CHECK int check_interrupted(struct err *e);

#endif
