/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_STATE_H
#define BRAMBLE_STATE_H

#include "cluster.h"

/*
 * What a cluster is besides its cluster.conf: made once by the first build, then an input like
 * any other. It lives in "garden.state/" (0700), one small file per value (0600):
 *
 *	id              32 hex digits; everything derived (disk ids, UUIDs, machine ids) hangs on it
 *	secret          64 hex digits: the key of the agents' peer protocol
 *	secret.next     while it is being changed (`bramble rotate`): what it will be
 *	stats.password  32 hex digits: of the proxies' stats page
 *	neo4j.password  Neo4j's, where neo4j_auth = "password": 32 hex digits at first, then any
 *	apply.key       64 hex digits: the owner's, for `bramble apply`; on no card
 *	generation      a decimal number that grows whenever a build's configuration changed
 *	conf.hash       of what that generation was made from (conf_hash.h); gone: the next
 *	                build counts
 *	built           the day it was made: no card's clock is ever set to one before it
 *	ca.crt, ca.key, tls.crt, tls.key   authority.h, with tls { mode = "own" }
 *
 * The folder appears whole or not at all, and only once: two first builds make one cluster. From
 * then on a missing value is an error, never made up again: a second secret would be a cluster that
 * the cards out there do not let in. For the same reason a first build refuses while images of an
 * earlier one lie beside it. state_adopt (`bramble recover-state`) is the way back.
 *
 * Neo4j's password is derived from the secret: a folder of an earlier bramble, or one rebuilt from
 * cards, has the same one as before.
 *
 * Folder and files must be nobody else's: owned by the caller (or, for root, by cluster.conf's
 * owner, to whom root's files go too) and without any permission for group and others.
 */
#define STATE_GENERATION_MAX 999999999

struct state {
	char id[33];
	char secret[65];
	char next[65];   /* "": the secret is not being changed */
	char second[65]; /* for state_adopt, with next: the other one that nodes know */
	char stats_password[33];
	char neo4j_password[65];
	char apply_seed[65]; /* "": none, of state_peek and state_adopt (no card has it) */
	unsigned generation;
	bool unstamped; /* of state_peek: no card and no node was ever given that number */
	char built[11]; /* "2026-11-23"; "": not known */
};

/*
 * Reads the state, making it when there is none; a changed configuration (cluster.conf, overlays,
 * plugins, certificate: conf_hash.h) counts one generation up.
 */
MUST_CHECK int state_open(const struct cluster *c, struct state *s, struct err *e);

/*
 * What the folder has, for who talks to the cluster: no generation, and the files that cluster.conf
 * names need not be there. No state is an error.
 */
MUST_CHECK int state_read(const struct cluster *c, struct state *s, struct err *e);

/* What state_open would give, changing nothing; no state is an error. */
MUST_CHECK int state_peek(const struct cluster *c, struct state *s, struct err *e);

/*
 * What a generation that is sent to the live cluster is stamped with: at least `least`, and more
 * than any before if the configuration changed. A next build of the same has that number.
 */
MUST_CHECK int state_stamp(const struct cluster *c, unsigned least, struct state *s, struct err *e);

/*
 * The live cluster has withdrawn that generation: if it is the newest, the next build counts up
 * also with the same cluster.conf, for what was bad may have been an overlay or a plugin.
 */
MUST_CHECK int state_withdraw(const struct cluster *c, unsigned generation, struct err *e);

/*
 * A change of the secret, in two steps that a crash or a second try leaves as they are:
 * state_next_secret keeps what it will be (in s->next, made once), state_take_secret makes it the
 * secret. Neo4j's password stays what it is.
 */
MUST_CHECK int state_next_secret(const struct cluster *c, struct state *s, struct err *e);
/* Neo4j has another password now: 1 to 64 printable characters. */
MUST_CHECK int state_set_password(const struct cluster *c, const char *password, struct err *e);

MUST_CHECK int state_take_secret(const struct cluster *c, struct err *e);

/*
 * Makes s, as found on cards, the cluster's state. A state that is there must be of the same
 * cluster: then only its generation may grow, and what it lacks comes to it. An empty
 * stats_password is made anew. Where the secret was being changed, next may be the secret itself:
 * the change is finished with what all nodes know, unless the folder has one that they know too. A
 * new one that they do not know was never told to all, and gives way.
 */
MUST_CHECK int state_adopt(const struct cluster *c, struct state *s, struct err *e);

/* Of a state that is there: nobody else changes it until this descriptor is closed; -1: an error.
 */
MUST_CHECK int state_lock(const struct cluster *c, struct err *e);
/* Puts a file into it, as its others are. */
MUST_CHECK int state_keep(
	const struct cluster *c, const char *name, const void *p, size_t n, struct err *e);

#endif
