/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_BANNER_H
#define BRAMBLE_BANNER_H

#include "boot_word.h"
#include "helper/helper_client.h"
#include "node_state.h"

/*
 * One line on how the node is, where somebody at the board looks for it: above the console's login
 * prompt (issue.d, agetty) and after a login (motd.d, pam_motd). The helper writes both, one after
 * the other; when the line changes meanwhile, the newest is written next. A write that failed is
 * tried again with the next line: nobody waits for it.
 */
#define BANNER_SIZE (WHY_SIZE + BOOT_WORD_SIZE + 256)

struct banner {
	struct helper_client helper;
	char wanted[BANNER_SIZE], written[BANNER_SIZE]; /* the last with each file */
	unsigned next; /* enum helper_file_name, up to HELPER_BANNERS */
};

/* helper (its socket) and the loop must outlive b. */
void banner_open(struct banner *b, struct loop *l, const char *helper);
void banner_close(struct banner *b);

/* What must not be shown before a login (helper_may_show) is left out. */
void banner_set(struct banner *b, const char *who, const char *line);

#endif
