/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CONTROL_H
#define BRAMBLE_CONTROL_H

#include "call.h"
#include "loop.h"
#include "sealed.h"

/*
 * Where the owner's PC tells this agent what to do: TCP, port 7471, sealed with the cluster's
 * secret (talk.h). One request a session; docs/CONTROL.md has the protocol.
 *
 * A stranger costs one of CONTROL_SESSIONS places for CONTROL_REQUEST_MS at most, as many bytes of
 * memory as a hello has, and one hash; a newcomer takes the place of the one who has been at it
 * longest. Nobody is told anything who has not shown that it knows the secret: it is dropped, and
 * counted.
 */
#define CONTROL_SESSIONS 8
#define CONTROL_REQUEST_MS 5000 /* from the connection to the request */
#define CONTROL_IDLE_MS 60000   /* afterwards: nothing moved, in neither direction */

struct control_counts {
	uint64_t requests;
	uint64_t strangers; /* no hello with a secret of ours */
	uint64_t broken;    /* did not open, too large, or no request */
	uint64_t late;      /* no request in time, or idle for too long */
	uint64_t crowded;   /* had no place, or lost it to a newcomer */
};

struct control;

/* keys are copied; verbs and what they get as c->agent must outlive it. */
MUST_CHECK struct control *control_open(struct loop *l, const char *listen,
	const struct sealed_keys *keys, const struct verb *const *verbs, void *agent,
	struct err *e);
void control_close(struct control *c);

/* From now on these keys count, for every request: who has made none yet is hung up on. */
void control_set_keys(struct control *c, const struct sealed_keys *keys);

/* Every round of the agent: lets the calls under way look again. */
void control_step(struct control *c);

const struct control_counts *control_counts(const struct control *c);
unsigned control_port(const struct control *c);

#endif
