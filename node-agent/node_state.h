/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NODE_STATE_H
#define BRAMBLE_NODE_STATE_H

/* What a node is doing. The numbers go over the wire (hello.h): add at the end only. */
enum node_state {
	NODE_DOWN,     /* not heard; never said by a node of itself */
	NODE_IDLE,     /* no data role: nothing to do here */
	NODE_HELD,     /* refuses to touch its store, and says why */
	NODE_WAITING,  /* Neo4j is not started yet, for the reason given */
	NODE_STARTING, /* Neo4j's process is there, its HTTP is not */
	NODE_JOINING,  /* Neo4j answers, but is neither master nor slave yet */
	NODE_SERVING,  /* Neo4j is master or slave */
	NODE_STOPPING, /* Neo4j is being ended, for the reason given */
	NODE_UNFIT,    /* p3 is not fit for a master, for the reason given; Neo4j may serve */
	NODE_STATES,
};

#define WHY_SIZE 121 /* a reason: at most 120 bytes of printable ASCII, and its NUL */

const char *node_state_name(enum node_state s);

#endif
