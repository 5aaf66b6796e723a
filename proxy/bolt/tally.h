/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_TALLY_H
#define PROXY_BOLT_TALLY_H

#include "bolt.h"

/*
 * Each transaction, from the message that began it to its last answer, goes into the meters, the
 * history and the access log, as requests of HTTP do (stats/account.h).
 */
enum tally_end {
	TALLY_DONE,   /* a FAILURE of its statement is an answer too */
	TALLY_LOST,   /* its member went away */
	TALLY_WAITED, /* none could take it in time */
	TALLY_LEFT,   /* its client went away, or gave it up while it waited */
};

void tally_ask(struct session *s);
/* It was its turn: to m. */
void tally_begin(struct session *s, struct bolt_member *m);
/* Once; later ones of the same transaction are ignored. */
void tally_end(struct session *s, enum tally_end how);

#endif
