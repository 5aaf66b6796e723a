/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_ENACT_H
#define BRAMBLE_ENACT_H

#include "../agent.h"
#include "generation.h"

/*
 * Puts a generation's files of this node onto its root filesystem, or what was there before: the
 * unit bramble-enact, as root. It reads which from the agent's order.json, and believes nothing
 * else of the agent: the list must be signed by the owner (/etc/bramble/owner.pub, root's), of this
 * cluster, for the Neo4j that is there, and no older than the one that is installed; contents are
 * checked while they are written; the paths are those a generation may have (card_paths.h).
 *
 * In /var/lib/bramble, root's:
 *
 *	installed.json	{"generation": 7, "files": [{"path": ..., "digest": ...}]}: for the agent to
 *			read; what a later generation has no more is removed
 *	before/		the files generation 7 replaced, by number, and list.json: what they were,
 *			and whether only some of them are (record_mixed)
 *
 * node.conf goes last, so a node whose node.conf says 7 has all of it. After a crash in between the
 * same order does the rest. Where 8 comes while 7 is there in part, what 7 replaced is what 8 is
 * taken back to, and what only 7 brought does not stay.
 */
MUST_CHECK int enact_run(const struct agent_options *o, struct err *e);

enum enact_what {
	ENACT_GENERATION,
	ENACT_BEFORE, /* what that generation replaced */
};

/* For the agent: what to do, and how it went. */
struct enact_order {
	uint64_t serial; /* another one each time */
	enum enact_what what;
	uint64_t generation;
};
MUST_CHECK int enact_order_save(const char *dir, const struct enact_order *o, struct err *e);
/* 0: there is none. */
MUST_CHECK int enact_order_load(const char *dir, struct enact_order *o, struct err *e);
void enact_order_forget(const char *dir);

struct enact_failure {
	bool passing; /* some of it may be done, which the same order another time may finish */
	bool unfit;   /* this card cannot have it, whoever else can; nothing was done */
};
/* 1: it was done; -1: it failed, and e says why; 0: it is not over. */
int enact_result(const char *root, uint64_t serial, struct enact_failure *how, struct err *e);

/* The record of what is installed; NULL: none. The caller's reference. */
json_t *enact_record(const char *root);
/* The digest by which that file was installed; NULL: it was not. */
const char *enact_digest(const json_t *record, const char *path);

#endif
