/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_STANZA_H
#define BRAMBLE_STANZA_H

#include "util.h"

/*
 * Debian's control files (deb-control(5), dpkg's status): stanzas of "Name: value" lines, separated
 * by empty lines; a line that begins with a blank goes on with the value before it.
 */

/*
 * The value of a field of the stanza that begins at text, or NULL. Names are compared without
 * case. Continued lines are joined by a blank. The caller frees.
 */
char *stanza_field(const char *text, const char *name);

/* The next stanza behind the one at text, or NULL. */
const char *stanza_next(const char *text);

/* A relation such as "libc6:any (>= 2.36)" of a list such as Depends. */
struct relation {
	char *name;
	char op[3]; /* "" : any version */
	char *version;
};

/*
 * Takes one relation from the front of *list. *or_next: the next one is an alternative to it.
 * 1: taken; 0: the list is at its end; -1: what stands there is no relation.
 */
int relation_next(const char **list, struct relation *r, bool *or_next);
void relation_free(struct relation *r);
#define _cleanup_relation_ _cleanup_(relation_free)

#endif
