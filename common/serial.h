/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SERIAL_H
#define BRAMBLE_SERIAL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A board's serial number as its firmware tells it: hex digits (a rehearsed machine's has hyphens,
 * too), not all of them 0, in either case.
 */
#define SERIAL_TEXT 64 /* a serial number and its NUL */

/* Takes what text begins with, up to a NUL or a newline, in lower case. False: it is none. */
bool serial_take(const char *text, size_t n, char to[SERIAL_TEXT]);

#endif
