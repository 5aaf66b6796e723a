/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include "http_client.h"
#include "log.h"
#include "peers.h"
#include "util.h"

/* Datagrams taken per wake-up: a flood must not keep the loop from its timers. */
#define BATCH 64
#define LOG_INTERVAL_MS 60000

bool peer_recently(int64_t at_ms)
{
	return at_ms >= 0 && boottime_ms() - at_ms < PRESENT_MS;
}

bool peer_present(const struct peer *p)
{
	return peer_recently(p->heard_ms);
}

const struct peer *peers_find(const struct peers *p, const struct member *m)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->peer[i].member == m)
			return &p->peer[i];
	}
	return NULL;
}

static struct peer *by_name(struct peers *p, const char *name)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strcmp(p->peer[i].member->name, name) == 0)
			return &p->peer[i];
	}
	return NULL;
}

/* A datagram that does not open tells nothing about its sender but the address it claims. */
static void blame(struct peers *p, const struct sockaddr_in *from)
{
	p->counts.forged++;
	for (size_t i = 0; i < p->n; i++) {
		if (p->peer[i].member->address.s_addr == from->sin_addr.s_addr)
			p->peer[i].forged_ms = boottime_ms();
	}
}

static void take_hello(struct peers *p, const struct hello *h)
{
	struct peer *peer = by_name(p, h->sender);

	if (!peer) {
		p->counts.stranger++;
		return;
	}
	switch (hello_check(&peer->link, h, p->boot, p->seq, peer_present(peer))) {
	case HELLO_COUNTS:
		p->counts.good++;
		peer->last = *h;
		peer->heard_ms = boottime_ms();
		break;
	case HELLO_UNPROVEN:
		p->counts.unproven++;
		peer->unproven_ms = boottime_ms();
		break;
	case HELLO_STALE:
		p->counts.stale++;
		break;
	}
}

static void take_datagram(
	struct peers *p, const uint8_t *data, size_t n, const struct sockaddr_in *from)
{
	struct hello h;

	switch (hello_open(&p->key, data, n, &h)) {
	case HELLO_OK:
		take_hello(p, &h);
		break;
	case HELLO_ALIEN:
		p->counts.alien++;
		break;
	case HELLO_FORGED:
		blame(p, from);
		break;
	case HELLO_MALFORMED:
		p->counts.malformed++;
		break;
	}
}

static void socket_ready(struct loop_source *s, uint32_t events)
{
	struct peers *p = container_of(s, struct peers, socket);
	uint8_t data[HELLO_WIRE + 1]; /* one more: a longer datagram shows as too long */

	(void)events;
	for (int i = 0; i < BATCH; i++) {
		struct sockaddr_in from = {0};
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(s->fd, data, sizeof(data), 0, (struct sockaddr *)&from, &len);
		/* An error left behind by one of our own sends (ICMP) is consumed by this. */
		if (n < 0 && errno != EAGAIN)
			continue;
		if (n < 0)
			return;
		take_datagram(p, data, (size_t)n, &from);
	}
}

static int open_socket(struct peers *p, const char *listen, struct err *e)
{
	struct sockaddr_in at;

	if (parse_inet(listen, &at) < 0)
		return err_code(e, EXIT_USAGE, "peer address %s is not A.B.C.D:PORT", listen);
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return err_errno(e, "cannot listen for peers on %s", listen);
	p->port = at.sin_port;
	p->socket =
		(struct loop_source){.fd = steal_fd(&fd), .events = EPOLLIN, .ready = socket_ready};
	return 0;
}

int peers_open(struct peers *p, struct loop *l, const struct identity *id,
	const struct hello_key *key, const char *listen, struct err *e)
{
	*p = (struct peers){.id = id,
		.key = *key,
		.socket.fd = -1,
		.logged_ms = boottime_ms() - LOG_INTERVAL_MS};
	randombytes_buf(p->boot, sizeof(p->boot));
	for (size_t i = 0; i < id->nmembers; i++) {
		if (i != id->self)
			p->peer[p->n++] = (struct peer){.member = &id->members[i],
				.heard_ms = -1,
				.unproven_ms = -1,
				.forged_ms = -1};
	}
	if (open_socket(p, listen, e) < 0)
		return -1;
	if (loop_add(l, &p->socket) < 0)
		return err_errno(e, "cannot watch the peers' socket");
	return 0;
}

void peers_close(struct peers *p)
{
	loop_del(&p->socket);
	if (p->socket.fd >= 0)
		close(p->socket.fd);
	sodium_memzero(&p->key, sizeof(p->key));
}

static void fill_sees(const struct peers *p, uint8_t sees[SEES_SIZE])
{
	memset(sees, 0, SEES_SIZE);
	if (identity_self(p->id)->roles & ROLE_DATA)
		sees_add(sees, identity_self(p->id)->id);
	for (size_t i = 0; i < p->n; i++) {
		const struct member *m = p->peer[i].member;
		if ((m->roles & ROLE_DATA) && peer_present(&p->peer[i]))
			sees_add(sees, m->id);
	}
}

bool peer_sees_all(const struct peers *p, const struct peer *peer)
{
	uint8_t all[SEES_SIZE] = {0};

	for (size_t i = 0; i < p->id->nmembers; i++) {
		if (p->id->members[i].roles & ROLE_DATA)
			sees_add(all, p->id->members[i].id);
	}
	return sees_has_all(peer->last.sees, all);
}

/* Failures (no route yet, no memory) are ignored: the next round is half a second away. */
static void tell(struct peers *p, const struct peer *peer, struct hello *self)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = p->port, .sin_addr = peer->member->address};
	uint8_t wire[HELLO_WIRE];

	memcpy(self->echo_boot, peer->link.boot, BOOT_SIZE);
	self->echo_seq = peer->link.seq;
	hello_seal(&p->key, self, wire);
	(void)!sendto(
		p->socket.fd, wire, sizeof(wire), MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to));
}

void peers_tell(struct peers *p, struct hello *self)
{
	const char *name = identity_self(p->id)->name;

	memcpy(self->sender, name, strlen(name) + 1);
	memcpy(self->boot, p->boot, BOOT_SIZE);
	memcpy(self->digest, p->id->digest, DIGEST_SIZE);
	self->generation = p->id->generation;
	self->seq = ++p->seq;
	fill_sees(p, self->sees);
	for (size_t i = 0; i < p->n; i++)
		tell(p, &p->peer[i], self);
}

static void log_drops(struct peers *p)
{
	const struct peer_counts *c = &p->counts, *o = &p->logged;
	unsigned long long alien = c->alien - o->alien, forged = c->forged - o->forged,
			   malformed = c->malformed - o->malformed,
			   stranger = c->stranger - o->stranger;
	int64_t now = boottime_ms();

	if (!(alien || forged || malformed || stranger) || now - p->logged_ms < LOG_INTERVAL_MS)
		return;
	p->logged_ms = now;
	p->logged = *c;
	log_warn("peers: dropped %llu datagrams that are no hellos, %llu sealed with another "
		 "secret, %llu malformed, %llu of unknown senders",
		alien, forged, malformed, stranger);
}

void peers_log(struct peers *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct peer *peer = &p->peer[i];
		bool present = peer_present(peer);
		if (present != peer->was_present)
			log_info("%s: %s", peer->member->name,
				present ? "heard" : "no longer heard");
		peer->was_present = present;
	}
	log_drops(p);
}
