/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include "link.h"
#include "log.h"
#include "members/member.h"
#include "principal.h"
#include "session.h"
#include "upconvert.h"

#define RESET_MS 5000
#define LEAST_SERVER "Neo4j/3.2.0"

static const char *name_of(const struct link *l)
{
	return l->member->member->conf->name;
}

static void drop_upconvert(struct link *l)
{
	if (l->up)
		stream_free(&l->up->in.bytes);
	free(l->up);
	l->up = NULL;
}

void link_close(struct link *l)
{
	if (l->state == LINK_GONE)
		return;
	l->state = LINK_GONE;
	if (l->session)
		l->session->link = NULL;
	l->session = NULL;
	loop_timer_del(&l->timer);
	loop_del(&l->source);
	close(l->source.fd);
	stream_wipe(&l->out); /* HELLO may still be in it */
	stream_free(&l->in);
	buf_free(&l->summary);
	drop_upconvert(l);
	list_append(&l->front->gone_links, &l->node);
	principal_release_link(l->principal);
	front_kick(l->front);
}

void links_sweep(struct front *f)
{
	while (f->gone_links.first) {
		struct link *l = container_of(f->gone_links.first, struct link, node);
		list_remove(&l->node);
		free(l);
	}
}

/* Says the member's going anything of the member, that others should not be sent there? */
static void lose(struct link *l, const char *why, bool suspect)
{
	struct session *s = l->session;
	bool bound = l->state == LINK_BOUND, split = l->split;

	if (!bound && suspect) {
		log_warn("%s: Bolt: %s", name_of(l), why);
		l->member->counters.errors++;
		l->member->shunned_until_ms = boottime_ms() + SHUN_MS;
	}
	if (suspect)
		member_suspect(l->member->member);
	else if (l->state != LINK_IDLE)
		member_look(l->member->member);
	link_close(l);
	if (s && bound)
		session_link_lost(s, split, why);
	else if (s)
		session_link_failed(s);
}

/* Neo4j closes behind the FAILURE of a message that is out of place: it was the client's fault. */
static bool behind_failure(const struct link *l)
{
	return l->state == LINK_RESETTING || (l->state == LINK_BOUND && l->session->failed);
}

void link_lost(struct link *l, const char *why)
{
	if (l->state != LINK_GONE)
		lose(l, why, l->state != LINK_IDLE && !behind_failure(l));
}

static void become_idle(struct link *l)
{
	l->state = LINK_IDLE;
	l->session = NULL;
	l->idle_since_ms = boottime_ms();
	loop_timer_del(&l->timer);
	loop_mod(&l->source, EPOLLIN | EPOLLRDHUP);
	list_append(&l->principal->idle, &l->node);
	front_kick(l->front);
}

int link_convert(struct link *l, const void *data, size_t n)
{
	return upconvert_request(l->up, data, n, &l->out.b);
}

void link_put_request(struct link *l, enum bolt_tag tag)
{
	const uint8_t data[] = {0xb0, (uint8_t)tag};

	if (!l->up || link_convert(l, data, sizeof(data)) < 0)
		bolt_put_request(&l->out.b, tag);
}

void link_release(struct link *l, bool reset)
{
	l->session->link = NULL;
	l->session = NULL;
	/* It said more than it was asked. */
	if (stream_len(&l->in) || (l->up && !upconvert_calm(l->up))) {
		link_close(l);
		return;
	}
	if (!reset && !l->up) {
		become_idle(l);
		return;
	}
	l->state = LINK_RESETTING;
	link_put_request(l, BOLT_RESET);
	(void)loop_timer_set(l->front->proxy->loop, &l->timer, RESET_MS);
	link_watch(l);
}

void link_bind(struct link *l, struct session *s)
{
	l->state = LINK_BOUND;
	l->session = s;
	l->chunks = (struct chunks){0};
	l->seen = l->whole = 0;
	l->split = false;
	s->link = l;
	loop_timer_del(&l->timer);
	list_append(&l->member->busy, &l->node);
	if (l->member->busy.len > l->member->counters.busy_max)
		l->member->counters.busy_max = l->member->busy.len;
	l->member->counters.transactions++;
}

/* Sessions of an early version are not converted: nothing but that version will do. */
static void greet(struct link *l)
{
	const struct bolt_version *v = &l->principal->version;

	l->state = LINK_HANDSHAKE;
	if (v->major == bolt_spoken_versions[0].major)
		handshake_put_proposals(&l->out.b, bolt_spoken_versions, BOLT_SPOKEN_VERSIONS);
	else
		handshake_put_proposals(&l->out.b, v, 1);
}

/* INIT instead of HELLO, and so on. */
static int say_early_hello(struct link *l)
{
	_cleanup_buf_ struct buf init = {0};

	l->up = calloc(1, sizeof(*l->up));
	int r = l->up ? upconvert_hello(l->principal->hello, l->principal->hello_n, &init) : -1;
	if (r == 0 && buf_ok(&init))
		r = link_convert(l, init.data, init.len);
	if (init.data)
		sodium_memzero(init.data, init.cap);
	return r;
}

/* Four bytes: the version it chose. */
static void shake(struct link *l)
{
	const struct bolt_version v = l->principal->version;
	char why[64];

	if (stream_len(&l->in) < 4)
		return;
	const uint8_t *p = stream_bytes(&l->in);
	uint8_t major = p[0] || p[1] || p[2] ? 0 : p[3];
	stream_take(&l->in, 4);
	l->state = LINK_HELLO;
	if (major == v.major) {
		chunk_message(&l->out.b, l->principal->hello, l->principal->hello_n);
	} else if (!major || major > v.major || stream_len(&l->in) || say_early_hello(l) < 0) {
		snprintf(why, sizeof(why), "it does not speak Bolt %u", v.major);
		link_lost(l, why);
	}
	/* Asked for an early one it says nothing of later ones. */
	if (l->state == LINK_HELLO && v.major >= 3)
		l->member->early = l->up != NULL;
}

/* One whole answer into l->summary: 1 when it is there, 0 when not yet, -1 when it is too long. */
static int take_answer(struct link *l)
{
	while (stream_len(&l->in)) {
		struct chunk_piece piece =
			chunk_next(&l->chunks, stream_bytes(&l->in), stream_len(&l->in));
		if (piece.n)
			buf_add(&l->summary, piece.data, piece.n);
		stream_take(&l->in, piece.used);
		if (l->summary.len > SUMMARY_MAX || !buf_ok(&l->summary))
			return -1;
		if (piece.end)
			return 1;
	}
	return 0;
}

/*
 * What a member of an early Bolt is called to one who speaks Bolt 3 with it. 3.0 does not say
 * what it is, and drivers give up on one that is no Neo4j. Where it says 3.0 or 3.1,
 * neo4j-driver 1.7 for JavaScript throws what nobody can catch ("Bolt V2 should always support
 * byte arrays").
 */
static struct slice early_server(struct slice server)
{
	static const char *const earlier[] = {"Neo4j/3.0.", "Neo4j/3.1."};
	bool early = !server.n;

	for (size_t i = 0; i < ARRAY_SIZE(earlier); i++) {
		size_t n = strlen(earlier[i]);
		early |= server.n >= n && memcmp(server.p, earlier[i], n) == 0;
	}
	return early ? (struct slice){LEAST_SERVER, strlen(LEAST_SERVER)} : server;
}

static bool begins_with(struct slice s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n > n && memcmp(s.p, prefix, n) == 0;
}

/* What is the client's own fault every member says: it hears so. Another failure is this member's.
 */
static void hello_failed(struct link *l, const struct bolt_summary *why)
{
	struct session *s = l->session;
	bool clients = begins_with(why->code, "Neo.ClientError.");

	if (begins_with(why->code, "Neo.ClientError.Security."))
		principal_refused(l->principal);
	if (!clients)
		l->member->shunned_until_ms = boottime_ms() + SHUN_MS;
	link_close(l);
	if (clients)
		session_link_refused(s, why);
	else
		session_link_failed(s);
}

static void hello_answered(struct link *l)
{
	struct bolt_summary summary;
	struct session *s = l->session;
	uint8_t tag = l->chunks.head[1];
	_cleanup_buf_ struct buf data = l->summary;

	l->summary = (struct buf){0};
	if (bolt_read_summary(buf_str(&data), data.len, &summary) < 0 ||
		(tag != BOLT_SUCCESS && tag != BOLT_FAILURE)) {
		link_lost(l, "its answer to HELLO is malformed");
	} else if (tag == BOLT_SUCCESS) {
		l->member->counters.links++;
		if (l->up)
			summary.server = early_server(summary.server);
		principal_verified(l->principal, summary.server);
		s->link = NULL;
		become_idle(l);
		session_link_ready(s, &summary);
	} else {
		hello_failed(l, &summary);
	}
}

static void reset_answered(struct link *l)
{
	bool well = l->chunks.head[1] == BOLT_SUCCESS && !stream_len(&l->in);

	buf_free(&l->summary);
	if (well)
		become_idle(l);
	else
		link_lost(l, "it did not take a RESET");
}

static void converse(struct link *l)
{
	if (l->state == LINK_HANDSHAKE)
		shake(l);
	if (l->state != LINK_HELLO && l->state != LINK_RESETTING)
		return;
	int r = take_answer(l);
	if (r < 0)
		link_lost(l, "its answer is too long");
	else if (r > 0 && l->state == LINK_HELLO)
		hello_answered(l);
	else if (r > 0)
		reset_answered(l);
}

static void link_read(struct link *l)
{
	uint64_t ignored = 0;

	if (l->state == LINK_IDLE) {
		link_lost(l, "closed");
		return;
	}
	int n = stream_recv(l->up ? &l->up->in.bytes : &l->in, l->source.fd, &ignored);
	if (n > 0 && l->up && upconvert_answers(l->up, &l->in.b) < 0) {
		link_lost(l, "the member broke the protocol");
		return;
	}
	if (n < 0) {
		link_lost(l, "the connection to the member broke");
		return;
	}
	if (n == 0)
		return;
	if (l->state != LINK_BOUND)
		converse(l);
	else if (session_relay(l->session) < 0)
		link_lost(l, "the member broke the protocol");
}

void link_watch(struct link *l)
{
	uint64_t ignored = 0;
	uint32_t events = EPOLLRDHUP;

	if (l->state == LINK_GONE || l->state == LINK_CONNECTING)
		return;
	if (stream_send(&l->out, l->source.fd, &ignored) < 0) {
		link_lost(l, "the connection to the member broke");
		return;
	}
	if (stream_len(&l->out))
		events |= EPOLLOUT;
	if (l->state != LINK_BOUND || stream_len(&l->session->out) < STREAM_HIGH)
		events |= EPOLLIN;
	else
		events &= ~(uint32_t)EPOLLRDHUP; /* the rest of the answer is still to be read */
	loop_mod(&l->source, events);
}

static void connected(struct link *l)
{
	int error = net_error(l->source.fd);

	if (error) {
		link_lost(l, strerror(error));
		return;
	}
	member_connected(l->member->member);
	greet(l);
	link_watch(l);
}

static void link_ready(struct loop_source *source, uint32_t events)
{
	struct link *l = (struct link *)source;

	if (l->state == LINK_CONNECTING) {
		connected(l);
		return;
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
		link_read(l);
	if (l->state == LINK_GONE)
		return;
	struct session *s = l->session;
	link_watch(l);
	if (s && s->link == l && l->state == LINK_BOUND)
		session_run(s); /* there may be room in l->out again */
}

static void link_expired(struct loop_timer *t)
{
	lose(container_of(t, struct link, timer), "it does not answer", true);
}

struct link *link_open(struct bolt_member *m, struct session *s)
{
	struct link *l = calloc(1, sizeof(*l));
	int fd = l ? net_connect(&m->member->conf->bolt) : -1;

	if (fd < 0) {
		free(l);
		return NULL;
	}
	*l = (struct link){
		.source = {.fd = fd, .events = EPOLLOUT, .ready = link_ready},
		.front = s->front,
		.member = m,
		.principal = s->principal,
		.session = s,
		.state = LINK_CONNECTING,
	};
	loop_timer_init(&l->timer, link_expired);
	if (loop_add(s->front->proxy->loop, &l->source) < 0) {
		close(fd);
		free(l);
		return NULL;
	}
	net_keep_alive(fd);
	(void)loop_timer_set(s->front->proxy->loop, &l->timer, s->front->proxy->conf->connect_ms);
	l->principal->links++;
	list_append(&m->busy, &l->node);
	s->link = l;
	return l;
}
