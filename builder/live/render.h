/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_RENDER_H
#define BRAMBLE_RENDER_H

#include "view.h"

struct render_style {
	size_t width; /* columns of the terminal; 0: as wide as it needs */
	bool colour;
};

/*
 * The table people see: a line of titles, then one per node. On a narrow terminal the address
 * goes first, then the roles, then the last transaction; what is still too wide is cut, so no
 * line is longer than the width.
 */
void render_table(const struct cluster_view *v, const struct render_style *style, struct buf *out);

/* One node on one line, for a log: "pi1: serving, master, tx 42". */
void render_line(const struct view_node *n, struct buf *out);

#endif
