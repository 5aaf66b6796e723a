/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_VIP_H
#define BRAMBLE_VIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Who has the floating address (vip in cluster.conf)? Pure: what the other proxies' hellos say goes
 * in, whether this node is to have it comes out.
 *
 * A proxy stands for it while it answers its own agent and a majority of the voters is heard: where
 * no majority is nobody writes, and so a rift leaves the address on one side of it. Whoever has it
 * keeps it while it stands, however the others are called: a move costs every open connection. When
 * nobody has it, the first by name of those that stand takes it. Two have it after a rift: the one
 * that is first by name keeps it.
 *
 * keepalived would do that too, by VRRP. It would bring six libraries onto the card, a second
 * opinion on who is alive, and either no authentication (RFC 9568) or one by the clock, which a Pi
 * does not have; the agents' hellos are there already, sealed and fresh.
 */
#define VIP_SETTLE_MS 3500 /* from the agent's start: whoever has it is heard by then (peers.h) */

/* Another proxy, as its last proven hello shows it. */
struct vip_peer {
	const char *name;
	bool present, stands, holds;
};

struct vip_look {
	int64_t up_ms; /* how long this agent has run */
	const char *self;
	bool serves;   /* this node's proxy answers, and it does not ask for its place (pin.h) */
	bool majority; /* of the voters is heard, and may hear this node */
	const struct vip_peer *peers;
	size_t npeers;
};

struct vip {
	bool stands, holds;
};

/* has: of an agent before this one. */
static inline void vip_begin(struct vip *v, bool has)
{
	*v = (struct vip){.holds = has};
}

/* One round. */
void vip_step(struct vip *v, const struct vip_look *look);

#endif
