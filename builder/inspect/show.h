/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_INSPECT_SHOW_H
#define BRAMBLE_INSPECT_SHOW_H

#include <jansson.h>
#include "card.h"

/* Prints a card for people. */
void show_card(const struct card *c, FILE *f);

/* Prints the configuration on it, file by file; of a secret only that it is there. */
MUST_CHECK int show_config(const struct card *c, FILE *f, struct err *e);

/* The same as show_card for programs; the caller's. */
json_t *card_json(const struct card *c);

/*
 * A text of a card with everything but printable ASCII as '?': it could move a terminal's cursor.
 * Line ends and tabs stay when lines is set. The caller's.
 */
char *printable(const char *text, bool lines);

#endif
