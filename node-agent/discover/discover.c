/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include "discover.h"
#include "io.h"
#include "log.h"
#include "util.h"

#define BATCH 64
#define PID_MAX 32

static const char group[] = "\xe0\x00\x00\xfb"; /* 224.0.0.251, RFC 6762 3 */

static struct in_addr group_address(void)
{
	struct in_addr a;

	memcpy(&a, group, sizeof(a));
	return a;
}

int64_t discover_pause_ms(unsigned round, uint32_t jitter)
{
	static const int64_t first[] = {1000, 2000, 6000};

	return round < ARRAY_SIZE(first) ? first[round] : 30000 + jitter % 30000;
}

/* --- sockets */

/* Bound to the group's address, so that avahi-daemon loses none of its unicast packets to us. */
static int open_asked(void)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(MDNS_PORT), .sin_addr = group_address()};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int yes = 1, no = 0;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &no, sizeof(no)) < 0 ||
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof(yes)) < 0 ||
		bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return -1;
	return steal_fd(&fd);
}

static int open_asking(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ttl = 255; /* RFC 6762 11 */

	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl)) < 0 ||
		bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return -1;
	return steal_fd(&fd);
}

/* An interface that was joined before says EADDRINUSE, which is as good. */
static void join(struct discover *d)
{
	for (size_t i = 0; d->asked.fd >= 0 && i < d->ninterfaces; i++) {
		struct ip_mreqn m = {
			.imr_multiaddr = group_address(), .imr_ifindex = d->interface[i].index};
		if (d->interface[i].multicast)
			(void)!setsockopt(
				d->asked.fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m));
	}
}

/* --- answering */

static bool avahi_runs(const struct discover *d)
{
	_cleanup_buf_ struct buf text = {0};
	struct err e;

	if (io_read_plain(d->avahi_pid, PID_MAX, &text, &e) < 0)
		return false;
	long pid = strtol(buf_str(&text), NULL, 10);
	return pid > 1 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

union pktinfo_space {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

/* From port 5353 (RFC 6762 6), on the interface and from the address the question came to. */
static void answer(struct discover *d, uint16_t id, struct sockaddr_in *to, struct in_pktinfo at)
{
	uint8_t wire[MDNS_ANSWER_MAX];
	struct mdns_node self = d->self;
	union pktinfo_space control = {0};

	self.naddresses = at.ipi_spec_dst.s_addr != 0;
	self.address[0] = at.ipi_spec_dst;
	struct iovec part = {wire, mdns_answer(id, &self, wire)};
	struct msghdr m = {.msg_name = to,
		.msg_namelen = sizeof(*to),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(at));
	memcpy(CMSG_DATA(c), &at, sizeof(at));
	d->answers++;
	(void)!sendmsg(d->asked.fd, &m, MSG_NOSIGNAL);
}

static bool take_pktinfo(struct msghdr *m, struct in_pktinfo *at)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
			continue;
		memcpy(at, CMSG_DATA(c), sizeof(*at));
		return true;
	}
	return false;
}

/* Takes one question, if there is one. Those from port 5353 are of responders, for responders. */
static bool take_question(struct discover *d)
{
	static uint8_t data[MDNS_PACKET_MAX + 1];
	union pktinfo_space control;
	struct in_pktinfo at;
	struct sockaddr_in from = {0};
	struct iovec part = {data, sizeof(data)};
	struct msghdr m = {.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	uint16_t id;

	ssize_t n = recvmsg(d->asked.fd, &m, 0);
	if (n < 0)
		return errno != EAGAIN;
	if (take_pktinfo(&m, &at) && from.sin_port != htons(MDNS_PORT) &&
		mdns_asks(data, (size_t)n, &id) && !avahi_runs(d))
		answer(d, id, &from, at);
	return true;
}

static void asked_ready(struct loop_source *s, uint32_t events)
{
	struct discover *d = container_of(s, struct discover, asked);

	(void)events;
	for (int i = 0; i < BATCH && take_question(d); i++)
		;
}

/* --- asking */

static void ask(struct discover *d)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(MDNS_PORT), .sin_addr = group_address()};
	uint8_t wire[MDNS_QUERY_MAX];

	d->question = (uint16_t)randombytes_random();
	size_t n = mdns_query(d->question, wire);
	for (size_t i = 0; d->asking.fd >= 0 && i < d->ninterfaces; i++) {
		struct ip_mreqn m = {.imr_address = d->interface[i].address,
			.imr_ifindex = d->interface[i].index};
		if (!d->interface[i].multicast ||
			setsockopt(d->asking.fd, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof(m)) < 0)
			continue;
		d->questions++;
		(void)!sendto(
			d->asking.fd, wire, n, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to));
	}
}

static void take_answer(
	struct discover *d, const uint8_t *data, size_t n, const struct sockaddr_in *from)
{
	struct mdns_node node;

	if (mdns_read(data, n, d->question, &node) < 0 ||
		memcmp(node.tag, d->self.tag, sizeof(node.tag)) != 0 ||
		interfaces_have(from->sin_addr))
		return;
	d->propose(d->arg, from->sin_addr);
	for (size_t i = 0; i < node.naddresses; i++) {
		if (node.address[i].s_addr != from->sin_addr.s_addr)
			d->propose(d->arg, node.address[i]);
	}
}

static void asking_ready(struct loop_source *s, uint32_t events)
{
	static uint8_t data[MDNS_PACKET_MAX + 1];
	struct discover *d = container_of(s, struct discover, asking);

	(void)events;
	for (int i = 0; i < BATCH; i++) {
		struct sockaddr_in from = {0};
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(s->fd, data, sizeof(data), 0, (struct sockaddr *)&from, &len);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n >= 0)
			take_answer(d, data, (size_t)n, &from);
	}
}

/* --- */

static void watch(struct discover *d, struct loop_source *s, int fd, const char *what)
{
	s->fd = fd;
	if (fd < 0 || loop_add(d->loop, s) < 0)
		log_warn("discovery: cannot %s by mDNS: %s", what, strerror(errno));
}

void discover_open(struct discover *d, struct loop *l, const struct mdns_node *self,
	const char *avahi_pid, void (*propose)(void *arg, struct in_addr address), void *arg)
{
	*d = (struct discover){.self = *self,
		.loop = l,
		.avahi_pid = avahi_pid,
		.propose = propose,
		.arg = arg,
		.asking = {.events = EPOLLIN, .ready = asking_ready},
		.asked = {.events = EPOLLIN, .ready = asked_ready}};
	watch(d, &d->asking, open_asking(), "ask");
	watch(d, &d->asked, open_asked(), "answer");
}

static void close_source(struct loop_source *s)
{
	loop_del(s);
	if (s->fd >= 0)
		close(s->fd);
}

void discover_close(struct discover *d)
{
	if (!d->loop)
		return;
	close_source(&d->asking);
	close_source(&d->asked);
}

void discover_seed(struct discover *d, struct in_addr address)
{
	if (d->nseeds < SEEDS_MAX)
		d->seed[d->nseeds++] = address;
}

/* Did this node's addresses change? Then it has to be found, and to look, anew. */
static bool look_at_interfaces(struct discover *d)
{
	struct interface now[INTERFACES_MAX];
	size_t n = interfaces_list(now);
	bool same = n == d->ninterfaces;

	for (size_t i = 0; same && i < n; i++)
		same = now[i].index == d->interface[i].index &&
		       now[i].address.s_addr == d->interface[i].address.s_addr;
	memcpy(d->interface, now, n * sizeof(now[0]));
	d->ninterfaces = n;
	return !same;
}

void discover_step(struct discover *d, bool missing)
{
	int64_t now = boottime_ms();

	if (look_at_interfaces(d)) {
		join(d);
		d->round = 0;
		d->next_ms = now;
	}
	if (!missing) {
		d->round = 0;
		d->next_ms = now;
		return;
	}
	if (now < d->next_ms)
		return;
	d->next_ms = now + discover_pause_ms(d->round++, randombytes_random());
	ask(d);
	for (size_t i = 0; i < d->nseeds; i++)
		d->propose(d->arg, d->seed[i]);
}
