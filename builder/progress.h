/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PROGRESS_H
#define BRAMBLE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "err.h"

/*
 * How far work has come: on a terminal one line that is redrawn (a bar, the step, its share), else
 * one plain line per step. Steps are counted: "[3/7] neo4j 3.5.0-beta03".
 */
struct progress {
	FILE *out;
	bool terminal;
	unsigned step, steps;
	char what[80];
	int64_t started_ms, drawn_ms;
	uint64_t done, total;
};

/* out NULL: nothing is shown. */
void progress_begin(struct progress *p, FILE *out, unsigned steps);
/* Ends the step before and starts the next one. */
void progress_step(struct progress *p, const char *fmt, ...) PRINTF(2, 3);
/* done of total within the step; cheap, redraws at most ten times a second. */
void progress_at(struct progress *p, uint64_t done, uint64_t total);
/* Clears the line. */
void progress_end(struct progress *p);

#endif
