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

struct in_addr peer_place(const struct peer *p)
{
	return p->last.place.s_addr ? p->last.place : p->at.address;
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
		if (p->peer[i].at.address.s_addr == from->sin_addr.s_addr)
			p->peer[i].forged_ms = boottime_ms();
	}
}

static bool other_board(const uint8_t a[SERIAL_SIZE], const uint8_t b[SERIAL_SIZE])
{
	static const uint8_t unknown[SERIAL_SIZE];

	return memcmp(a, b, SERIAL_SIZE) != 0 && memcmp(a, unknown, SERIAL_SIZE) != 0 &&
	       memcmp(b, unknown, SERIAL_SIZE) != 0;
}

static void answer_twin(
	struct peers *p, struct twin *t, const struct hello *h, struct in_addr from, bool refused)
{
	p->counts.twins++;
	*t = (struct twin){.waits = true,
		.refused = refused,
		.refused_ms = refused ? boottime_ms() : t->refused_ms,
		.seq = h->seq,
		.address = from};
	memcpy(t->boot, h->boot, BOOT_SIZE);
}

/* Does it answer one of this run's last rounds? */
static bool is_fresh(const struct peers *p, const struct hello *h)
{
	return memcmp(h->echo_boot, p->boot, BOOT_SIZE) == 0 &&
	       p->seq - h->echo_seq <= HELLO_WINDOW;
}

/*
 * The answer to HELLO_ASKS, also of one who asks himself: where all cards have been mixed up,
 * nobody else is there to answer.
 */
static void take_answer(struct peers *p, const struct hello *h)
{
	if (!is_fresh(p, h))
		return;
	p->heard_ms = boottime_ms();
	if (h->flags & HELLO_REFUSES)
		p->refused_ms = p->heard_ms;
}

/*
 * This node's own name: its own voice by another way, or a second one of that name. They ask each
 * other only where one of them is not sure; else the other members know who was there first.
 */
static void take_namesake(struct peers *p, const struct hello *h, struct in_addr from)
{
	if (!other_board(h->serial, p->serial))
		return;
	if (is_fresh(p, h) && (h->flags & HELLO_REFUSES))
		p->refused_ms = boottime_ms();
	else if (h->flags & HELLO_ASKS)
		answer_twin(p, &p->twin, h, from, !p->asks);
}

/* Is that the hello of one who does not count as this peer? Then it is answered. */
static bool is_twin(struct peers *p, struct peer *peer, const struct hello *h, struct in_addr from)
{
	bool refused = peer_present(peer) && other_board(peer->last.serial, h->serial);

	if (refused || (h->flags & HELLO_ASKS))
		answer_twin(p, &peer->twin, h, from, refused);
	if (!refused && (h->flags & HELLO_ASKS))
		take_answer(p, h);
	return refused || (h->flags & HELLO_ASKS);
}

static void take_counting(struct peers *p, struct peer *peer, const struct hello *h,
	const struct manifest *value, struct in_addr from)
{
	int64_t now_ms = boottime_ms(),
		proven_ms = p->sent_ms[h->echo_seq % ARRAY_SIZE(p->sent_ms)];

	bool news = !peer_present(peer) || memcmp(peer->last.sees, h->sees, SEES_SIZE) != 0;

	p->counts.good++;
	whereabouts_heard(&peer->at, from, peer_present(peer));
	peer->last = *h;
	peer->heard_ms = peer->echo_ms = now_ms;
	peer->clock = hello_clock(h, proven_ms, now_ms);
	take_answer(p, h);
	if (h->flags & HELLO_REFUSES) {
		peer->refused_ms = now_ms;
		return;
	}
	p->listener.seen(p->listener.arg, peer->member);
	p->listener.heard(p->listener.arg, peer->member, h, value, proven_ms);
	if (news)
		p->listener.news(p->listener.arg);
}

/* Only the first one is news: the others may be echoes of long ago that somebody sends again. */
static void take_unproven(struct peers *p, struct peer *peer, struct in_addr from)
{
	bool news = !peer_present(peer) && !peer_recently(peer->unproven_ms);

	p->counts.unproven++;
	peer->unproven_ms = peer->echo_ms = boottime_ms();
	whereabouts_maybe(&peer->at, from);
	p->listener.seen(p->listener.arg, peer->member);
	if (news)
		p->listener.news(p->listener.arg);
}

static void take_hello(
	struct peers *p, const struct hello *h, const struct manifest *value, struct in_addr from)
{
	struct peer *peer = by_name(p, h->sender);

	if (!peer && strcmp(h->sender, identity_self(p->id)->name) == 0) {
		take_namesake(p, h, from);
		return;
	}
	if (!peer) {
		p->counts.stranger++;
		return;
	}
	if (is_twin(p, peer, h, from))
		return;
	switch (hello_check(&peer->link, h, p->boot, p->seq, peer_present(peer))) {
	case HELLO_COUNTS:
		take_counting(p, peer, h, value, from);
		break;
	case HELLO_UNPROVEN:
		take_unproven(p, peer, from);
		break;
	case HELLO_STALE:
		p->counts.stale++;
		break;
	}
}

static enum hello_verdict open_hello(const struct peers *p, const uint8_t *data, size_t n,
	struct hello *h, struct manifest *value)
{
	enum hello_verdict verdict = HELLO_FORGED;

	for (size_t i = 0; i < p->keys.n && verdict == HELLO_FORGED; i++)
		verdict = hello_open(&p->keys.key[i], data, n, h, value);
	return verdict;
}

static void take_datagram(
	struct peers *p, const uint8_t *data, size_t n, const struct sockaddr_in *from)
{
	struct manifest value;
	struct hello h;

	switch (open_hello(p, data, n, &h, &value)) {
	case HELLO_OK:
		take_hello(p, &h, &value, from->sin_addr);
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
	uint8_t data[HELLO_WIRE_MAX + 1]; /* one more: a longer datagram shows as too long */

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
	const struct hello_keys *keys, const struct peers_listener *listener, const char *listen,
	struct err *e)
{
	*p = (struct peers){.id = id,
		.keys = *keys,
		.listener = *listener,
		.socket.fd = -1,
		.heard_ms = -1,
		.refused_ms = -1,
		.twin.refused_ms = -1,
		.logged_ms = boottime_ms() - LOG_INTERVAL_MS};
	randombytes_buf(p->boot, sizeof(p->boot));
	for (size_t i = 0; i < id->nmembers; i++) {
		if (i == id->self)
			continue;
		struct peer *peer = &p->peer[p->n++];
		*peer = (struct peer){.member = &id->members[i],
			.heard_ms = -1,
			.refused_ms = -1,
			.unproven_ms = -1,
			.forged_ms = -1,
			.twin.refused_ms = -1};
		whereabouts_begin(&peer->at, peer->member->address);
	}
	if (open_socket(p, listen, e) < 0)
		return -1;
	if (loop_add(l, &p->socket) < 0)
		return err_errno(e, "cannot watch the peers' socket");
	return 0;
}

void peers_set_keys(struct peers *p, const struct hello_keys *keys)
{
	p->keys = *keys;
}

void peers_close(struct peers *p)
{
	loop_del(&p->socket);
	if (p->socket.fd >= 0)
		close(p->socket.fd);
	sodium_memzero(&p->keys, sizeof(p->keys));
}

static void fill_sees(const struct peers *p, uint8_t sees[SEES_SIZE])
{
	memset(sees, 0, SEES_SIZE);
	if (identity_self(p->id)->roles & ROLE_VOTER)
		sees_add(sees, identity_self(p->id)->id);
	for (size_t i = 0; i < p->n; i++) {
		const struct member *m = p->peer[i].member;
		if ((m->roles & ROLE_VOTER) && peer_present(&p->peer[i]))
			sees_add(sees, m->id);
	}
}

bool peer_sees_all(const struct peers *p, const struct peer *peer)
{
	uint8_t all[SEES_SIZE] = {0};

	for (size_t i = 0; i < p->id->nmembers; i++) {
		if (p->id->members[i].roles & ROLE_VOTER)
			sees_add(all, p->id->members[i].id);
	}
	return sees_has_all(peer->last.sees, all);
}

static int64_t clamp(int64_t v, int64_t most)
{
	return v < 0 ? 0 : v > most ? most : v;
}

/* echo_ms: when the hello came that is echoed. */
static void tell_time(int64_t echo_ms, struct hello_clock *c)
{
	c->wall_ms = clamp(realtime_ms(), HELLO_WALL_MAX);
	c->held_ms = (uint32_t)clamp(boottime_ms() - echo_ms, UINT32_MAX);
}

struct in_addr peers_copy(const struct peers *p, const struct peer *peer)
{
	const struct twin *t = peer ? &peer->twin : &p->twin;

	return peer_recently(t->refused_ms) ? t->address : (struct in_addr){0};
}

bool peers_missing(const struct peers *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!peer_present(&p->peer[i]))
			return true;
	}
	return false;
}

/* Failures (no route yet, no memory) are ignored: the next round is half a second away. */
static void send_hello(struct peers *p, const struct hello *h, const struct manifest *value,
	struct in_addr address)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = p->port, .sin_addr = address};
	uint8_t wire[HELLO_WIRE_MAX];
	size_t n = hello_seal(&p->keys.key[0], h, value, wire);

	p->counts.sent++;
	(void)!sendto(p->socket.fd, wire, n, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to));
}

static void tell(struct peers *p, const struct peer *peer, struct hello *self)
{
	struct in_addr to[WHEREABOUTS_MAX];
	size_t n = whereabouts_targets(&peer->at, peer_present(peer), to);
	const struct manifest *value = p->listener.word(p->listener.arg, peer->member, &self->word);

	memcpy(self->echo_boot, peer->link.boot, BOOT_SIZE);
	self->echo_seq = peer->link.seq;
	tell_time(peer->echo_ms, &self->clock);
	for (size_t i = 0; i < n; i++)
		send_hello(p, self, value, to[i]);
}

/* Proves this node to the twin, and tells it whether the one it claims to be is alive. */
static void tell_twin(struct peers *p, struct twin *t)
{
	struct hello h = p->told;

	if (!t->waits)
		return;
	t->waits = false;
	memcpy(h.echo_boot, t->boot, BOOT_SIZE);
	h.echo_seq = t->seq;
	h.flags |= t->refused ? HELLO_REFUSES : 0;
	send_hello(p, &h, NULL, t->address);
}

void peers_try(struct peers *p, struct in_addr address)
{
	if (!p->told.sender[0] || p->tries >= TRIES_PER_ROUND)
		return;
	p->tries++;
	send_hello(p, &p->told, NULL, address);
}

void peers_tell(struct peers *p, struct hello *self)
{
	const char *name = identity_self(p->id)->name;

	memcpy(self->sender, name, strlen(name) + 1);
	memcpy(self->boot, p->boot, BOOT_SIZE);
	memcpy(self->serial, p->serial, SERIAL_SIZE);
	memcpy(self->digest, p->id->digest, DIGEST_SIZE);
	self->flags &= HELLO_STANDS | HELLO_HOLDS;
	self->flags |= p->asks ? HELLO_ASKS : 0;
	self->generation = p->id->generation;
	self->seq = ++p->seq;
	p->sent_ms[p->seq % ARRAY_SIZE(p->sent_ms)] = boottime_ms();
	fill_sees(p, self->sees);
	tell_time(boottime_ms(), &self->clock);
	p->told = *self;
	p->tries = 0;
	tell_twin(p, &p->twin);
	for (size_t i = 0; i < p->n; i++) {
		tell_twin(p, &p->peer[i].twin);
		tell(p, &p->peer[i], self);
	}
}

static void log_drops(struct peers *p)
{
	const struct peer_counts *c = &p->counts, *o = &p->logged;
	unsigned long long alien = c->alien - o->alien, forged = c->forged - o->forged,
			   malformed = c->malformed - o->malformed,
			   stranger = c->stranger - o->stranger, twins = c->twins - o->twins;
	int64_t now = boottime_ms();

	if (!(alien || forged || malformed || stranger || twins) ||
		now - p->logged_ms < LOG_INTERVAL_MS)
		return;
	p->logged_ms = now;
	p->logged = *c;
	log_warn("peers: dropped %llu datagrams that are no hellos, %llu sealed with another "
		 "secret, %llu malformed, %llu of unknown senders, %llu of other Pis with a "
		 "member's name",
		alien, forged, malformed, stranger, twins);
}

/* One that may not vote with a broken card falls silent: its last word is why. */
static void note_gone(struct peer *peer)
{
	bool said = peer->last.state == NODE_HELD || peer->last.state == NODE_UNFIT ||
		    peer->last.state == NODE_STOPPING;
	_cleanup_free_ char *why = xasprintf(
		"no longer heard%s%s", said ? "; it said: " : "", said ? peer->last.why : "");

	why_copy(peer->gone, why);
}

void peers_log(struct peers *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct peer *peer = &p->peer[i];
		bool present = peer_present(peer);
		if (present != peer->was_present && !present)
			note_gone(peer);
		if (present != peer->was_present)
			log_info("%s: %s", peer->member->name, present ? "heard" : peer->gone);
		peer->was_present = present;
	}
	log_drops(p);
}
