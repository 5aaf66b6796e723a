/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <stdio.h>
#include <string.h>
#include "../discover/interfaces.h"
#include "helper_vip.h"
#include "util.h"

struct place {
	char name[IF_NAMESIZE];
	unsigned index;
	uint8_t mac[ETH_ALEN];
	bool has_mac;
};

static void cleanup_ifaddrs(struct ifaddrs **list)
{
	if (*list)
		freeifaddrs(*list);
}

static uint32_t ipv4(const struct sockaddr *a)
{
	struct sockaddr_in in;

	memcpy(&in, a, sizeof(in));
	return in.sin_addr.s_addr;
}

static bool is_up(const struct ifaddrs *i)
{
	return (i->ifa_flags & IFF_UP) && !(i->ifa_flags & IFF_LOOPBACK);
}

/* One that is in a network of which vip is a host. */
static bool is_in_network(const struct ifaddrs *i, struct in_addr vip)
{
	if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || !i->ifa_netmask || !is_up(i))
		return false;
	uint32_t own = ipv4(i->ifa_addr), mask = ipv4(i->ifa_netmask);
	return mask != UINT32_MAX && own != vip.s_addr && (own & mask) == (vip.s_addr & mask);
}

static void find_mac(const struct ifaddrs *list, struct place *to)
{
	struct sockaddr_ll ll;

	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_PACKET ||
			strcmp(i->ifa_name, to->name) != 0)
			continue;
		memcpy(&ll, i->ifa_addr, sizeof(ll));
		to->has_mac = ll.sll_halen == ETH_ALEN;
		memcpy(to->mac, ll.sll_addr, ETH_ALEN);
	}
}

static int find_place(const struct ifaddrs *list, struct in_addr vip, const char *interface,
	struct place *to, struct err *e)
{
	*to = (struct place){0};
	for (const struct ifaddrs *i = list; i && !to->name[0]; i = i->ifa_next) {
		bool found =
			*interface ? strcmp(i->ifa_name, interface) == 0 : is_in_network(i, vip);
		/* Without an alias's label, which getifaddrs tells as a name. */
		if (found)
			snprintf(to->name, sizeof(to->name), "%.*s", (int)strcspn(i->ifa_name, ":"),
				i->ifa_name);
	}
	to->index = to->name[0] ? if_nametoindex(to->name) : 0;
	if (!to->index)
		return err_set(e, "no interface is in its network");
	find_mac(list, to);
	return 0;
}

/* --- rtnetlink */

struct address_request {
	struct nlmsghdr head;
	struct ifaddrmsg message;
	uint8_t attributes[2 * RTA_SPACE(sizeof(struct in_addr)) + RTA_SPACE(IF_NAMESIZE) +
			   RTA_SPACE(sizeof(struct ifa_cacheinfo))];
};

static void add_attribute(
	struct address_request *r, unsigned short type, const void *value, size_t size)
{
	struct rtattr attr = {.rta_len = (unsigned short)RTA_LENGTH(size), .rta_type = type};
	uint8_t *at = (uint8_t *)r + NLMSG_ALIGN(r->head.nlmsg_len);

	memcpy(at, &attr, sizeof(attr));
	memcpy(at + RTA_LENGTH(0), value, size);
	r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + (uint32_t)RTA_SPACE(size);
}

static void add_label(struct address_request *r, const struct place *p)
{
	char label[IF_NAMESIZE];

	interfaces_label(label, p->name, p->index);
	add_attribute(r, IFA_LABEL, label, strlen(label) + 1);
}

/* The kernel's answer to the one request on this socket: 0 or an errno. */
static int read_answer(int fd)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		uint8_t more[512]; /* the request, and words about it */
	} answer;
	ssize_t n = recv(fd, &answer, sizeof(answer), 0);

	if (n < 0)
		return errno;
	if ((size_t)n < sizeof(answer.head) + sizeof(answer.error) ||
		answer.head.nlmsg_type != NLMSG_ERROR)
		return EPROTO;
	return -answer.error.error;
}

/* 0 or an errno. */
static int send_request(const struct address_request *r)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 ||
		sendto(fd, r, r->head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return errno;
	return read_answer(fd);
}

static struct address_request make_request(
	unsigned short type, uint16_t flags, unsigned index, struct in_addr a)
{
	struct address_request r = {
		.head = {.nlmsg_len = NLMSG_LENGTH(sizeof(r.message)),
			.nlmsg_type = type,
			.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags),
			.nlmsg_seq = 1},
		/*
		 * Of the link, as if it were no address of the host's own: avahi publishes only
		 * others where there are any. It would give the host another name when for a
		 * moment two nodes have this address, and NAME.local would be the address too.
		 */
		.message = {.ifa_family = AF_INET,
			.ifa_prefixlen = 32,
			.ifa_scope = RT_SCOPE_LINK,
			.ifa_index = index},
	};

	add_attribute(&r, IFA_LOCAL, &a, sizeof(a));
	add_attribute(&r, IFA_ADDRESS, &a, sizeof(a));
	return r;
}

/* Both: 0 or an errno. */
static int put_address(const struct place *p, struct in_addr a)
{
	const struct ifa_cacheinfo lifetime = {
		.ifa_prefered = HELPER_VIP_S, .ifa_valid = HELPER_VIP_S};
	struct address_request r =
		make_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, p->index, a);

	add_label(&r, p);
	add_attribute(&r, IFA_CACHEINFO, &lifetime, sizeof(lifetime));
	int code = send_request(&r);
	return code == EEXIST ? 0 : code;
}

static int remove_address(const char *label, struct in_addr a)
{
	unsigned index = interfaces_numbered(label);
	struct address_request r =
		make_request(RTM_DELADDR, 0, index ? index : if_nametoindex(label), a);
	int code = send_request(&r);

	return code == EADDRNOTAVAIL || code == ENODEV ? 0 : code;
}

/* --- */

static int announce(const struct place *p, struct in_addr vip, struct err *e)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ARP),
		.sll_ifindex = (int)p->index,
		.sll_halen = ETH_ALEN};
	struct ether_arp arp = {.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
					.ar_pro = htons(ETH_P_IP),
					.ar_hln = ETH_ALEN,
					.ar_pln = sizeof(vip),
					.ar_op = htons(ARPOP_REQUEST)}};
	_cleanup_close_ int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memset(to.sll_addr, 0xff, ETH_ALEN);
	memcpy(arp.arp_sha, p->mac, ETH_ALEN);
	memcpy(arp.arp_spa, &vip, sizeof(vip));
	memcpy(arp.arp_tpa, &vip, sizeof(vip));
	if (fd < 0 || sendto(fd, &arp, sizeof(arp), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		return err_errno(e, "%s: cannot announce it", p->name);
	return 0;
}

static int take(
	const struct ifaddrs *list, struct in_addr vip, const char *interface, struct err *e)
{
	struct place place;

	if (find_place(list, vip, interface, &place, e) < 0)
		return -1;
	int code = put_address(&place, vip);
	if (code)
		return err_set(e, "%s: %s", place.name, strerror(code));
	return place.has_mac ? announce(&place, vip, e) : 0;
}

/* Of a node.conf before this one, or not this node's to have? */
static bool is_over(const struct ifaddrs *i, struct in_addr vip, bool hold)
{
	if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
		return false;
	if (ipv4(i->ifa_addr) == vip.s_addr)
		return !hold;
	return str_ends(i->ifa_name, FLOATING_LABEL);
}

static int clear(const struct ifaddrs *list, struct in_addr vip, bool hold, struct err *e)
{
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		if (!is_over(i, vip, hold))
			continue;
		int code = remove_address(i->ifa_name, (struct in_addr){ipv4(i->ifa_addr)});
		if (code)
			return err_set(e, "%s: %s", i->ifa_name, strerror(code));
	}
	return 0;
}

int helper_vip(struct in_addr vip, bool hold, const char *interface, struct err *e)
{
	_cleanup_(cleanup_ifaddrs) struct ifaddrs *list = NULL;

	if (getifaddrs(&list) < 0)
		return err_errno(e, "the interfaces");
	if (clear(list, vip, hold, e) < 0)
		return -1;
	return hold ? take(list, vip, interface, e) : 0;
}
