/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NEO4J_WATCH_H
#define BRAMBLE_NEO4J_WATCH_H

#include "http_client.h"
#include "identity.h"
#include "neo4j_bean.h"

/*
 * What this node's Neo4j says of itself over HTTP: its role every second, and while it is master
 * or slave its last committed transaction and its master (in HA only: the others have no such
 * bean). While it is about to become something, it is asked oftener.
 *
 * The role is told to anybody; the bean wants Neo4j's password where there is one. Neo4j locks a
 * user for some seconds after three wrong ones, so one refusal is the last: the bean is then left
 * alone until this agent starts anew or is told another one, and the last transaction is unknown.
 */
#define NEO4J_USER "neo4j"
#define NEO4J_PASSWORD_MAX 64
#define NEO4J_PORT 7474
#define NEO4J_HA_SERVER_PORT 6001 /* listens once it is master or slave, before NEO4J_PORT does */
#define TX_FRESH_MS 10000         /* a last transaction asked for longer ago tells little */

struct neo4j_watch {
	struct loop *loop;
	struct http_client *client;
	enum neo4j_role role;
	uint64_t last_tx;    /* TX_UNKNOWN while not known */
	int64_t tx_asked_ms; /* when it was asked for */
	unsigned master; /* ha.server_id of whom it takes for the master; 0: nobody, or not known */
	enum neo4j_mode mode;
	const char *probe; /* path */
	char *bean_fields; /* of the request for the bean; NULL: it is not asked */
	bool refused;      /* because its password was */
	struct loop_timer poll;
	int64_t asked_ms, bean_asked_ms, changed_ms;
	void (*changed)(void *arg); /* the role or the master is another one */
	void *arg;
};

/* address: where Neo4j answers its own agent. password: NULL when Neo4j wants none; at most
 * NEO4J_PASSWORD_MAX bytes, copied. */
MUST_CHECK int neo4j_watch_open(struct neo4j_watch *w, struct loop *l, const struct identity *id,
	struct in_addr address, const char *password, void (*changed)(void *arg), void *arg,
	struct err *e);
void neo4j_watch_close(struct neo4j_watch *w);
/* Others say that something is about to change: asks soon, however often this is called. */
void neo4j_watch_now(struct neo4j_watch *w);
/* What a person must do about it; "": nothing. */
const char *neo4j_watch_why(const struct neo4j_watch *w);
/* It is another one now; copied. */
void neo4j_watch_password(struct neo4j_watch *w, const char *password);

/* The field lines of a request by that password (RFC 7617); NULL: by none. The caller frees. */
char *neo4j_watch_fields(const char *password);

#endif
