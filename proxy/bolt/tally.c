/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sys/socket.h>
#include "log/access_log.h"
#include "tally.h"

static int64_t now(const struct session *s)
{
	return loop_now_ms(s->front->proxy->loop);
}

void tally_ask(struct session *s)
{
	s->tally = (struct tally){.asked_ms = now(s)};
}

void tally_begin(struct session *s, struct bolt_member *m)
{
	s->tally.began_ms = now(s);
	s->tally.member = m;
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

static void count(struct meter *m, const struct timing *t, enum tally_end how, int64_t now_ms)
{
	meter_add(m, t, 0, now_ms);
	m->client_aborts += how == TALLY_LEFT;
	m->member_aborts += how == TALLY_LOST;
}

static const struct {
	char who, phase;
	unsigned status; /* as HTTP would have it, for the history */
} ends[] = {
	[TALLY_DONE] = {'-', '-', 200},
	[TALLY_LOST] = {'S', 'D', 502},
	[TALLY_WAITED] = {'Q', 'Q', 503},
	[TALLY_LEFT] = {'C', 'D', 0},
};

static const char *reason_of(const struct session *s)
{
	if (!s->tally.member)
		return "none";
	if (!s->demand.read)
		return "master";
	if (s->demand.mark)
		return "bookmark";
	return s->front->proxy->conf->balance == BALANCE_ROUNDROBIN ? "turn" : "least";
}

static void client_address(const struct session *s, char text[static NET_ADDRESS_MAX])
{
	struct sockaddr_storage from = {0};
	socklen_t len = sizeof(from);

	if (!s->from)
		(void)getpeername(s->source.fd, (struct sockaddr *)&from, &len);
	net_address(s->from ? s->from : &from, text);
}

static void put_line(const struct session *s, const struct timing *t, enum tally_end how)
{
	char from[NET_ADDRESS_MAX];
	struct proxy *p = s->front->proxy;

	if (!p->access_log)
		return;
	client_address(s, from);
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

void tally_end(struct session *s, enum tally_end how)
{
	struct proxy *p = s->front->proxy;

	if (!s->tally.asked_ms)
		return;
	struct timing t = timing_of(&s->tally, now(s));
	count(&s->front->meter, &t, how, now(s));
	if (s->tally.member)
		count(&s->tally.member->meter, &t, how, now(s));
	history_request(&p->history, &t, ends[how].status);
	put_line(s, &t, how);
	s->tally = (struct tally){0};
}
