/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include "bridge.h"
#include "http/client.h"
#include "link.h"
#include "log.h"
#include "handover/inherit.h"
#include "members/member.h"
#include "place.h"
#include "room.h"
#include "session.h"
#include "tls.h"
#include "tunnel.h"
#include "websocket.h"

#define ACCEPT_BATCH 64
#define HOUSEKEEPING_MS 500

void front_kick(struct front *f)
{
	if (f->sweep.heap_index < 0)
		(void)loop_timer_set(f->proxy->loop, &f->sweep, 0);
}

static void set_doors(struct front *f, uint32_t events)
{
	if (f->proxy->hearing)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(f->doors); i++) {
		if (f->doors[i].source.loop)
			loop_mod(&f->doors[i].source, events);
	}
}

void front_left(struct front *f)
{
	set_doors(f, EPOLLIN);
	front_kick(f);
}

void bolt_kick(struct proxy *p)
{
	if (p->bolt)
		front_kick(p->bolt);
}

static void sweep(struct loop_timer *t)
{
	struct front *f = container_of(t, struct front, sweep);
	bool left = f->gone.first || f->gone_bridges.first || f->gone_tunnels.first;

	place_all(f);
	tunnels_place(f);
	sessions_sweep(f);
	tunnels_sweep(f);
	links_sweep(f);
	bridges_sweep(f);
	if (left && f->proxy->draining && bolt_drained(f->proxy))
		proxy_kick(f->proxy); /* whose own sweep kicks us */
}

static void close_idle_links(struct front *f, const struct bolt_member *m, int64_t before_ms)
{
	for (struct list_node *n = f->principals.first, *next; n; n = next) {
		struct principal *p = container_of(n, struct principal, node);
		next = n->next;
		for (struct list_node *i = p->idle.first, *after; i; i = after) {
			struct link *l = container_of(i, struct link, node);
			after = i->next;
			if ((!m || l->member == m) && l->idle_since_ms < before_ms)
				link_close(l); /* the last of all may take p with it: then after is
						  NULL */
		}
	}
}

static void keep_house(struct loop_timer *t)
{
	struct front *f = container_of(t, struct front, housekeeping);
	struct room ignored;

	close_idle_links(f, NULL, boottime_ms() - LINK_IDLE_MS);
	place_all(f);
	tunnels_place(f);
	if (f->leaving)
		tunnels_drain(f);
	if (room_found(f, &ignored))
		set_doors(f, EPOLLIN); /* others may have given descriptors back */
	if (f->tls)
		tls_renew(f->tls);
	(void)loop_timer_set(f->proxy->loop, t, HOUSEKEEPING_MS);
}

/* The session of a connection that speaks Bolt; fd is closed when there can be none. */
static struct session *serve(struct front *f, int fd, const struct sockaddr_storage *from)
{
	struct room room;
	struct session *s = NULL;

	if (room_found(f, &room)) {
		room_take(&room);
		s = session_new(f, fd, from);
	}
	if (!s)
		close(fd);
	return s;
}

/* What begins on the connection, by its first byte. */
enum spoken { SPOKEN_OTHER, SPOKEN_BOLT, SPOKEN_TLS };

#define TLS_HANDSHAKE 0x16 /* RFC 8446 5.1: the content type of the first record */

static enum spoken listen_to(const struct front *f, int fd)
{
	uint8_t first = 0;

	if (recv(fd, &first, 1, MSG_PEEK) != 1)
		return SPOKEN_OTHER;
	if (first == HANDSHAKE_MAGIC[0])
		return SPOKEN_BOLT;
	return first == TLS_HANDSHAKE && f->tls ? SPOKEN_TLS : SPOKEN_OTHER;
}

bool bolt_spoken(const struct proxy *p, int fd)
{
	return p->bolt && listen_to(p->bolt, fd) != SPOKEN_OTHER;
}

/* Its own socket does not know where the client came, nor from where. */
static void note_origin(struct session *s, const char *address, const struct sockaddr_storage *from)
{
	s->own_address = strdup(address);
	s->from = malloc(sizeof(*from));
	if (s->from)
		*s->from = *from;
}

static struct sockaddr_storage origin_of(int fd)
{
	struct sockaddr_storage from = {0};
	socklen_t len = sizeof(from);

	(void)getpeername(fd, (struct sockaddr *)&from, &len);
	return from;
}

/* What is inside of it is served as what came to the Bolt port: it may be anything but TLS again.
 */
static void serve_tls(struct front *f, int fd, bool read_port)
{
	char address[ROUTING_ADDRESS_MAX];
	const struct sockaddr_storage from = origin_of(fd);
	int far;

	place_own_address(fd, address);
	if (tls_bridge(f, fd, &far) < 0) {
		close(fd);
		return;
	}
	struct session *s = serve(f, far, &from);
	if (!s)
		return;
	note_origin(s, address, &from);
	s->read_port = read_port;
}

void bolt_serve(struct proxy *p, int fd)
{
	const struct sockaddr_storage from = origin_of(fd);

	if (listen_to(p->bolt, fd) == SPOKEN_TLS)
		serve_tls(p->bolt, fd, false);
	else
		(void)serve(p->bolt, fd, &from);
}

bool front_speaks_bolt(const struct session *s)
{
	return listen_to(s->front, s->source.fd) == SPOKEN_BOLT;
}

bool bolt_asked(const struct proxy *p, const struct http_head *h)
{
	return p->bolt && websocket_asked(h);
}

void bolt_serve_websocket(struct proxy *p, int fd, const struct in6_addr *from,
	const struct http_head *h, const struct slice *rest)
{
	char address[ROUTING_ADDRESS_MAX];
	const struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = *from};
	struct sockaddr_storage client = {0};
	int far;

	memcpy(&client, &in6, sizeof(in6));
	place_own_address(fd, address);
	if (bridge_websocket(p->bolt, fd, h, *rest, &far) < 0) {
		close(fd);
		return;
	}
	struct session *s = serve(p->bolt, far, &client);
	if (!s)
		return;
	note_origin(s, address, &client);
	s->only_bolt = true; /* or one client could nest WebSockets, three descriptors each */
}

void front_give_away(struct session *s)
{
	struct front *f = s->front;
	int fd = s->source.fd;
	bool tls = listen_to(f, fd) == SPOKEN_TLS, bridged = s->own_address;
	_cleanup_free_ struct sockaddr_storage *from = steal(&s->from);
	bool read_port = s->read_port;

	loop_del(&s->source);
	s->source.fd = -1;
	session_close(s);
	if (tls && bridged)
		close(fd);
	else if (tls)
		serve_tls(f, fd, read_port);
	else
		client_adopt(f->proxy, fd, from, bridged);
}

static void listener_ready(struct loop_source *source, uint32_t events)
{
	struct door *door = container_of(source, struct door, source);
	struct front *f = door->front;

	(void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage from;
		struct room room;
		if (!room_found(f, &room)) {
			loop_mod(source, 0); /* until somebody leaves, or keep_house finds some */
			return;
		}
		int fd = net_accept(source->fd, &from);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
			log_warn("out of file descriptors with %zu Bolt clients", front_clients(f));
			loop_mod(source, 0);
		}
		if (fd < 0)
			return;
		room_take(&room);
		struct session *s = session_new(f, fd, &from);
		if (s)
			s->read_port = door->read;
		else
			close(fd);
	}
}

static int listen_on(struct front *f, bool read, const char *where, struct err *e)
{
	struct door *door = &f->doors[read];

	if (!where)
		return 0;
	door->read = read;
	door->source =
		(struct loop_source){.fd = inherit_listen(where, e), .ready = listener_ready};
	if (door->source.fd < 0)
		return -1;
	return loop_add(f->proxy->loop, &door->source) < 0 ? err_errno(e, "%s", where) : 0;
}

static void make_slot(struct front *f, size_t i)
{
	f->members[i] = (struct bolt_member){.front = f, .member = &f->proxy->members[i]};
}

void bolt_forget(const struct member *m)
{
	struct front *f = m->proxy->bolt;

	if (!f)
		return;
	bolt_cut(m, false, "it is no member any more");
	make_slot(f, (size_t)m->index);
}

int bolt_start(struct proxy *p, struct err *e)
{
	if (!proxy_conf_bolt(p->conf))
		return 0;
	if (sodium_init() < 0)
		return err_set(e, "libsodium does not start");
	struct front *f = xcalloc(1, sizeof(*f));
	p->bolt = f;
	f->proxy = p;
	f->doors[0] = f->doors[1] = (struct door){.source = {.fd = -1}, .front = f};
	f->members = xcalloc(MEMBERS_MAX, sizeof(*f->members));
	for (size_t i = 0; i < MEMBERS_MAX; i++)
		make_slot(f, i);
	randombytes_buf(f->hash_key, sizeof(f->hash_key));
	loop_timer_init(&f->sweep, sweep);
	loop_timer_init(&f->housekeeping, keep_house);
	(void)loop_timer_set(p->loop, &f->housekeeping, HOUSEKEEPING_MS);
	if (p->conf->tls_certificate) {
		f->tls = tls_new(p->conf, e);
		if (!f->tls)
			return -1;
	}
	if (listen_on(f, false, p->conf->bolt_listen, e) < 0)
		return -1;
	return listen_on(f, true, p->conf->bolt_read_listen, e);
}

static void close_doors(struct front *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(f->doors); i++) {
		loop_del(&f->doors[i].source);
		cleanup_close(&f->doors[i].source.fd);
		f->doors[i].source.fd = -1;
	}
}

int bolt_listener(const struct proxy *p, bool read)
{
	const struct door *door = p->bolt ? &p->bolt->doors[read] : NULL;

	return door && door->source.loop ? door->source.fd : -1;
}

void bolt_accept(struct proxy *p)
{
	if (p->bolt)
		set_doors(p->bolt, EPOLLIN);
}

void bolt_stop_accepting(struct proxy *p)
{
	if (p->bolt)
		close_doors(p->bolt);
}

/* It has a member, or waits for one: both end in their own time. */
static bool under_way(const struct session *s)
{
	return s->state == SESSION_AUTH || s->state == SESSION_WAITING || s->state == SESSION_BOUND;
}

void bolt_drain(struct proxy *p)
{
	if (!p->bolt)
		return;
	p->bolt->leaving = true;
	close_doors(p->bolt);
	tunnels_drain(p->bolt);
	for (struct list_node *n = p->bolt->sessions.first, *next; n; n = next) {
		struct session *s = container_of(n, struct session, node);
		next = n->next;
		if (!under_way(s) && s->state != SESSION_CLOSING)
			session_leave(s);
	}
}

void bolt_give_up(struct proxy *p)
{
	if (!p->bolt)
		return;
	for (struct list_node *n = p->bolt->sessions.first, *next; n; n = next) {
		struct session *s = container_of(n, struct session, node);
		next = n->next;
		session_give_up(s);
	}
}

void bolt_stop(struct proxy *p)
{
	struct front *f = p->bolt;

	if (!f)
		return;
	close_doors(f);
	tunnels_stop(f);
	while (f->sessions.first)
		session_close(container_of(f->sessions.first, struct session, node));
	close_idle_links(f, NULL, INT64_MAX);
	for (size_t i = 0; i < f->proxy->nmembers; i++) {
		while (f->members[i].busy.first)
			link_close(container_of(f->members[i].busy.first, struct link, node));
	}
	while (f->bridges.first)
		bridge_close(container_of(f->bridges.first, struct bridge, node));
	sessions_sweep(f);
	links_sweep(f);
	bridges_sweep(f);
	loop_timer_del(&f->sweep);
	loop_timer_del(&f->housekeeping);
	tls_free(f->tls);
	sodium_memzero(f->hash_key, sizeof(f->hash_key));
	free(f->members);
	free(f);
	p->bolt = NULL;
}

/* The first of m's links that must end, or NULL. */
static struct link *to_cut(const struct bolt_member *m, bool writes_only)
{
	for (struct list_node *n = m->busy.first; n; n = n->next) {
		struct link *l = container_of(n, struct link, node);
		if (!writes_only || (l->state == LINK_BOUND && session_writes(l->session)))
			return l;
	}
	return NULL;
}

void bolt_cut(const struct member *m, bool writes_only, const char *why)
{
	struct front *f = m->proxy->bolt;
	struct link *l;

	if (!f)
		return;
	while ((l = to_cut(&f->members[m->index], writes_only)))
		link_lost(l, why);
	tunnels_cut(f, &f->members[m->index], writes_only, why);
	if (!writes_only)
		close_idle_links(f, &f->members[m->index], INT64_MAX);
}

bool bolt_drained(const struct proxy *p)
{
	return !p->bolt || (!front_clients(p->bolt) && !p->bolt->bridges.len);
}

size_t bolt_sessions(const struct proxy *p, size_t *bound, size_t *waiting)
{
	const struct front *f = p->bolt;
	size_t busy = 0, placed = 0;

	for (size_t i = 0; f && i < f->proxy->nmembers; i++) {
		busy += f->members[i].busy.len;
		placed += f->members[i].counters.tunnels;
	}
	if (bound)
		*bound = busy + placed;
	if (waiting)
		*waiting = f ? f->waiting.len + f->tunnels.len - placed : 0;
	return f ? front_clients(f) : 0;
}

int64_t bolt_tls_ends(const struct proxy *p)
{
	return p->bolt && p->bolt->tls ? (int64_t)tls_ends(p->bolt->tls) : 0;
}

const struct bolt_counters *bolt_counters(const struct proxy *p)
{
	return p->bolt ? &p->bolt->counters : NULL;
}

const struct bolt_member_counters *bolt_member_counters(const struct member *m, size_t *busy)
{
	const struct front *f = m->proxy->bolt;

	if (!f)
		return NULL;
	if (busy)
		*busy = f->members[m->index].busy.len + f->members[m->index].counters.tunnels;
	return &f->members[m->index].counters;
}

const struct meter *bolt_meter(const struct proxy *p)
{
	return &p->bolt->meter;
}

const struct meter *bolt_member_meter(const struct member *m)
{
	return &m->proxy->bolt->members[m->index].meter;
}
