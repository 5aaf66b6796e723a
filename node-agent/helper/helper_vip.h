/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HELPER_VIP_H
#define BRAMBLE_HELPER_VIP_H

#include <netinet/in.h>
#include <stdbool.h>
#include "err.h"

/*
 * The floating address on this machine's interfaces, by rtnetlink(7), as one without a network of
 * its own (/32): nothing is routed by it, and the node's own address stays the one it talks from.
 *
 * hold: it is put on the interface that is in its network (interface: on that one) unless it is
 * there, and announced by a broadcast ARP request (RFC 5227 3), so that switches and hosts that
 * knew another one learn. Else it is taken off whatever has it. Both may be done again.
 */
MUST_CHECK int helper_vip(struct in_addr vip, bool hold, const char *interface, struct err *e);

#endif
