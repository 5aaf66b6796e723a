/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sys/socket.h>
#include "log/access_log.h"
#include "tally.h"
#include "tunnel.h"

static int64_t now(const struct front *f)
{
	return loop_now_ms(f->proxy->loop);
}

void tally_ask(struct session *s)
{
	s->tally = (struct tally){.asked_ms = now(s->front)};
}

void tally_begin(struct session *s, struct bolt_member *m)
{
	s->tally.began_ms = now(s->front);
	s->tally.member = m;
}

void tally_tunnel_ask(struct tunnel *t)
{
	t->tally = (struct tally){.asked_ms = now(t->front)};
}

void tally_tunnel_begin(struct tunnel *t)
{
	t->tally.began_ms = now(t->front);
	t->tally.member = t->to;
}

void tally_tunnel_connected(struct tunnel *t)
{
	t->tally.connected_ms = now(t->front);
}

void tally_tunnel_answered(struct tunnel *t)
{
	t->tally.answered_ms = now(t->front);
}

void tally_tunnel_again(struct tunnel *t)
{
	t->tally = (struct tally){.asked_ms = t->tally.asked_ms};
}

static struct timing timing_of(const struct tally *t, int64_t end_ms)
{
	return (struct timing){
		.request = -1,
		.queue = t->began_ms ? t->began_ms - t->asked_ms : -1,
		.connect = -1, /* part of the waiting */
		.answer = t->began_ms ? end_ms - t->began_ms : -1,
		.active = end_ms - t->asked_ms,
	};
}

static struct timing timing_of_tunnel(const struct tally *t, int64_t end_ms)
{
	return (struct timing){
		.request = -1,
		.queue = t->began_ms ? t->began_ms - t->asked_ms : -1,
		.connect = t->connected_ms ? t->connected_ms - t->began_ms : -1,
		.answer = t->answered_ms ? t->answered_ms - t->connected_ms : -1,
		.active = end_ms - t->asked_ms,
	};
}

static const struct {
	char who, phase;
	unsigned status; /* as HTTP would have it, for the history */
} ends[] = {
	[TALLY_DONE] = {'-', '-', 200},
	[TALLY_LOST] = {'S', 'D', 502},
	[TALLY_WAITED] = {'Q', 'Q', 503},
	[TALLY_LEFT] = {'C', 'D', 0},
	[TALLY_SLOW] = {'c', 'D', 0},
	[TALLY_REFUSED] = {'P', 'D', 400},
};

static void add(struct meter *m, const struct timing *t, enum tally_end how, int64_t now_ms)
{
	meter_add(m, t, 0, now_ms);
	m->client_aborts += how == TALLY_LEFT || how == TALLY_SLOW;
	m->member_aborts += how == TALLY_LOST;
}

static void count(
	struct front *f, const struct tally *t, const struct timing *timing, enum tally_end how)
{
	add(&f->meter, timing, how, now(f));
	if (t->member)
		add(&t->member->meter, timing, how, now(f));
}

/* The reason is the words of bramble-proxy(8). */
static const char *reader_by(const struct front *f)
{
	return f->proxy->conf->balance == BALANCE_ROUNDROBIN ? "turn" : "least";
}

static const char *reason_of(const struct session *s)
{
	if (!s->tally.member)
		return "none";
	if (!s->demand.read)
		return "master";
	return s->demand.mark ? "bookmark" : reader_by(s->front);
}

static const char *reason_of_tunnel(const struct tunnel *t)
{
	if (!t->tally.member)
		return "none";
	if (t->attempts > 1)
		return "again";
	return t->read ? reader_by(t->front) : "master";
}

/* Of one that came by TLS or in a WebSocket its socket does not know. */
static void client_address(
	const struct sockaddr_storage *known, int fd, char text[static NET_ADDRESS_MAX])
{
	struct sockaddr_storage from = {0};
	socklen_t len = sizeof(from);

	if (!known)
		(void)getpeername(fd, (struct sockaddr *)&from, &len);
	net_address(known ? known : &from, text);
}

static void put_line(const struct session *s, const struct timing *t, enum tally_end how)
{
	char from[NET_ADDRESS_MAX];
	struct proxy *p = s->front->proxy;

	if (!p->access_log)
		return;
	client_address(s->from, s->source.fd, from);
	access_log_put(p->access_log,
		&(struct access_entry){
			.from = from,
			.member = s->tally.member ? s->tally.member->member : NULL,
			.reason = reason_of(s),
			.timing = *t,
			.who = ends[how].who,
			.phase = how == TALLY_LEFT && !s->tally.member ? 'Q' : ends[how].phase,
			.attempts = s->tally.member != NULL,
			.line = s->demand.read ? "BOLT READ" : "BOLT WRITE",
		});
}

/* How far a connection had come that ended before its time. */
static char phase_of(const struct tally *t, enum tally_end how)
{
	if (ends[how].phase != 'D')
		return ends[how].phase;
	if (!t->member)
		return 'Q';
	return t->answered_ms ? 'D' : 'C';
}

static void put_tunnel_line(const struct tunnel *t, const struct timing *timing, enum tally_end how)
{
	char from[NET_ADDRESS_MAX];
	struct proxy *p = t->front->proxy;

	if (!p->access_log)
		return;
	client_address(t->from, t->client.fd, from);
	access_log_put(
		p->access_log, &(struct access_entry){
				       .from = from,
				       .member = t->tally.member ? t->tally.member->member : NULL,
				       .reason = reason_of_tunnel(t),
				       .timing = *timing,
				       .bytes = t->bytes,
				       .who = ends[how].who,
				       .phase = phase_of(&t->tally, how),
				       .attempts = t->attempts,
				       .line = t->read ? "BOLT PORT READ" : "BOLT PORT WRITE",
			       });
}

void tally_end(struct session *s, enum tally_end how)
{
	struct front *f = s->front;

	if (!s->tally.asked_ms)
		return;
	struct timing t = timing_of(&s->tally, now(f));
	count(f, &s->tally, &t, how);
	history_request(&f->proxy->history, &t, ends[how].status);
	put_line(s, &t, how);
	s->tally = (struct tally){0};
}

void tally_tunnel_end(struct tunnel *t, enum tally_end how)
{
	struct front *f = t->front;

	if (!t->tally.asked_ms)
		return;
	struct timing timing = timing_of_tunnel(&t->tally, now(f));
	count(f, &t->tally, &timing, how);
	put_tunnel_line(t, &timing, how);
	/* The curves show how quick answers are, and it may have been there for days. */
	timing.active = -1;
	history_request(&f->proxy->history, &timing, ends[how].status);
	t->tally = (struct tally){0};
}
