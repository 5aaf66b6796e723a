/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_ROUTING_H
#define PROXY_BOLT_ROUTING_H

#include "message.h"

/*
 * The routing call of `neo4j://` drivers, which Neo4j HA itself cannot answer. The table has one
 * address in all three roles: the one the driver used for the proxy, so it resolves for the driver
 * and stays right whoever is master. The proxy routes each transaction itself.
 */
#define ROUTING_TTL_S 10        /* short: a driver comes back soon after it gave an address up */
#define ROUTING_DATABASE_MAX 64 /* Neo4j: 3 to 63 characters */
#define ROUTING_ADDRESS_MAX 262 /* a host name of 255, a colon, five digits, a NUL */

/*
 * Is this statement the call, in any of its names since 3.0? CALL dbms.cluster.routing.getServers,
 * ...getRoutingTable, dbms.routing.getRoutingTable, in any case and spacing.
 */
bool routing_is_call(struct slice text);

/*
 * The address in the call's parameters, $context.address, that drivers since 4.0 send. False when
 * there is none or it is no address.
 */
bool routing_address(struct slice parameters, char address[static ROUTING_ADDRESS_MAX]);

/* What is asked by a whole RUN or ROUTE; what is not there, or not as it should be, is "". */
struct routing_call {
	char address[ROUTING_ADDRESS_MAX];
	char database[ROUTING_DATABASE_MAX];
};
void routing_read_call(const void *data, size_t n, struct routing_call *call);

/* Where to write, and ask again, and where to read. */
struct routing_table {
	char write[ROUTING_ADDRESS_MAX], read[ROUTING_ADDRESS_MAX];
};
/* At the client's own address for the proxy; with ports for both in conf (or NULL), at those. */
struct proxy_conf;
void routing_by_ports(struct routing_table *t, const char *address, const struct proxy_conf *conf);

/* SUCCESS for RUN, and RECORD and SUCCESS for PULL (Bolt up to 4.2). */
void routing_put_fields(struct buf *to);
void routing_put_table(struct buf *to, const struct routing_table *t);
/* SUCCESS for ROUTE: {rt: {ttl, servers}}, since 4.4 with the database's name (NULL: not said). */
void routing_put_rt(struct buf *to, const struct routing_table *t, const char *database);

#endif
