/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_VIP_KEEPER_H
#define BRAMBLE_VIP_KEEPER_H

#include "../helper/helper_client.h"
#include "../peers.h"
#include "../voter.h"
#include "http_client.h"
#include "vip.h"

/*
 * Has the helper put the floating address on this node and take it away, as vip.h says. Asks this
 * node's proxy once a second whether it is there: on its stats port, and any answer will do, for
 * when no master is to be found the other proxies find none either. What the kernel has is looked
 * at every two seconds, for others configure interfaces too; the address is announced (RFC 5227)
 * several times after a move and now and then, for a switch may have missed it.
 *
 * On a node without a proxy, or in a cluster without a vip, nothing is asked of a proxy and nothing
 * put on. What the node has of a node.conf before this one is taken off on all.
 */
struct vip_keeper {
	const struct identity *id;
	const struct peers *peers;
	struct vip vip;
	struct helper_client helper;
	struct http_client *probe; /* NULL: it is not this node's to have */
	bool answers;              /* the proxy, when it was last asked */
	const struct voter *voter; /* who has a vote; set by the agent */
	bool mute;                 /* this node tells nobody that it has it: another one will */
	bool retires;              /* the agent ends: let others have it */
	bool asked;                /* what the helper was asked last: to have it? */
	struct in_addr stray;      /* what it was to take off besides; 0: nothing */
	unsigned told;             /* how often it was announced since it came */
	int64_t begun_ms, probe_ms, look_ms, asked_ms, failed_ms;
	void (*retired)(void *arg);
	void *arg;
};

/* All must outlive k. */
MUST_CHECK int vip_keeper_open(struct vip_keeper *k, struct loop *l, const struct identity *id,
	const struct peers *peers, const char *helper, struct err *e);
void vip_keeper_close(struct vip_keeper *k);

/* Twice a second; to be set before: k->mute. */
void vip_keeper_step(struct vip_keeper *k);

/* For the hello: HELLO_STANDS, HELLO_HOLDS. */
uint8_t vip_keeper_flags(const struct vip_keeper *k);

/*
 * The agent is about to end. False: there is nothing to give up; else retired is called when that
 * is done.
 */
bool vip_keeper_retire(struct vip_keeper *k, void (*retired)(void *arg), void *arg);

/* Who has it, as far as is known; NULL: nobody. */
const struct member *vip_keeper_at(const struct vip_keeper *k);

#endif
