/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FORMATION_H
#define BRAMBLE_FORMATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "health/health.h"
#include "marker.h"
#include "neo4j.h"
#include "node_state.h"
#include "quorum/quorum.h"

/*
 * May this node's Neo4j be started now? A pure step function: what is known goes in, one decision
 * comes out; the only memory is struct formation.
 *
 * Of Neo4j HA the quorum decides (quorum.h). A causal cluster has a Raft of its own, but starts
 * faster together than one by one, and a single Neo4j needs nobody. For these:
 *
 * - the barrier: all data nodes are present, fit and see each other, each by its own word. All of
 *   them learn that within one round of hellos, so the slow JVMs start about together;
 * - joining: a present peer's Neo4j says it is master.
 *
 * A Neo4j that ends by itself is started again under the same rule, after 2, 4, 8 ... 60 s.
 *
 * Neo4j syncs its transaction log, but neither a store it has just created nor one it has just
 * copied from the master: a power cut may leave a store no Neo4j starts on (3.5: "Error reading
 * transaction logs, recovery not possible"). After SPOILED_AFTER quick ends in a row the store is
 * given up: one that never served holds nothing and is discarded; one that served is put aside,
 * and only when there is a master to fetch it from, as a branched store would be by Neo4j itself.
 */
enum service_state {
	SERVICE_UNKNOWN, /* not asked yet, or the service manager does not answer */
	SERVICE_STOPPED,
	SERVICE_RUNNING, /* a process may exist: also while it starts or stops */
};

/* What a peer that is a voter says, and what we know about it ourselves. */
struct formation_peer {
	const char *name;
	bool present;
	bool heard;        /* present at some time since this agent started */
	bool other_secret; /* something at its address seals hellos with another secret */
	bool unproven;     /* its hellos arrive, but it has not heard ours */
	bool same_members; /* its list of data nodes is ours */
	bool sees_all;     /* all data nodes are present to it */
	enum node_state state;
	enum neo4j_role role;
};

struct formation_input {
	int64_t now_ms;
	bool voter;       /* is this node in ha.initial_hosts: data or arbiter? */
	bool arbiter;     /* its Neo4j has no HTTP: that it runs is all there is to know */
	const char *held; /* why it must not touch its store; "" when it may */
	const char *rest; /* why Neo4j must not run for now, though nothing is wrong; NULL or "" */
	const char *wait; /* why it must not start yet, but may go on; NULL or "" */
	enum marker_state store;
	enum service_state service;
	enum neo4j_role role; /* of this node's Neo4j, by its own word over HTTP */
	const struct formation_peer *peers;
	size_t npeers;
	const struct verdict *verdict; /* the quorum's, of HA; else NULL */
	const struct health *health;   /* of p3; NULL: not measured */
	struct health_order order;     /* what follows from it */
};

/* Zeroed at start. */
struct formation {
	enum {
		NEO4J_AT_REST,
		NEO4J_ASKED, /* a start was decided; not seen running yet */
		NEO4J_RAN,
	} phase;
	int64_t asked_ms, retry_ms;
	unsigned failures; /* ends in a row without having served */
	unsigned quick;    /* of these, since the store was last given up, the quick ones */
	bool served;
	bool killed; /* on the quorum's or a person's word, for p3, in its turn: no failure */
};

struct decision {
	enum node_state state;
	bool start; /* start Neo4j now, once */
	bool kill;
	bool stop;               /* in order */
	enum marker_state store; /* MARKER_DISCARD or MARKER_ASIDE before that, or as it was */
	char why[WHY_SIZE];
};

#define START_GRACE_MS 10000 /* from a decided start until the service must be seen running */
#define BACKOFF_MAX_MS 60000
#define ARBITER_PROVEN_MS 60000
#define SPOILED_AFTER 3
/* An end that came sooner was no join that timed out. */
#define QUICK_END_MS (NEO4J_JOIN_TIMEOUT_S * 1000)

/* Could Neo4j be started now, as far as this node alone is concerned? For the quorum's look. */
bool formation_fit(const struct formation *f, const struct formation_input *in);

/* A running Neo4j was told to stop, and is to be started again as any other. */
void formation_stopped(struct formation *f);
/* It has another configuration now: what came of the one before counts no more. */
void formation_forgive(struct formation *f);

void formation_step(struct formation *f, const struct formation_input *in, struct decision *d);

#endif
