/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_ADOPT_H
#define BRAMBLE_ADOPT_H

#include "agent.h"

/*
 * p3 outlives a re-flash, and on the cards of older versions the agent was root: makes the top of
 * p3 and the bramble.* files there the agent's user's, who is whoever owns cluster.secret. Neo4j's
 * user may write neither. Run as root before the agent; does nothing when p3 is not this node's.
 */
MUST_CHECK int adopt_run(const struct agent_options *o, struct err *e);

#endif
