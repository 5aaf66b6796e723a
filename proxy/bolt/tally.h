/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_TALLY_H
#define PROXY_BOLT_TALLY_H

#include "bolt.h"

/*
 * Each transaction, from the message that began it to its last answer, goes into the meters, the
 * history and the access log, as requests of HTTP do (stats/account.h). Where a connection as a
 * whole goes to a member (tunnel.h) it is the connection that does.
 */
struct tunnel;

enum tally_end {
	TALLY_DONE,    /* a FAILURE of its statement is an answer too */
	TALLY_LOST,    /* its member went away */
	TALLY_WAITED,  /* none could take it in time */
	TALLY_LEFT,    /* its client went away, or gave it up while it waited */
	TALLY_SLOW,    /* its client took nothing of what there was for it */
	TALLY_REFUSED, /* the proxy did not understand it, or ends itself */
};

void tally_ask(struct session *s);
/* It was its turn: to m. */
void tally_begin(struct session *s, struct bolt_member *m);
/* Once; later ones of the same transaction are ignored. */
void tally_end(struct session *s, enum tally_end how);

/* The same of a connection: it has its handshake; it is to go to t->to; that took it, and answered
 * the handshake; or is given up, and another one may do. */
void tally_tunnel_ask(struct tunnel *t);
void tally_tunnel_begin(struct tunnel *t);
void tally_tunnel_connected(struct tunnel *t);
void tally_tunnel_answered(struct tunnel *t);
void tally_tunnel_again(struct tunnel *t);
void tally_tunnel_end(struct tunnel *t, enum tally_end how);

#endif
