/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HOSTS_H
#define BRAMBLE_HOSTS_H

#include "buf.h"
#include "discover/book.h"
#include "identity.h"
#include "quorum/idset.h"

/*
 * The addresses in Neo4j's configuration, as they are for this start: ha.initial_hosts as the
 * quorum wants them, and this node's own where the builder did not know it. Neo4j's configuration
 * is root's; the agent, which hears the network, only leaves ids and addresses in /run/bramble,
 * and neo4j.service has `bramble-agent hosts` put them in: a fixed verb, whose only choice is
 * among members of node.conf.
 */
struct hosts {
	const struct identity *id;
	/*
	 * Server ids; NULL: no such line is touched. Without its own this Neo4j creates no cluster
	 * (ha.allow_init_cluster): it would as soon as one with a higher id asks it for one.
	 */
	const struct idset *initial;
	const struct book *book; /* where they are; who is not in it is where node.conf says */
};

/*
 * Pure: text with the addresses replaced. -1 when there is no line for initial hosts, when one of
 * them is no member or nowhere, or when there would be none: a list must never be short by
 * accident.
 */
MUST_CHECK int hosts_replace(
	const struct hosts *h, const char *text, struct buf *to, struct err *e);

/* Does it to the file at path, atomically, if anything changes. */
MUST_CHECK int hosts_write(const struct hosts *h, const char *path, struct err *e);

#endif
