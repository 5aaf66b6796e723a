/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HELPER_VIP_H
#define BRAMBLE_HELPER_VIP_H

#include <netinet/in.h>
#include <stdbool.h>
#include "err.h"

/* For so long the kernel has it, unless it is put there again: an agent that is gone renews none.
 */
#define HELPER_VIP_S 15

/*
 * The floating address on this machine's interfaces, by rtnetlink(7), as one without a network of
 * its own (/32): nothing is routed by it, and the node's own address stays the one it talks from.
 *
 * hold: it is put on the interface that is in its network (interface: on that one) unless it is
 * there, for HELPER_VIP_S from now, and announced by a broadcast ARP request (RFC 5227 3), so that
 * switches and hosts that knew another one learn. Else it is taken off whatever has it; vip 0:
 * there is none. Both may be done again.
 *
 * What is put on bears a label (discover/interfaces.h), and whatever else bears it is taken off
 * first: it is of a node.conf before this one. So the address itself says whose it is, for as long
 * as it is there and whatever becomes of those who put it there.
 */
MUST_CHECK int helper_vip(struct in_addr vip, bool hold, const char *interface, struct err *e);

#endif
