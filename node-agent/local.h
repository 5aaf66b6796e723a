/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_LOCAL_H
#define BRAMBLE_LOCAL_H

#include <netinet/in.h>
#include "discover/discover.h"

/*
 * What bramble.txt says to the agent, in /etc/bramble/local.conf: settings.h puts it there at
 * boot, before the network is up, and takes it away when bramble.txt says nothing any more.
 *
 *	address = "192.168.7.11"	or "dhcp", or "linklocal"
 *	seeds = {"192.168.7.12"}
 */
#define LOCAL_CONF "/etc/bramble/local.conf"

struct local {
	struct in_addr address; /* of this node, instead of node.conf's; 0: none */
	bool by_network;        /* "dhcp" or "linklocal": the network gives one instead */
	size_t nseeds;
	struct in_addr seed[SEEDS_MAX];
};

MUST_CHECK int local_load(const char *path, struct local *l, struct err *e);

#endif
