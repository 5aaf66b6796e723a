/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_RUN_H
#define BRAMBLE_RUN_H

#include "buf.h"

/*
 * The moment every tool lives in, so that what it writes does not depend on when: 2015-01-01, older
 * than any release we know, because a filesystem from the future alarms e2fsck on a Pi, which has
 * no clock. e2fsck alone lives behind all of them.
 */
#define RUN_MOMENT 1420070400

/*
 * Runs a tool by argument vector (argv[0] looked up in PATH and the sbin folders), never through
 * a shell. Its environment is fixed (C locale, UTC, one moment, no host configuration of mke2fs or
 * mtools).
 * in, when not NULL, becomes its standard input; out, when not NULL, gets its standard output.
 * Fails with the tool's first line of standard error when the exit status is above ok_max.
 */
MUST_CHECK int run_tool(
	const char *const argv[], const struct buf *in, struct buf *out, int ok_max, struct err *e);

/* Where a tool is, or NULL: for saying what is missing before work begins. Static storage. */
const char *run_find(const char *tool);

/* Refuses a path in which mtools or e2fsprogs would see an offset or options of their own. */
MUST_CHECK int run_check_path(const char *path, struct err *e);

#endif
