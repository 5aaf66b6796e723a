/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_USERS_H
#define BRAMBLE_USERS_H

#include <sys/stat.h>
#include "../child.h"
#include "../control/call.h"
#include "../helper/helper_client.h"
#include "../peers.h"
#include "account.h"

/*
 * This node's part in all nodes having the same Neo4j users (account.h): sees what a person has
 * changed in this node's Neo4j, keeps it on p3 as DIR/bramble.users, takes from the members what
 * they have (the hellos tell whose digest differs), and puts it where Neo4j reads it.
 *
 * Neo4j 3.1 to 3.5 looks at its files every few seconds. What was put there counts as read
 * USERS_READ_MS later; until then nothing else is taken over, or Neo4j's own next write, of what it
 * had in mind before, would look like a change. Neo4j 2.x reads its file when it starts, and has no
 * user but neo4j: there `bramble passwd` tells each, and none of this runs.
 */
#define USERS_READ_MS 25000
#define USERS_LOOK_MS 60000 /* when nothing seems to have changed */

struct users {
	/* To be set before users_open; all must outlive it. */
	struct loop *loop;
	const struct identity *id;
	const struct peers *peers;
	const char *root, *store, *helper;
	/* Neo4j's, by which this agent asks: it is another one now. */
	void (*password_changed)(void *agent, const char *password);
	void *agent;

	bool enabled;
	bool begun; /* p3 was there, and what is on it was read */
	bool seen;  /* this node's files were, ever */
	struct accounts accounts;
	uint8_t digest[ACCOUNTS_DIGEST];
	struct timespec changed; /* of Neo4j's folder, when the files were last read */
	int64_t look_ms;         /* when to read them again at the latest */
	struct helper_client hands, own_hands;
	bool reads;     /* what the hands are at; else they write */
	int64_t put_ms; /* when that was done; 0: never */
	bool differ;    /* the files, as last read, from the accounts */
	int64_t own_ms; /* when to ask Neo4j by the new password; 0: no need */
	struct child pull;
	int64_t pull_ms;
	size_t pull_next;
	char why[WHY_SIZE]; /* what goes wrong, as last logged; "" */
};

/* password: by which this agent asks Neo4j; NULL: Neo4j wants none, and there are no users. */
void users_open(struct users *u, const char *password);
void users_close(struct users *u);
/* Every round; there: p3 is, and is this node's. */
void users_step(struct users *u, bool there);
void users_reap(struct users *u); /* on SIGCHLD */
/* For the hello. */
void users_tell(const struct users *u, uint8_t digest[ACCOUNTS_DIGEST]);
/* A person has given the agents another password. */
void users_own_password(struct users *u, const char *password);

extern const struct verb users_verb;

#endif
