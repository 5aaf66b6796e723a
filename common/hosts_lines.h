/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HOSTS_LINES_H
#define BRAMBLE_HOSTS_LINES_H

#include "buf.h"

/*
 * A node's /etc/hosts is as its generation has it, but for one line: the machine's own name by
 * bramble.txt (node-agent/settings_apply.c), which only that node knows.
 */
#define HOSTS "/etc/hosts"
#define HOSTS_OWN "\t# bramble.txt\n" /* how that line ends */

/* Adds the others of text, whole lines. */
void hosts_lines_shared(const char *text, struct buf *to);

#endif
