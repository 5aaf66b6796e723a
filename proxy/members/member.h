/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_MEMBER_H
#define PROXY_MEMBER_H

#include "proxy.h"

/*
 * One probe per member tells liveness and role together. An answer counts at once. A refused
 * connection is death at once; silence is death after FAILS_UNTIL_DEAD probes of PROBE_TIMEOUT_MS.
 * From the first failure until the next answer a member gets no new requests.
 */
#define PROBE_TIMEOUT_MS 1000
#define FAILS_UNTIL_DEAD 3
#define FAST_PROBE_MS 100
/* Without a master, probes stay fast for this long. */
#define FAST_FOR_MS 60000

MUST_CHECK int members_start(struct proxy *p, struct err *e);
void members_stop(struct proxy *p);

/* May it get requests now? (Not: has it room.) */
bool member_usable(const struct member *m);
bool member_has_room(const struct member *m);
/* The member that takes writes and can be reached now, or NULL. */
struct member *members_master(struct proxy *p);
/* The member with that server id, or NULL. */
struct member *member_by_id(struct proxy *p, unsigned id);
/* A request met a failure: no new requests until a probe, sent at once, is answered. */
void member_suspect(struct member *m);

#endif
