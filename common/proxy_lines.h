/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PROXY_LINES_H
#define BRAMBLE_PROXY_LINES_H

#include <stdbool.h>
#include "buf.h"

/*
 * A proxy's configuration is as its generation has it, but for the members' addresses: where the
 * network gives them, or bramble.txt says another one, the agent writes those lines anew
 * (node-agent/proxy_conf.h).
 */
#define PROXY_CONF "/etc/bramble/proxy.conf"

/* Adds a member's line. */
void proxy_lines_member(struct buf *to, const char *name, unsigned id, const char *address);

/* Do they say the same but for members' addresses? */
bool proxy_lines_same(const char *a, const char *b);

#endif
