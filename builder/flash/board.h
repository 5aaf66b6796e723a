/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FLASH_BOARD_H
#define BRAMBLE_FLASH_BOARD_H

#include <stdio.h>
#include "job.h"

/*
 * How far each card is: on a terminal one line per card, redrawn, with its rate and the time that
 * is left of its phase; else one plain line when a card's phase changes.
 */
struct board_line {
	enum job_phase phase;
	uint64_t done;
	int64_t begun_ms;   /* of the phase */
	int64_t changed_ms; /* when done last grew */
	int64_t started_ms; /* of the card */
	bool told_stalled;
};

struct board {
	FILE *out;
	bool terminal, drawn;
	const struct job *jobs;
	size_t n;
	struct board_line *lines;
};

void board_begin(struct board *b, FILE *out, const struct job *jobs, size_t n);
/* To be called several times a second. */
void board_update(struct board *b, int64_t now_ms);
void board_end(struct board *b);

/* Pure: what there is to say of one card; the caller's. */
char *board_text(const struct job *j, const struct board_line *l, int64_t now_ms);

#endif
