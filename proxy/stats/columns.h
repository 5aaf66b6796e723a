/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_STATS_COLUMNS_H
#define PROXY_STATS_COLUMNS_H

#include "stats/stats.h"

/*
 * HAProxy's columns in its order (management.txt of 2.6, section 9.1) as far as ttime, then ours.
 * What does not exist here, or not in such a row, is empty.
 */
struct stats_column {
	const char *name;
	void (*put)(const struct stats_row *r, struct buf *out); /* NULL: always empty */
	unsigned types; /* of rows that have it: bit 0 frontend, bit 1 backend, bit 2 server */
};

extern const struct stats_column stats_columns[];
extern const size_t stats_ncolumns;

#endif
