/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SCREEN_H
#define BRAMBLE_SCREEN_H

#include <stdio.h>
#include "render.h"

/*
 * A block of text at the bottom of a terminal that is redrawn in place. Nothing but this may
 * print to the stream in between, except after screen_end.
 */
struct screen {
	FILE *out;
	bool terminal;
	size_t lines; /* of the block that stands there now */
};

void screen_begin(struct screen *s, FILE *out);
/* The terminal's width and colours now: it may have been resized. NO_COLOR is honoured. */
struct render_style screen_style(const struct screen *s);
/* Puts text, whole lines, in place of the last block. Not on a terminal: appends it. */
void screen_draw(struct screen *s, const char *text);
/* Leaves the block standing: what is printed next goes below it. */
void screen_end(struct screen *s);

#endif
