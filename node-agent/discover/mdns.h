/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_MDNS_H
#define BRAMBLE_MDNS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "err.h"

/*
 * The little of multicast DNS that finds the other nodes: the question for _bramble._udp.local,
 * asked once from a port of one's own, and the unicast answer to it (RFC 6762 sections 5.1 and
 * 6.7, "legacy unicast"). An answer only proposes addresses to say hello to; it is not believed.
 *
 * Everything here is pure. Any bytes may come: nothing outside of a packet is read, compressed
 * names end (RFC 1035 4.1.4: each pointer must go back, before all that led to it), and what is
 * not well formed is refused as a whole.
 */
#define MDNS_SERVICE "_bramble._udp"
#define MDNS_PORT 5353
#define HELLO_PORT 7471 /* what the SRV record says: the agents' own port */
#define MDNS_TAG_SIZE 8 /* of the cluster's id: neighbours' clusters are told apart by it */
#define MDNS_NAME 64    /* a host name label and its NUL */
#define MDNS_ADDRESSES 4
#define MDNS_QUERY_MAX 64
#define MDNS_ANSWER_MAX 512
#define MDNS_PACKET_MAX 9000 /* RFC 6762 17 */

/* One node, as it answers. */
struct mdns_node {
	uint8_t tag[MDNS_TAG_SIZE]; /* the first bytes of its cluster's id */
	char name[MDNS_NAME];
	size_t naddresses;
	struct in_addr address[MDNS_ADDRESSES];
};

/* A question with that id; returns its size. */
size_t mdns_query(uint16_t id, uint8_t to[MDNS_QUERY_MAX]);

/* Does the packet ask for the service? Then *id is the question's. */
bool mdns_asks(const uint8_t *p, size_t n, uint16_t *id);

/* The answer to question id; returns its size. */
size_t mdns_answer(uint16_t id, const struct mdns_node *node, uint8_t to[MDNS_ANSWER_MAX]);

/*
 * Reads an answer to question id: its TXT record of the service says who, its A records say where
 * (there may be none: then the sender's address is all there is). -1: it is none, or holds what
 * no node of ours says.
 */
MUST_CHECK int mdns_read(const uint8_t *p, size_t n, uint16_t id, struct mdns_node *node);

#endif
