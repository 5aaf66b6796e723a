/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_METER_H
#define BRAMBLE_METER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * How far a download is, with its rate and the time that is left: on a terminal one line that is
 * redrawn, else nothing but what others print.
 */
struct meter {
	FILE *out; /* NULL: silent */
	bool terminal;
	const char *what;
	uint64_t first;       /* bytes that were there when it began */
	uint64_t done, total; /* total 0: nobody knows */
	int64_t started_ms, moved_ms, drawn_ms;
};

void meter_begin(struct meter *m, FILE *out, const char *what);
/* first: what was there before this connection. */
void meter_start(struct meter *m, uint64_t first, uint64_t total);
/* Cheap; redraws at most ten times a second. */
void meter_at(struct meter *m, uint64_t done);
void meter_end(struct meter *m);

/* Pure: the line; the caller's. */
char *meter_text(const struct meter *m, int64_t now_ms);

#endif
