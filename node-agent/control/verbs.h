/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_VERBS_H
#define BRAMBLE_VERBS_H

#include "../api.h"
#include "../apply/apply.h"
#include "../backup/backup.h"
#include "../helper/helper_client.h"
#include "../neo4j_watch.h"
#include "../peers.h"
#include "../pin.h"
#include "../task/tasks.h"
#include "../users/users.h"
#include "../voter.h"
#include "control.h"
#include "yield.h"

/*
 * What a person can have this node do from a PC. Each verb is a struct verb; all_verbs is the
 * table. docs/CONTROL.md tells what each takes and answers.
 */
struct verbs {
	/* To be set before verbs_open; all must outlive it. */
	struct loop *loop;
	const struct identity *id;
	struct pin *pin;
	struct voter *voter;
	struct peers *peers;
	struct tasks *tasks;
	const struct users *users;
	/* Neo4j's, by which this agent asks: it is another one now. */
	void (*password_changed)(void *agent, const char *password);
	void *agent;
	struct in_addr neo4j_at; /* where it answers its own agent */
	const char *root;        /* of /etc/bramble */
	const char *helper;      /* its socket */
	struct apply *apply;

	struct control *control;
	struct yield yield;
	struct drain drain; /* before all are powered off */
	struct backup backup;
	struct helper_client ender; /* powers off or reboots */
	enum helper_verb ends;
	int64_t ends_ms;      /* when it is asked; 0: not */
	struct api_node self; /* this node as of the last step */
	bool process;         /* may Neo4j have run then? */
};

extern const struct verb *const all_verbs[]; /* up to NULL */

MUST_CHECK int verbs_open(
	struct verbs *v, const char *listen, const struct sealed_keys *keys, struct err *e);
void verbs_close(struct verbs *v);

/*
 * Every round of the agent. process: may Neo4j run?
 */
void verbs_step(struct verbs *v, const struct api_node *self, bool process);

extern const struct verb rotate_verb; /* rotate.c */
extern const struct verb drain_verb;  /* drain_verb.c ... */
void drain_verb_step(struct verbs *v);
/* apply/offer.c */
extern const struct verb offer_verb, content_verb, list_verb, fetch_verb, compare_verb, text_verb;

/* Why Neo4j must rest; "" when it need not. */
const char *verbs_rest(const struct verbs *v);
/* Why a master takes no more writes; "" when it does. */
const char *verbs_closed(const struct verbs *v);
/* May nobody come in to Neo4j any more? */
bool verbs_shut(const struct verbs *v);

#endif
