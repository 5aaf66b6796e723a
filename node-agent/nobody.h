/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NOBODY_H
#define BRAMBLE_NOBODY_H

#include "agent.h"

/*
 * The agent of a card that is no node's yet (assign.h): it forms and writes nothing and talks to
 * nobody; it tells why, on the console and on port 7470, where all but /liveness answers 503.
 */

/* Is this card one of identical images that is nobody's? */
bool nobody_is(const struct agent_options *o);

/* Until SIGTERM, or until the card is somebody's. */
MUST_CHECK int nobody_run(const struct agent_options *o, struct err *e);

#endif
