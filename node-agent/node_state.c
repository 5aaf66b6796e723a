/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "node_state.h"

static const char *const names[NODE_STATES] = {
	[NODE_DOWN] = "down",
	[NODE_IDLE] = "idle",
	[NODE_HELD] = "held",
	[NODE_WAITING] = "waiting",
	[NODE_STARTING] = "starting",
	[NODE_JOINING] = "joining",
	[NODE_SERVING] = "serving",
	[NODE_STOPPING] = "stopping",
	[NODE_UNFIT] = "unfit",
};

const char *node_state_name(enum node_state s)
{
	return names[s];
}
