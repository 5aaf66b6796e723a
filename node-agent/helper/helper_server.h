/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HELPER_SERVER_H
#define BRAMBLE_HELPER_SERVER_H

#include "../agent.h"

/*
 * bramble-helper: does the verbs of helper_wire.h for the agent's user and nobody else, which is
 * whoever owns /etc/bramble/cluster.secret (SO_PEERCRED). It keeps nothing from one request to the
 * next, so it may end and come back at any time. Several are done at once; what is done to Neo4j
 * is asked for in order by the agent, which waits for each answer.
 *
 * Takes its socket from systemd (sd_listen_fds(3)), or makes /run/bramble-helper itself. Runs until
 * SIGTERM or SIGINT.
 */
MUST_CHECK int helper_run(const struct agent_options *o, struct err *e);

#endif
