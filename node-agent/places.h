/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PLACES_H
#define BRAMBLE_PLACES_H

#include <sys/types.h>
#include "discover/book.h"
#include "discover/discover.h"
#include "peers.h"

/*
 * Where this node and the others are, where node.conf does not say: discovery proposes addresses
 * to the peers, who is heard is remembered on p3 for the next boot, and the present addresses of
 * all are kept in /run/bramble/addresses.
 *
 * Where node.conf names every address and /etc/bramble/local.conf does not exist, nothing is asked
 * and nothing answered; a member that is elsewhere all the same, because its bramble.txt says so,
 * comes by itself, and only then is anything written.
 */
struct places {
	const struct identity *id;
	struct peers *peers;
	bool roams; /* it asks, and answers */
	bool remembered;
	int64_t again_ms; /* when to write once more where all are; 0: no need */
	int64_t look_ms;  /* when to look at the interfaces, though all are heard */
	uint32_t heard;   /* who was heard when they were looked at */
	dev_t device;     /* p3's, when it was read */
	char *on_store, *in_run;
	struct in_addr given; /* local.conf's address of this node; 0: none */
	bool follows;         /* the network gives its address */
	struct in_addr self;  /* 0: none yet */
	bool stays;           /* Neo4j runs by self, or is about to: set it before places_step */
	struct in_addr left;  /* that the agent before this one had last, in this boot; 0: none */
	struct book stored, told;
	struct discover discover;
};

/* id, peers, loop must outlive p. A local.conf that cannot be read is an error. */
MUST_CHECK int places_open(struct places *p, struct loop *l, const struct identity *id,
	struct peers *peers, const char *root, struct err *e);
void places_close(struct places *p);

/* Twice a second. store: where p3 is mounted, known to be this node's; NULL: it is not. */
void places_step(struct places *p, const char *store);

/* Where that member's Neo4j is, as far as is known; 0: it is not. */
struct in_addr places_of(const struct places *p, const struct member *m);

/* Where this node's own Neo4j answers the agent. */
struct in_addr places_neo4j(const struct places *p);

#endif
