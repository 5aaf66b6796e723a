/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HELPER_RULES_H
#define BRAMBLE_HELPER_RULES_H

#include "buf.h"
#include "helper_wire.h"

/*
 * The nftables rules of a node, pure: node.conf and who may come in go in, the text of one
 * transaction for "nft -f" comes out. It replaces the table "inet bramble" as a whole, touches no
 * other, and leaves every other port alone. Neo4j's cluster ports know no authentication: they
 * are for members with Neo4j only. Its clients' ports are for members and proxies, with
 * direct_access for everybody; closed, they are for this node itself only, without its proxy. IPv6
 * is refused on all of them but with direct_access: members talk IPv4. This node's own connections
 * to the Neo4j of a silent member are refused.
 */
void rules_render(const struct identity *id, const struct helper_firewall *want, struct buf *out);

#endif
