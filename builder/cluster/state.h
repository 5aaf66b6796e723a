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
 *	stats.password  of the proxies' stats page
 *	generation      a decimal number that grows whenever a build's cluster.conf changed
 *	conf.hash       of the cluster.conf that generation was made from
 *
 * Losing the folder means new cards cannot join the old cluster: the error says so.
 */
struct state {
	char id[33];
	char secret[65];
	char stats_password[33];
	unsigned generation;
};

/* Reads the state, making what is missing. */
MUST_CHECK int state_open(const struct cluster *c, struct state *s, struct err *e);

#endif
