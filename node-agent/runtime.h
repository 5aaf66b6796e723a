/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_RUNTIME_H
#define BRAMBLE_RUNTIME_H

#include "err.h"
#include "health/store_log.h"
#include "quorum/idset.h"

/*
 * What an agent tells the one after it in the same boot, and bramble-guard, in /run/bramble:
 *
 *	run	the run Neo4j was started for, whether it formed, ha.initial_hosts
 *	lease	when Neo4j must be dead, in ms of CLOCK_BOOTTIME
 *	neo4j	the process whose log is followed, how far, whether it still writes (health/card.h)
 *
 * All are lost with the power, as Neo4j's process is.
 */
struct runtime {
	uint64_t run; /* 0: none was started */
	bool formed;
	struct idset hosts;
};

/* A missing or strange file is none. */
void runtime_load(const char *dir, struct runtime *r);
MUST_CHECK int runtime_save(const char *dir, const struct runtime *r, struct err *e);

#define LEASE_NEVER_ENDS INT64_MAX /* where no quorum decides about Neo4j */

/* 0, which is over, where there is none. */
int64_t lease_load(const char *dir);
MUST_CHECK int lease_save(const char *dir, int64_t lease_ms, struct err *e);

struct followed {
	int64_t pid;      /* 0: none is */
	int64_t since_ms; /* of CLOCK_BOOTTIME, it runs: another one may have that pid later */
	struct store_log log;
	bool stale, panicked; /* as in struct health */
};

/* A missing or strange file is none. */
void followed_load(const char *dir, struct followed *f);
MUST_CHECK int followed_save(const char *dir, const struct followed *f, struct err *e);

#endif
