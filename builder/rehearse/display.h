/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_DISPLAY_H
#define BRAMBLE_DISPLAY_H

#include "live/screen.h"
#include "rehearsal.h"

/* What people see of a rehearsal: a live block on a terminal, else one line per change. */
struct display {
	struct screen screen;
	int64_t start_ms;
	int64_t drawn_ms;
	char *said[VIEW_MAX_NODES]; /* the last line about each node */
};

void display_begin(struct display *d, FILE *out);
void display_update(struct display *d, const struct rehearsal *r, const struct cluster_view *v);
/* A line of its own, above what comes next. */
void display_say(struct display *d, const char *fmt, ...) PRINTF(2, 3);
void display_end(struct display *d);

/* The whole block: title, twin, table, addresses. */
void display_block(const struct rehearsal *r, const struct cluster_view *v,
	const struct render_style *style, struct buf *out);

#endif
