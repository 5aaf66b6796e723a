/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_IMPORT_WORDS_H
#define PROXY_IMPORT_WORDS_H

#include <stddef.h>

/*
 * One line of haproxy.cfg as words (HAProxy's configuration manual, sections 2.2 and 2.3): white
 * space separates them, a backslash or quotes keep it, # begins a comment.
 */
#define WORDS_MAX 64

struct words {
	const char *w[WORDS_MAX]; /* w[n] and later are "" */
	size_t n;
	const char *fault; /* NULL, or why the line cannot be read */
};

/* Splits line, which is changed: the words lie in it. */
void words_split(char *line, struct words *words);

#endif
