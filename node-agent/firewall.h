/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FIREWALL_H
#define BRAMBLE_FIREWALL_H

#include "formation.h"
#include "helper/helper_client.h"

/*
 * Has the helper keep this node's nftables rules in step with who belongs to the cluster and
 * whether Neo4j may be reached: 7474 and 7687 are open to others only while the quorum says so
 * (verdict.open), which is sooner than a Neo4j whose lease lapsed is dead. Set again now and then,
 * for somebody may have flushed them. A node without nft goes on without, and says so.
 */
#define FIREWALL_RETRY_MS 5000
#define FIREWALL_AGAIN_MS 300000

struct firewall {
	struct helper_client helper;
	struct helper_firewall asked; /* last, or under way */
	bool shut;                    /* the rules that are set say so */
	int64_t again_ms;             /* when to ask though nothing changed */
	char why[WHY_SIZE];           /* it could not be set; "" otherwise */
};

/* helper and the loop must outlive f. */
void firewall_init(struct firewall *f, struct loop *l, const char *helper);

/* Twice a second: who may come in. */
void firewall_step(struct firewall *f, const struct helper_firewall *want);
void firewall_close(struct firewall *f);

/* To *want: one whose address is not known yet, 0, is left out; silent where all with its address
 * are. */
void firewall_add(struct helper_firewall *want, const struct helper_host *member);

#endif
