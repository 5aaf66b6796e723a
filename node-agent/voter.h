/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_VOTER_H
#define BRAMBLE_VOTER_H

#include <sys/types.h>
#include "memory.h"
#include "peers.h"
#include "runtime.h"
#include "store_at_rest.h"

/*
 * This node's part in the quorum (quorum.h): the rules together with what they must remember, on
 * p3 and in /run/bramble. A node without a vote (only a proxy, or of a cluster whose Neo4j has a
 * Raft of its own) has none of this: its words are empty, and nobody counts them.
 */
struct voter {
	bool enabled;
	const struct identity *id;
	const char *store; /* where p3 is mounted */
	const char *run;   /* /run/bramble */
	bool begun;        /* p3 was there, and what it remembers was read */
	dev_t device;      /* p3's, then */
	struct quorum quorum;
	struct store_end end; /* how far the store goes, as last read */
	bool endless;         /* nobody can tell, which was said */
	bool by_log;          /* the store's log tells the others what Neo4j does not */
	struct runtime runtime;
	int64_t lease_ms; /* of an agent before this one; later as last saved */
	char why[WHY_SIZE];
	void (*news)(void *arg); /* what a peer says waits for an answer; NULL: nobody cares */
	void *news_arg;
};

/* What this node's Neo4j looks like now. */
struct voter_look {
	bool held; /* p3 is not there, or not this node's: nothing may be written */
	bool fit, whole;
	bool next;    /* a store waits to take the place of this one (MARKER_RESTORE) */
	bool process; /* one may exist ... */
	bool unasked; /* ... for the service manager has not answered this agent yet */
	enum neo4j_role role;
	unsigned master;               /* id of whom it takes for the master; 0: nobody */
	bool copies;                   /* it writes a store */
	bool parts;                    /* the others stop theirs, and it stops last (tasks_parts) */
	bool shut;                     /* the firewall is set so (verdict.shut) */
	bool ha_server;                /* as in quorum_look */
	uint64_t last_tx;              /* TX_UNKNOWN */
	bool told;                     /* that by Neo4j, lately */
	bool refused;                  /* it tells its role only: its password is another one */
	uint64_t stored, failed, runs; /* generations, as in a word (quorum.h) */
};

/* Strings and id must outlive v. */
void voter_open(struct voter *v, const struct identity *id, const char *store, const char *run);

/*
 * Once p3 is known to be this node's. -1: it cannot be read or written, and this node must hold
 * still.
 */
MUST_CHECK int voter_begin(struct voter *v, struct err *e);

/*
 * One round: what follows for Neo4j now. -1: p3 or /run cannot be written; then the verdict is at
 * most NEO4J_KILL, and nothing may be told to the peers.
 */
MUST_CHECK int voter_step(
	struct voter *v, const struct voter_look *look, struct verdict *verdict, struct err *e);

/* Before Neo4j is started as the verdict says, or with an emptied store. */
MUST_CHECK int voter_starts(
	struct voter *v, const struct verdict *verdict, bool emptied, struct err *e);

/*
 * Have so many slaves all of last_tx, this node's, that with it they are a majority of the data
 * nodes? true where it is not known how far this one goes.
 */
bool voter_majority_has(const struct voter *v, const struct peers *peers, uint64_t last_tx);

/* How many make a majority of those with a vote. */
unsigned voter_majority(const struct voter *v);

/*
 * A person's word that the cards of these members, by name, are lost: quorum_accept_loss, or, as
 * long as no cluster was formed, quorum_form_without. The next rounds see to it; e says what is in
 * the way.
 */
enum loss {
	LOSS_ACCEPTED,
	LOSS_BEFORE_THE_FIRST_TIME,
};
MUST_CHECK int voter_give_up(
	struct voter *v, enum loss loss, const char *const *names, size_t n, struct err *e);
/* Has a manifest been decided since that says so? */
bool voter_has_given_up(const struct voter *v, const char *const *names, size_t n);

/* The last transaction to tell the others, given what Neo4j told; TX_UNKNOWN: nobody did. */
uint64_t voter_tells(const struct voter *v, uint64_t last_tx);

/* Was this node the last master, so that its store holds all that was acknowledged? */
bool voter_was_last_master(const struct voter *v);
/* For peers_open. */
struct peers_listener voter_listener(struct voter *v);

/* "Neo4j ..." why it must not run: the node is no member any more, or is to go; "" when it may. */
const char *voter_rest(const struct voter *v);
/* Has m a vote, or none yet because no manifest was ever decided? */
bool voter_votes(const struct voter *v, const struct member *m);

/* Does the cluster count on m? node.conf names it; a voter must be in the manifest, too. */
bool voter_belongs(const struct voter *v, const struct member *m);

/*
 * Is this node's Neo4j master by the grant of a majority that follows it? Where no quorum decides:
 * is it master?
 */
bool voter_writable(const struct voter *v, const struct verdict *verdict, enum neo4j_role role);
/* The same of a peer, by its own word; and does one of those that are heard say so? */
bool voter_leads(const struct hello *h);
bool voter_peer_leads(const struct peers *peers);
/*
 * The version of the cluster's Neo4j, by one that is heard and has joined it, best by the one that
 * leads; stays as it was where nobody has.
 */
void voter_meet(const struct peers *peers, char version[NEO4J_SIZE]);

#endif
