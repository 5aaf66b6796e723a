/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_AGENT_WATCH_H
#define PROXY_AGENT_WATCH_H

#include "neo4j_bean.h"
#include "proxy.h"

/*
 * A member with an agent takes writes only while that says so (GET /cluster): it holds the lease,
 * is the master by the grant of a majority and fit to write. Neo4j alone says master with a full
 * disk too, and for seconds after it was cut off. An agent that falls silent is believed for
 * AGENT_GRACE_MS: the guard on its node ends Neo4j by itself when the lease lapses.
 */
#define AGENT_GRACE_MS 5000

/* What an agent said; pure. */
struct agent_word {
	bool writable; /* its own node */
	char why[64];
	unsigned id;            /* its own; 0: it does not tell */
	struct in_addr address; /* likewise, as it knows it; 0: not known */
	uint64_t last_tx;       /* of its store; TX_UNKNOWN */
	int64_t tx_age_ms;      /* so long ago it asked for that; -1: it does not tell */
	struct roster roster;   /* all data nodes; n is 0 when it tells of none */
};
MUST_CHECK int agent_word_parse(struct slice body, struct agent_word *w);

MUST_CHECK int agent_watch_start(struct member *m, struct err *e);
void agent_watch_stop(struct member *m);
/* Something changed: ask now. */
void agent_watch_now(struct member *m);
/* Did it say something lately? */
bool agent_watch_heard(const struct member *m);

#endif
