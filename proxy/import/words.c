/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <string.h>
#include "words.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* What stands for itself after a backslash, and what does not. */
static char unescape(char c)
{
	switch (c) {
	case 'r':
		return '\r';
	case 'n':
		return '\n';
	case 't':
		return '\t';
	default:
		return c;
	}
}

/* In "..." a backslash still escapes, in '...' nothing does. Returns behind the word. */
static char *take_word(char *from, struct words *words)
{
	char *to = from, quote = '\0';

	words->w[words->n++] = from;
	for (; *from; from++) {
		if (quote ? *from == quote : (*from == '"' || *from == '\'')) {
			quote = quote ? '\0' : *from;
		} else if (*from == '\\' && quote != '\'') {
			if (!*++from)
				break;
			*to++ = unescape(*from);
		} else if (!quote && (is_space(*from) || *from == '#')) {
			break;
		} else {
			if (*from == '$' && quote == '"')
				words->fault = "a variable of the environment";
			*to++ = *from;
		}
	}
	if (quote)
		words->fault = "a quote that nothing closes";
	/* `to` may be where `from` is: what follows is looked at before the end is written. */
	char next = *from;
	*to = '\0';
	return next && next != '#' ? from + 1 : NULL;
}

void words_split(char *line, struct words *words)
{
	words->n = 0;
	words->fault = NULL;
	for (char *p = line; p && *p;) {
		if (is_space(*p)) {
			p++;
		} else if (*p == '#') {
			break;
		} else if (words->n == WORDS_MAX - 1) {
			words->fault = "more words than HAProxy takes";
			break;
		} else {
			p = take_word(p, words);
		}
	}
	for (size_t i = words->n; i < WORDS_MAX; i++)
		words->w[i] = "";
}
