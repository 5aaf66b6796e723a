/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_YIELD_H
#define PROXY_YIELD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Who gives way to a newcomer where there is no more room: of those who owe something (a head, a
 * login) one of the address with the most connections, and of these the one that has owed it the
 * longest. So no address keeps the others out by saying nothing.
 */
struct debtor {
	unsigned crowd; /* connections of its address */
	int64_t since_ms;
};

/* Of YIELD_CROWDS counters that of an address; those that share one count as one. */
#define YIELD_CROWDS 4096
unsigned *yield_crowd(unsigned *crowds, const struct in6_addr *a);
/* An IPv4 address as it is within IPv6. */
struct in6_addr yield_address(const struct sockaddr_storage *from);

bool yield_before(const struct debtor *a, const struct debtor *b);
/* After a while in which nothing was done here more may have come than was read. */
bool yield_unread(int fd);

#endif
