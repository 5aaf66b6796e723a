/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "interfaces.h"
#include "util.h"

void interfaces_label(char label[IF_NAMESIZE], const char *interface, unsigned index)
{
	if (strlen(interface) + strlen(FLOATING_LABEL) < IF_NAMESIZE)
		snprintf(label, IF_NAMESIZE, "%s" FLOATING_LABEL, interface);
	else
		snprintf(label, IF_NAMESIZE, "/%u" FLOATING_LABEL, index);
}

unsigned interfaces_numbered(const char *label)
{
	bool numbered = label[0] == '/' && str_ends(label, FLOATING_LABEL);

	return numbered ? (unsigned)strtoul(label + 1, NULL, 10) : 0;
}

static bool is_link_local(struct in_addr a) /* RFC 3927 */
{
	return ntohl(a.s_addr) >> 16 == 0xa9fe;
}

/* From an address's label to what the ioctls read up to its colon: the interface's name. */
static bool name_interface(int fd, struct ifreq *r)
{
	unsigned index = interfaces_numbered(r->ifr_name);

	r->ifr_ifindex = (int)index;
	return !index || ioctl(fd, SIOCGIFNAME, r) == 0;
}

/* What ifreq says, completed by more questions; false: not one of those wanted. */
static bool look(int fd, struct ifreq *r, struct interface *to)
{
	struct sockaddr_in sin;

	memcpy(&sin, &r->ifr_addr, sizeof(sin));
	*to = (struct interface){
		.address = sin.sin_addr, .floating = str_ends(r->ifr_name, FLOATING_LABEL)};
	if (sin.sin_family != AF_INET || !name_interface(fd, r) || ioctl(fd, SIOCGIFFLAGS, r) < 0)
		return false;
	short flags = r->ifr_flags;
	if (!(flags & IFF_UP) || (flags & IFF_LOOPBACK) || ioctl(fd, SIOCGIFINDEX, r) < 0)
		return false;
	to->index = r->ifr_ifindex;
	to->multicast = flags & IFF_MULTICAST;
	return true;
}

static void insert(struct interface list[], size_t n, struct interface x)
{
	for (; n > 0 && list[n - 1].index > x.index; n--)
		list[n] = list[n - 1];
	list[n] = x;
}

size_t interfaces_list(struct interface to[INTERFACES_MAX])
{
	struct ifreq requests[INTERFACES_MAX];
	struct ifconf conf = {.ifc_len = sizeof(requests), .ifc_req = requests};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t n = 0;

	if (fd < 0 || ioctl(fd, SIOCGIFCONF, &conf) < 0)
		return 0;
	for (size_t i = 0; i < (size_t)conf.ifc_len / sizeof(requests[0]); i++) {
		struct interface found;
		if (look(fd, &requests[i], &found))
			insert(to, n++, found);
	}
	return n;
}

/* The kernel's choice for packets to `peer`: connecting a datagram socket sends nothing. */
static struct in_addr towards(struct in_addr peer)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = peer};
	socklen_t len = sizeof(sin);

	if (fd < 0 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
		getsockname(fd, (struct sockaddr *)&sin, &len) < 0)
		return (struct in_addr){0};
	return sin.sin_addr;
}

struct in_addr interfaces_self(struct in_addr peer)
{
	struct interface list[INTERFACES_MAX];

	if (peer.s_addr)
		return towards(peer);
	size_t n = interfaces_list(list);
	struct in_addr found = {0};
	for (size_t i = 0; i < n; i++) {
		if (list[i].floating)
			continue;
		if (!is_link_local(list[i].address))
			return list[i].address;
		if (!found.s_addr)
			found = list[i].address;
	}
	return found;
}

bool interfaces_have(struct in_addr a)
{
	struct interface list[INTERFACES_MAX];
	size_t n = interfaces_list(list);

	for (size_t i = 0; i < n; i++) {
		if (list[i].address.s_addr == a.s_addr)
			return true;
	}
	return false;
}

struct in_addr interfaces_stray(struct in_addr vip)
{
	struct interface list[INTERFACES_MAX];
	size_t n = interfaces_list(list);

	for (size_t i = 0; i < n; i++) {
		if (list[i].floating && list[i].address.s_addr != vip.s_addr)
			return list[i].address;
	}
	return (struct in_addr){0};
}
