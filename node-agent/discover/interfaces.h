/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_INTERFACES_H
#define BRAMBLE_INTERFACES_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * This node's own IPv4 addresses, asked of the kernel by ioctl: the agent's unit allows no netlink
 * sockets.
 */
#define INTERFACES_MAX 16

/*
 * How the label ends that the floating address has in the kernel: "eth0:bvip". Nobody else's; and
 * short, for of an IFNAMSIZ it leaves the interface's own name 10 characters. In place of a longer
 * one its number is there: "/3:bvip", for no name has a slash. That a label begins with the name is
 * a rule of ip(8), not of the kernel, which cuts it when an interface is renamed
 * (inetdev_changename).
 */
#define FLOATING_LABEL ":bvip"
void interfaces_label(char label[IF_NAMESIZE], const char *interface, unsigned index);

/* The interface that such a label tells the number of; 0: its name is up to the label's colon. */
unsigned interfaces_numbered(const char *label);

struct interface {
	int index;
	struct in_addr address;
	bool multicast; /* and up: others can be asked on it */
	bool floating;  /* bramble-helper put it there (helper_vip.h) */
};

/* All that are up and not the loopback, by ascending index; returns how many. */
size_t interfaces_list(struct interface to[INTERFACES_MAX]);

/*
 * The address others reach this node at, when it talks to `peer` (0: to nobody yet; then an
 * address that is routed is preferred to a link-local one). 0: none.
 */
struct in_addr interfaces_self(struct in_addr peer);

/* Is it one of this node's, now? */
bool interfaces_have(struct in_addr a);

/* One of this node's, now, that was its cluster's floating address and is not vip; 0: none. */
struct in_addr interfaces_stray(struct in_addr vip);

#endif
