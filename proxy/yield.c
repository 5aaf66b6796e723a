/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "yield.h"

unsigned *yield_crowd(unsigned *crowds, const struct in6_addr *a)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < sizeof(a->s6_addr); i++)
		h = (h ^ a->s6_addr[i]) * 16777619u;
	return &crowds[(h ^ h >> 16) % YIELD_CROWDS];
}

struct in6_addr yield_address(const struct sockaddr_storage *from)
{
	const struct sockaddr_in *in = (const void *)from;
	struct in6_addr a = {0};

	if (from->ss_family == AF_INET6)
		return ((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
	a.s6_addr[10] = a.s6_addr[11] = 0xff;
	memcpy(&a.s6_addr[12], &in->sin_addr, sizeof(in->sin_addr));
	return a;
}

bool yield_before(const struct debtor *a, const struct debtor *b)
{
	return a->crowd != b->crowd ? a->crowd > b->crowd : a->since_ms < b->since_ms;
}

bool yield_unread(int fd)
{
	int n = 0;

	return ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}
