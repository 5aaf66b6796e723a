/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <sys/socket.h>
#include "client.h"
#include "exchange.h"
#include "flow.h"
#include "intake.h"
#include "log.h"
#include "members/member.h"
#include "pool.h"
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
	if (x->tx)
		tx_body_free(&x->tx->body);
	free(x->tx);
	x->tx = NULL;
}

static struct list *line_of(struct client *c)
{
	struct queue *q = &c->proxy->queue;

	if (c->x.pinned)
		return &c->x.pinned->pinned;
	if (c->x.write)
		return &q->writes;
	return c->x.bookmark.by ? &q->marked : &q->reads;
}

static bool others_claim(const struct member *m)
{
	const struct election *s = &m->proxy->election;

	return (s->claims & ~(UINT64_C(1) << m->index)) ||
	       (election_master(s) >= 0 && election_master(s) != m->index);
}

/*
 * May what is bound to a member go to it? One that says master while another does, too, must not
 * commit: what it does may be lost.
 */
static bool available(const struct member *m)
{
	return member_reachable(m) && !(m->role == NEO4J_MASTER && others_claim(m));
}

/* Is there a member that could take it, with room or not? */
static bool possible(const struct client *c)
{
	struct proxy *p = c->proxy;

	if (c->x.pinned)
		return available(c->x.pinned);
	if (c->x.write || !c->x.bookmark.by)
		return route_possible(p, c->x.write);
	return route_possible_since(p, c->x.bookmark.since_ms);
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

	m->errors += status >= 500; /* else it was the client's fault */
	drop_upstream(c);
	free_buffers(x);
	if (x->passed_on) {
		client_close(c); /* in mid-answer only a cut tells the client */
		return;
	}
	if (x->relayed)
		buf_free(&c->out);
	c->proxy->unknown += unknown;
	client_answer(c, status, code, unknown ? OUTCOME_UNKNOWN : "", "%s: %s%s", m->conf->name,
		why, unknown ? "; whether the request was carried out is unknown" : "");
}

static bool may_send_again(const struct exchange *x)
{
	if (x->answered || x->attempts >= ATTEMPTS_MAX)
		return false;
	/* An empty chunked body is gone all the same: its end was sent. */
	return !x->sent || (x->again && !x->request.bytes && x->request.from != HTTP_BODY_CHUNKED);
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
	queue_return(line_of(c), &x->waiter);
	account_again(c);
	client_enter(c, CLIENT_WAITING);
}

static void broken(struct client *c, const char *why)
{
	member_look(c->x.upstream->member);
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
	const struct member *m = u->member;
	bool clean = x->member_may_keep && x->request.done && !x->send_broken &&
		     !x->to_member.len && !x->from_member.len && !x->member_closed;

	x->upstream = NULL;
	if (clean)
		pool_keep(u);
	else
		pool_close(u);
	c->close |= !x->request.done;
	free_buffers(x);
	if (queue_len(&c->proxy->queue) || m->pinned.len)
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
	account_connected(c);
	pace_start(&x->pace, PACE_MS);
	x->upstream->connected = true;
	if (!x->to_member.len)
		buf_add(&x->to_member, x->head.data, x->head.len);
	client_enter(c, CLIENT_RUNNING);
	run(c, false, false);
}

static void connect_failed(struct client *c, int error)
{
	struct member *m = c->x.upstream->member;

	m->errors++;
	m->retries++;
	m->meter.connect_errors++;
	wait_again(c);
	member_connect_failed(m, error);
}

static void connection_done(struct client *c)
{
	int error = net_error(c->x.upstream->source.fd);

	if (error) {
		connect_failed(c, error);
	} else {
		member_connected(c->x.upstream->member);
		start_running(c);
	}
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
		int error = errno;
		wait_again(c);
		member_connect_failed(m, error);
		return;
	}
	m->total++;
	account_start(c, m);
	c->x.upstream = u;
	if (u->connected)
		start_running(c);
	else
		client_enter(c, CLIENT_CONNECTING);
}

struct turn {
	struct waiter *waiter;
	struct member *member;
};

static void consider(struct turn *t, const struct list *line, struct member *m)
{
	struct waiter *w = m && member_has_room(m) ? queue_first(line) : NULL;

	if (w && (!t->waiter || queue_before(w, t->waiter)))
		*t = (struct turn){w, m};
}

/* Each may need another member: one that finds none does not keep those behind it waiting. */
static void consider_marked(struct turn *t, struct proxy *p)
{
	for (struct waiter *w = queue_first(&p->queue.marked); w; w = queue_next(w)) {
		struct member *m = route_read_since(p, client_of(w)->x.bookmark.since_ms);
		if (!m)
			continue;
		if (!t->waiter || queue_before(w, t->waiter))
			*t = (struct turn){w, m};
		return;
	}
}

/* A client that sends its body or takes its answer too slowly gives its place to one that waits. */
static void cut_slow(struct member *m)
{
	for (struct list_node *n = m->busy.first, *next; n; n = next) {
		struct client *c = container_of(n, struct upstream, node)->client;
		next = n->next;
		if (c->state == CLIENT_RUNNING && flow_too_slow(c))
			exchange_expired(c);
	}
}

void exchange_make_room(struct proxy *p)
{
	for (struct member *m = NULL; (m = members_next(p, m));) {
		if (!member_has_room(m) && (queue_len(&p->queue) || m->pinned.len))
			cut_slow(m);
	}
}

/* Whose turn it is among those that can be placed. */
static struct turn next_turn(struct proxy *p)
{
	struct turn t = {0};

	if (p->queue.writes.len)
		consider(&t, &p->queue.writes, members_master(p));
	if (p->queue.reads.len)
		consider(&t, &p->queue.reads, route_read(p));
	if (p->queue.marked.len)
		consider_marked(&t, p);
	for (struct member *m = NULL; (m = members_next(p, m));) {
		if (m->pinned.len && available(m))
			consider(&t, &m->pinned, m);
	}
	return t;
}

void exchange_dispatch(struct proxy *p)
{
	if (p->dispatching)
		return;
	p->dispatching = true;
	for (struct turn t; (t = next_turn(p)).waiter;) {
		struct client *c = client_of(t.waiter);
		queue_serve(&p->queue, t.waiter);
		if (!c->x.write && !c->x.pinned)
			route_chosen(p, t.member);
		start(c, t.member);
	}
	p->dispatching = false;
	queue_note_length(&p->queue);
	account_waiting(p);
}

static void refuse(struct client *c, const char *why)
{
	c->proxy->refused++;
	free_buffers(&c->x);
	client_answer(c, 503, "Bramble.TransientError.NoMember", "Retry-After: 5\r\n", "%s", why);
}

static const char *why_none(const struct client *c)
{
	if (c->x.pinned && member_reachable(c->x.pinned))
		return "another member claims to be the master, too";
	if (c->x.pinned)
		return "the member that has the transaction is not available";
	if (c->x.bookmark.by && !c->x.write)
		return "no member is known to have what the client wrote";
	return c->x.write ? members_why_no_master(c->proxy) : "no member is available";
}

/* As Neo4j says it, so that clients do what they do for an expired one. */
static void answer_no_transaction(struct client *c)
{
	bool query = c->x.tx && c->x.tx->api == TX_QUERY;

	free_buffers(&c->x);
	if (query)
		client_answer(c, 404, "Neo.ClientError.Request.Invalid", "",
			"Transaction was not found. It may have timed out and therefore rolled "
			"back.");
	else
		client_answer(c, 404, "Neo.ClientError.Transaction.TransactionNotFound", "",
			"Unrecognized transaction id. Transaction may have timed out and been "
			"rolled back.");
}

void exchange_lose_pinned(struct member *m)
{
	while (m->pinned.len) {
		struct waiter *w = queue_first(&m->pinned);
		queue_remove(w);
		answer_no_transaction(client_of(w));
	}
}

/*
 * Into its line. When nobody can be placed the line is bounded, and who has asked for most has to
 * go: that is the last one.
 */
static void enqueue(struct client *c)
{
	struct proxy *p = c->proxy;
	struct list *line = line_of(c);
	bool held = !possible(c);

	client_enter(c, CLIENT_WAITING);
	queue_push(&p->queue, line, &c->x.waiter);
	p->held_total += held;
	if (held && line->len > p->conf->hold_max) {
		struct waiter *last = queue_last(line);
		queue_remove(last);
		refuse(client_of(last), why_none(client_of(last)));
	}
}

void exchange_begin(struct client *c, const struct http_head *h)
{
	account_head(c, h); /* before its bytes go */
	enum intake r = intake_request(c, h);

	c->proxy->total++;
	switch (r) {
	case INTAKE_NO_MEMORY:
		client_close(c);
		return;
	case INTAKE_TRACE:
		client_answer(c, 501, "Bramble.ClientError.Request", "", "TRACE is not served");
		return;
	case INTAKE_ODD:
		c->proxy->bad_requests++;
		client_answer(c, 400, "Bramble.ClientError.Request", "",
			"the target has segments \".\" or \"..\"");
		return;
	case INTAKE_LAST:
		client_answer_options(c);
		return;
	case INTAKE_NO_LIMIT:
		c->proxy->bad_requests++;
		client_answer(c, 400, "Bramble.ClientError.Request", "",
			"Max-Forwards is not one number");
		return;
	case INTAKE_NOBODYS:
		answer_no_transaction(c);
		return;
	case INTAKE_OK:
		break;
	}
	/* One that has not answered yet is not dead: a proxy may just have begun. */
	if (c->x.pinned && c->x.pinned->role == NEO4J_DOWN &&
		(c->x.pinned->down_since_ms || c->x.pinned->admin == MEMBER_MAINT)) {
		answer_no_transaction(c);
		return;
	}
	enqueue(c);
	exchange_dispatch(c->proxy);
}

/* May it have written through m, which is not the master any more? */
static bool may_write(const struct exchange *x, const struct member *m)
{
	return x->write || (x->pinned && m->index == m->proxy->last_master);
}

void exchange_cut_all(struct member *m, bool writes_only, const char *why)
{
	for (struct list_node *n = m->busy.first, *next; n; n = next) {
		struct client *c = container_of(n, struct upstream, node)->client;
		next = n->next;
		if (!writes_only || may_write(&c->x, m))
			broken(c, why);
	}
}

void exchange_give_up(struct client *c)
{
	if (c->state == CLIENT_WAITING) {
		queue_remove(&c->x.waiter);
		refuse(c, "this proxy ends");
	} else if ((c->state == CLIENT_CONNECTING || c->state == CLIENT_RUNNING) &&
		   !c->x.passed_on) {
		fail(c, 502, "Bramble.TransientError.MemberLost",
			"this proxy ends before it has answered");
	}
	if (c->state == CLIENT_FLUSHING)
		client_run(c);
}

void exchange_expired(struct client *c)
{
	if (c->state == CLIENT_WAITING) {
		queue_remove(&c->x.waiter);
		refuse(c, possible(c) ? "all members are busy" : why_none(c));
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
