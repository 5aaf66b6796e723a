/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include "client.h"
#include "exchange.h"
#include "flow.h"
#include "log.h"
#include "members/member.h"
#include "pool.h"
#include "rewrite.h"
#include "route.h"

#define OUTCOME_UNKNOWN "X-Bramble-Outcome: unknown\r\n"

static void upstream_ready(struct loop_source *s, uint32_t events);

static struct client *client_of(struct waiter *w)
{
	return container_of(container_of(w, struct exchange, waiter), struct client, x);
}

static void free_buffers(struct exchange *x)
{
	buf_free(&x->head);
	buf_free(&x->to_member);
	buf_free(&x->from_member);
}

/* Ends the connection to the member; its place is free for the next. */
static void drop_upstream(struct client *c)
{
	if (!c->x.upstream)
		return;
	pool_close(c->x.upstream);
	c->x.upstream = NULL;
	proxy_kick(c->proxy);
}

void exchange_abandon(struct client *c)
{
	queue_remove(&c->x.waiter);
	drop_upstream(c);
	free_buffers(&c->x);
}

/* Did the member possibly act on it, and would the client have to know? */
static bool outcome_unknown(const struct exchange *x)
{
	return x->sent && !x->safe;
}

static void fail(struct client *c, unsigned status, const char *code, const char *why)
{
	struct exchange *x = &c->x;
	struct member *m = x->upstream->member;
	bool unknown = outcome_unknown(x);

	m->errors++;
	drop_upstream(c);
	free_buffers(x);
	if (x->passed_on) {
		client_close(c); /* in mid-answer only a cut tells the client */
		return;
	}
	if (x->relayed)
		buf_free(&c->out);
	client_answer(c, status, code, unknown ? OUTCOME_UNKNOWN : "", "%s: %s%s", m->conf->name,
		why, unknown ? "; whether the request was carried out is unknown" : "");
}

static bool may_send_again(const struct exchange *x)
{
	if (x->answered || x->attempts >= ATTEMPTS_MAX)
		return false;
	/* An empty chunked body is gone all the same: its end was sent. */
	return !x->sent ||
	       (x->idempotent && !x->request.bytes && x->request.from != HTTP_BODY_CHUNKED);
}

/* Back to its place in the line, as if it had not been its turn. */
static void wait_again(struct client *c)
{
	struct exchange *x = &c->x;

	drop_upstream(c);
	x->member_closed = x->send_broken = false;
	if (x->sent) {
		buf_free(&x->to_member);
		x->deadline_ms = boottime_ms() + c->proxy->conf->hold_ms;
	}
	buf_free(&x->from_member);
	queue_return(&c->proxy->queue, &x->waiter, x->write);
	client_enter(c, CLIENT_WAITING);
}

static void broken(struct client *c, const char *why)
{
	if (may_send_again(&c->x)) {
		c->x.upstream->member->retries++;
		wait_again(c);
	} else {
		fail(c, 502, "Bramble.TransientError.MemberFailed", why);
	}
}

static void finish(struct client *c)
{
	struct exchange *x = &c->x;
	struct upstream *u = x->upstream;
	bool clean = x->member_may_keep && x->request.done && !x->send_broken &&
		     !x->to_member.len && !x->from_member.len && !x->member_closed;

	x->upstream = NULL;
	if (clean)
		pool_keep(u);
	else
		pool_close(u);
	c->close |= !x->request.done;
	free_buffers(x);
	if (c->proxy->queue.writes.len || c->proxy->queue.reads.len)
		proxy_kick(c->proxy);
	client_enter(c, CLIENT_FLUSHING);
}

static void run(struct client *c, bool client_readable, bool member_readable)
{
	const char *why = "";

	switch (flow_run(c, client_readable, member_readable, &why)) {
	case FLOW_GOING:
		flow_watch(c);
		break;
	case FLOW_DONE:
		finish(c);
		break;
	case FLOW_BROKEN:
		broken(c, why);
		break;
	case FLOW_BAD_ANSWER:
		fail(c, 502, "Bramble.DatabaseError.BadAnswer", why);
		break;
	case FLOW_BAD_REQUEST:
		c->proxy->bad_requests++;
		fail(c, 400, "Bramble.ClientError.Request", "the chunks sent to it are malformed");
		break;
	case FLOW_CLIENT_GONE:
		client_close(c);
		break;
	}
}

void exchange_watch(struct client *c)
{
	flow_watch(c);
}

void exchange_client_ready(struct client *c, uint32_t events)
{
	if ((events & EPOLLRDHUP) && !(events & EPOLLIN))
		client_close(c);
	else
		run(c, events & EPOLLIN, false);
}

/* Connected: the request goes out. */
static void start_running(struct client *c)
{
	struct exchange *x = &c->x;

	x->attempts++;
	x->upstream->connected = true;
	if (!x->to_member.len)
		buf_add(&x->to_member, x->head.data, x->head.len);
	client_enter(c, CLIENT_RUNNING);
	run(c, false, false);
}

static void connect_failed(struct client *c, int error)
{
	struct member *m = c->x.upstream->member;

	log_warn("%s: cannot connect: %s", m->conf->name, strerror(error));
	m->errors++;
	m->retries++;
	wait_again(c);
	member_suspect(m);
}

static void connection_done(struct client *c)
{
	int error = net_error(c->x.upstream->source.fd);

	if (error)
		connect_failed(c, error);
	else
		start_running(c);
}

static void upstream_ready(struct loop_source *s, uint32_t events)
{
	struct client *c = ((struct upstream *)s)->client;

	if (c->state == CLIENT_CONNECTING) {
		connection_done(c);
	} else {
		bool hung_up = events & (EPOLLERR | EPOLLHUP);
		if (hung_up && !(s->events & EPOLLIN))
			loop_del(s); /* flow_run reads the rest when there is room */
		run(c, false, events & (EPOLLIN | EPOLLERR | EPOLLHUP));
	}
	client_run(c);
}

static void start(struct client *c, struct member *m)
{
	struct upstream *u = pool_take(m, c, upstream_ready);

	if (!u) {
		log_warn("%s: cannot connect: %s", m->conf->name, strerror(errno));
		wait_again(c);
		member_suspect(m);
		return;
	}
	m->total++;
	c->x.upstream = u;
	if (u->connected)
		start_running(c);
	else
		client_enter(c, CLIENT_CONNECTING);
}

void exchange_dispatch(struct proxy *p)
{
	if (p->dispatching)
		return;
	p->dispatching = true;
	for (;;) {
		struct member *write = members_master(p), *read = route_read(p);
		struct waiter *w =
			queue_take(&p->queue, write && member_has_room(write), read != NULL);
		if (!w)
			break;
		struct client *c = client_of(w);
		if (!c->x.write)
			route_chosen(p, read);
		start(c, c->x.write ? write : read);
	}
	p->dispatching = false;
	queue_note_length(&p->queue);
}

/* "ADDRESS:PORT" that the client reached us at, for requests without a Host. */
static void local_address(const struct client *c, char *text, size_t size)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	char address[NET_ADDRESS_MAX];

	(void)getsockname(c->source.fd, (struct sockaddr *)&ss, &len);
	net_address(&ss, address);
	snprintf(text, size, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address,
		net_port(c->source.fd));
}

static void take_head(struct client *c, const struct http_head *h)
{
	struct exchange *x = &c->x;
	char from[NET_ADDRESS_MAX], host[NET_ADDRESS_MAX + 10];

	*x = (struct exchange){
		.write = route_is_write(h),
		.safe = route_is_safe(h->method),
		.idempotent = route_is_idempotent(h->method),
		.is_head = slice_eq(h->method, "HEAD"),
		.deadline_ms = boottime_ms() + c->proxy->conf->hold_ms,
	};
	net_address(&c->from, from);
	local_address(c, host, sizeof(host));
	rewrite_request(h, from, host, &x->head);
	relay_start(&x->request, h->framing, h->content_length, h->framing);
	buf_consume(&c->in, h->len);
}

static void refuse(struct client *c, const char *why)
{
	c->proxy->refused++;
	free_buffers(&c->x);
	client_answer(c, 503, "Bramble.TransientError.NoMember", "Retry-After: 5\r\n", "%s", why);
}

static const char *why_none(const struct client *c)
{
	return c->x.write ? election_why_none(&c->proxy->election) : "no member is available";
}

void exchange_begin(struct client *c, const struct http_head *h)
{
	struct proxy *p = c->proxy;
	bool trace = slice_eq(h->method, "TRACE");

	take_head(c, h);
	p->total++;
	if (!buf_ok(&c->x.head)) {
		client_close(c);
		return;
	}
	if (trace) { /* RFC 9110 9.3.8: it would show the fields that others added */
		client_answer(c, 501, "Bramble.ClientError.Request", "", "TRACE is not served");
		return;
	}
	bool possible = route_possible(p, c->x.write);
	struct list *line = c->x.write ? &p->queue.writes : &p->queue.reads;
	if (!possible && line->len >= p->conf->hold_max) {
		refuse(c, why_none(c));
		return;
	}
	p->held_total += !possible;
	queue_push(&p->queue, &c->x.waiter, c->x.write);
	client_enter(c, CLIENT_WAITING);
	exchange_dispatch(p);
}

void exchange_cut_all(struct member *m, bool writes_only, const char *why)
{
	for (struct list_node *n = m->busy.first, *next; n; n = next) {
		struct client *c = container_of(n, struct upstream, node)->client;
		next = n->next;
		if (!writes_only || c->x.write)
			broken(c, why);
	}
}

void exchange_expired(struct client *c)
{
	if (c->state == CLIENT_WAITING) {
		queue_remove(&c->x.waiter);
		refuse(c, route_possible(c->proxy, c->x.write) ? "all members are busy"
							       : why_none(c));
	} else if (c->state == CLIENT_CONNECTING) {
		connect_failed(c, ETIMEDOUT);
	} else if (!flow_waits_for_client(c)) {
		fail(c, 504, "Bramble.TransientError.Timeout", "it did not answer in time");
	} else if (c->x.passed_on || c->x.request.done) {
		client_close(c);
	} else {
		fail(c, 408, "Bramble.ClientError.Request", "the request's body did not arrive");
	}
}
