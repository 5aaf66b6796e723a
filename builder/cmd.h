/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CMD_H
#define BRAMBLE_CMD_H

#include "command.h"

/* The commands of bramble; main.c has the table. */
extern const struct command fetch_command, init_command, check_command, build_command,
	rehearse_command, status_command, assets_command, completion_command;

extern const struct command cache_command;

extern const struct command inspect_command, verify_command, recover_command, flash_command;

/* What a live cluster is told (live/remote.h). */
extern const struct command start_command, form_command, logs_command, switchover_command,
	poweroff_command, rotate_command, backup_command, restore_command, passwd_command,
	task_command, upgrade_command;
extern const struct command apply_command, node_command, node_add_command, node_remove_command,
	node_replace_command;

/* The number of a SIGINT, SIGTERM or SIGHUP that came: long work stops at its next safe point. */
extern volatile int interrupted;

/* -1 with EXIT_INTERRUPTED when `interrupted` is set. */
MUST_CHECK int check_interrupted(struct err *e);

#endif
