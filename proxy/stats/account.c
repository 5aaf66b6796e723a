/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include "log.h"
#include "proxy.h"
#include "log/access_log.h"

static int64_t now(const struct client *c)
{
	return loop_now_ms(c->proxy->loop);
}

void account_waiting(struct proxy *p)
{
	history_held(&p->history, p->no_master_since_ms ? p->queue.writes.len : 0);
}

void account_connection(struct proxy *p)
{
	p->connections++;
	rate_add(&p->connection_rate, loop_now_ms(p->loop));
}

void account_bytes(struct client *c)
{
	if (!c->account.first_byte)
		c->account.first_byte = now(c);
}

void account_head(struct client *c, const struct http_head *h)
{
	account_bytes(c);
	c->account.head = c->account.waiting_since = now(c);
	if (c->proxy->access_log)
		c->account.line = access_log_line(h);
}

void account_start(struct client *c, struct member *m)
{
	struct account *a = &c->account;

	if (a->member && a->member != m)
		a->member->meter.redispatches++;
	a->member = m;
	a->start = now(c);
	a->waited += a->start - a->waiting_since;
	a->connected = 0;
}

void account_connected(struct client *c)
{
	c->account.connected = now(c);
}

void account_again(struct client *c)
{
	c->account.waiting_since = now(c);
}

void account_answer(struct client *c, unsigned status, bool own)
{
	c->account.answered = now(c);
	c->account.status = status;
	c->account.own = own;
}

static struct timing timing_of(const struct account *a, int64_t end)
{
	bool members = a->answered && !a->own && a->connected;

	return (struct timing){
		.request = a->head ? a->head - a->first_byte : -1,
		.queue = a->start ? a->waited : -1,
		.connect = a->connected ? a->connected - a->start : -1,
		.answer = members ? a->answered - a->connected : -1,
		.active = a->first_byte ? end - a->first_byte : -1,
	};
}

char account_ended_by(const struct client *c)
{
	static const struct {
		unsigned status;
		char who;
	} own[] = {{408, 'c'}, {502, 'S'}, {503, 'Q'}, {504, 's'}};
	const struct account *a = &c->account;

	/* In mid-answer a member's failure shows only in that its connection is gone. */
	if (c->state == CLIENT_RUNNING && !c->x.upstream)
		return 'S';
	if (c->state != CLIENT_FLUSHING || c->out.len)
		return 'C';
	for (size_t i = 0; a->own && i < ARRAY_SIZE(own); i++) {
		if (a->status == own[i].status)
			return own[i].who;
	}
	return a->own && a->status >= 400 ? 'P' : '-';
}

static void count_abort(struct client *c)
{
	char who = account_ended_by(c);
	struct member *m = c->account.member;

	if (who == 'C' || who == 'c') {
		c->proxy->meter.client_aborts++;
		if (m)
			m->meter.client_aborts++;
	} else if ((who == 'S' || who == 's') && m) {
		m->meter.member_aborts++;
	}
}

void account_end(struct client *c)
{
	struct account *a = &c->account;
	struct proxy *p = c->proxy;

	if (a->head || a->status) {
		struct timing t = timing_of(a, now(c));
		meter_add(&p->meter, &t, a->status, now(c));
		history_request(&p->history, &t, a->status);
		if (a->member)
			meter_add(&a->member->meter, &t, a->own ? 0 : a->status, now(c));
		count_abort(c);
		access_log_request(c, &t);
	}
	free(a->line);
	*a = (struct account){0};
}

void account_event(struct proxy *p, int level, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_at((enum log_level)level, "%s", text);
	history_event(&p->history, boottime_ms(), text);
}
