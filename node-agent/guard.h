/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_GUARD_H
#define BRAMBLE_GUARD_H

#include "agent.h"

/*
 * bramble-guard: when the lease in /run/bramble is over, whatever became of the agent, it kills
 * every process of neo4j.service, and goes on until there is none. It asks nobody: neither agent
 * nor systemd has to answer. A stop would be no use, for a member that leaves in order makes
 * Neo4j's own quorum smaller (quorum.h).
 */
MUST_CHECK int guard_run(const struct agent_options *o, struct err *e);

/*
 * Sends SIGKILL to all processes of the unit's control group below root ("" on a card), in the
 * unified hierarchy or systemd's own. Returns how many there were.
 */
unsigned guard_kill(const char *root, const char *unit);

#endif
