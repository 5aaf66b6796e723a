/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_USERS_PULL_H
#define BRAMBLE_USERS_PULL_H

#include "../agent.h"

/*
 * Another member's accounts, by the control protocol, to standard output: run by the daemon, which
 * must not wait for the network, and reads them from a pipe.
 */
#define USERS_PULL "users-pull"
#define USERS_VERB "users"
#define USERS_JSON_MAX (256u << 10)

MUST_CHECK int users_pull(const struct agent_options *o, struct err *e);

#endif
