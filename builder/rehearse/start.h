/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_START_H
#define BRAMBLE_START_H

#include "command.h"

/* `bramble rehearse [OPTION...] FILE`, argv[0] being "rehearse". */
MUST_CHECK int rehearse_start(int argc, char **argv, struct err *e);
extern const struct command_option rehearse_start_options[];

/* Not root, or no tool: says what is missing and how to get it. */
MUST_CHECK int rehearse_check_host(struct err *e);

#endif
