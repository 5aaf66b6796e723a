/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include "bolt/front.h"
#include "client.h"
#include "exchange.h"
#include "flow.h"
#include "handover/inherit.h"
#include "log.h"
#include "text.h"
#include "yield.h"

#define ACCEPT_BATCH 64
#define ACCEPT_AGAIN_MS 500
#define UNREAD_MS 10                /* what lies in sockets has been read then */
#define SMALL_MAX (BUDGET_FREE - 1) /* of `in`, when the budget is spent */

static const struct {
	uint32_t events;
	bool running; /* run() in exchange.c decides, after it has tried */
} states[] = {
	[CLIENT_IDLE] = {.events = EPOLLIN | EPOLLRDHUP},
	[CLIENT_HEAD] = {.events = EPOLLIN | EPOLLRDHUP},
	[CLIENT_WAITING] = {.events = EPOLLRDHUP},
	[CLIENT_CONNECTING] = {.events = EPOLLRDHUP},
	[CLIENT_RUNNING] = {.running = true},
	[CLIENT_FLUSHING] = {0}, /* flush() asks for EPOLLOUT when it could not write all */
	[CLIENT_LINGERING] = {.events = EPOLLIN},
	[CLIENT_GONE] = {0},
};

static int64_t deadline_ms(const struct client *c)
{
	const struct proxy_conf *conf = c->proxy->conf;
	int64_t now_ms = loop_now_ms(c->proxy->loop);

	switch (c->state) {
	case CLIENT_HEAD:
		return now_ms + HEAD_MS;
	case CLIENT_WAITING: /* not before the look at all lines that was just asked for */
		now_ms = boottime_ms();
		return c->x.deadline_ms > now_ms ? c->x.deadline_ms : now_ms;
	case CLIENT_CONNECTING:
		return now_ms + conf->connect_ms;
	case CLIENT_RUNNING:
		return now_ms + conf->server_ms;
	case CLIENT_LINGERING:
		return now_ms + LINGER_MS;
	case CLIENT_IDLE:
	case CLIENT_FLUSHING:
	case CLIENT_GONE:
		break;
	}
	return now_ms + conf->client_ms;
}

static void resume_accepting(struct proxy *p)
{
	if (p->listener.loop && !p->hearing)
		loop_mod(&p->listener, EPOLLIN);
}

/* What it has sent, while no member takes it. */
static void note_held(struct client *c)
{
	bool holds = c->state == CLIENT_HEAD || c->state == CLIENT_WAITING ||
		     c->state == CLIENT_CONNECTING;

	budget_hold(&c->proxy->budget, &c->held, holds ? c->in.cap + c->x.head.cap : 0);
}

void client_enter(struct client *c, enum client_state state)
{
	c->state = state;
	note_held(c);
	if (!states[state].running) {
		(void)loop_timer_at(c->proxy->loop, &c->timer, deadline_ms(c));
		loop_mod(&c->source, states[state].events);
	}
	if (state == CLIENT_IDLE) {
		buf_free(&c->in);
		buf_free(&c->out);
		list_append(&c->proxy->clients, &c->node); /* the longest idle come first */
		if (c->proxy->clients.len >= c->proxy->conf->maxconn)
			resume_accepting(c->proxy);
	}
}

/* Others, like Bolt's sessions, may have given descriptors back. */
static void accept_again(struct loop_timer *t)
{
	resume_accepting(container_of(t, struct proxy, accept_timer));
}

void client_close(struct client *c)
{
	struct proxy *p = c->proxy;

	if (c->state == CLIENT_GONE)
		return;
	account_end(c);
	exchange_abandon(c);
	c->state = CLIENT_GONE;
	note_held(c);
	loop_timer_del(&c->timer);
	loop_del(&c->source);
	if (c->source.fd >= 0)
		close(c->source.fd);
	list_append(&p->gone, &c->node);
	(*yield_crowd(p->crowds, &c->address))--;
	resume_accepting(p);
	proxy_kick(p);
}

void clients_sweep(struct proxy *p)
{
	while (p->gone.first) {
		struct client *c = container_of(p->gone.first, struct client, node);
		list_remove(&c->node);
		buf_free(&c->in);
		buf_free(&c->out);
		free(c);
	}
}

/* What has arrived of a request's body that nobody wants: often all of it. */
static void drop_body(struct client *c)
{
	_cleanup_buf_ struct buf scratch = {0};
	size_t before;

	do {
		before = c->in.len;
		buf_consume(&scratch, scratch.len);
		if (relay_move(&c->x.request, &c->in, &scratch) < 0)
			return;
	} while (c->in.len < before);
}

/* The proxy's own; fields is "" or complete lines. */
static void put_answer(
	struct client *c, unsigned status, const char *type, const char *fields, struct slice body)
{
	drop_body(c);
	c->close |= !c->keep_alive || !c->x.request.done || c->proxy->draining;
	account_answer(c, status, true);
	buf_printf(&c->out, "HTTP/1.1 %u %s\r\n%sContent-Length: %zu\r\n%sConnection: %s\r\n\r\n",
		status, http_reason(status), type, body.n, fields,
		c->close ? "close" : "keep-alive");
	if (!c->x.is_head)
		buf_add(&c->out, body.p, body.n);
	client_enter(c, CLIENT_FLUSHING);
	loop_mod(&c->source, EPOLLOUT);
}

void client_answer_options(struct client *c)
{
	put_answer(c, 200, "", "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n",
		(struct slice){"", 0});
}

void client_answer(struct client *c, unsigned status, const char *code, const char *fields,
	const char *fmt, ...)
{
	_cleanup_buf_ struct buf body = {0};
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	buf_printf(&body, "{\"results\":[],\"errors\":[{\"code\":\"%s\",\"message\":", code);
	text_json(&body, why);
	buf_puts(&body, "}]}\n");
	put_answer(c, status, "Content-Type: application/json\r\n", fields,
		(struct slice){buf_str(&body), body.len});
}

static void refuse_head(struct client *c, unsigned status)
{
	c->proxy->bad_requests++;
	c->keep_alive = false;
	client_answer(c, status, "Bramble.ClientError.Request", "",
		"the request is refused: %s (RFC 9112)", http_reason(status));
}

/* Others may have given some of the budget back then. */
static void refuse_starved(struct client *c)
{
	c->proxy->refused++;
	c->keep_alive = false;
	client_answer(c, 503, "Bramble.TransientError.NoRoom", "Retry-After: 5\r\n",
		"too much waits in this proxy: no head longer than %u bytes is taken for now",
		SMALL_MAX);
	client_run(c);
}

/* The connection goes on without us. */
static int give_away(struct client *c)
{
	int fd = c->source.fd;

	loop_del(&c->source);
	c->source.fd = -1;
	return fd;
}

static void upgrade(struct client *c, const struct http_head *h)
{
	struct slice rest = {c->in.data + h->len, c->in.len - h->len};

	bolt_serve_websocket(c->proxy, give_away(c), &c->address, h, &rest);
	client_close(c);
}

/* Starts on the request at the beginning of c->in; false when it is not complete yet. */
static bool take_request(struct client *c)
{
	struct http_head h;
	int r = http_parse_request(buf_str(&c->in), c->in.len, &h);

	if (r == 0)
		return false;
	if (r < 0) {
		refuse_head(c, (unsigned)-r);
		return true;
	}
	if (bolt_asked(c->proxy, &h)) {
		upgrade(c, &h);
		return true;
	}
	c->minor = h.minor;
	c->keep_alive = h.keep_alive && !c->proxy->draining;
	exchange_begin(c, &h);
	return true;
}

static int flush(struct client *c)
{
	while (c->out.len) {
		ssize_t n = send(c->source.fd, c->out.data, c->out.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		c->proxy->bytes_out += (uint64_t)n;
		c->given += (uint64_t)n;
		buf_consume(&c->out, (size_t)n);
	}
	if (!c->out.len)
		return 0;
	int r = errno == EAGAIN ? 0 : -1;
	loop_mod(&c->source, EPOLLOUT);
	return r;
}

/*
 * After a close a client that may still be sending must be listened to, or a reset would overtake
 * the answer (RFC 9112 9.6). One that announced the end itself has said all it had to say.
 */
static void next_request(struct client *c)
{
	account_end(c);
	if (c->close && !c->keep_alive && c->x.request.done && !c->in.len && !c->proxy->draining) {
		client_close(c);
	} else if (c->close) {
		shutdown(c->source.fd, SHUT_WR);
		client_enter(c, CLIENT_LINGERING);
	} else {
		/* What is answered before the next head is read is not about the last one. */
		c->x = (struct exchange){0};
		client_enter(c, c->in.len ? CLIENT_HEAD : CLIENT_IDLE);
	}
}

void client_run(struct client *c)
{
	for (;;) {
		if (c->state == CLIENT_HEAD) {
			if (!take_request(c))
				return;
		} else if (c->state == CLIENT_FLUSHING) {
			if (!buf_ok(&c->out) || flush(c) < 0) {
				client_close(c);
			} else if (c->out.len) {
				flow_await_taking(c);
				return;
			} else {
				next_request(c);
			}
		} else {
			return;
		}
	}
}

/* For a head and what comes with it: a body can wait in the socket. */
static size_t room_in(const struct client *c)
{
	const struct budget *b = &c->proxy->budget;

	if (c->state == CLIENT_LINGERING) /* which keeps nothing */
		return HTTP_MAX_HEAD;
	size_t most = HTTP_MAX_HEAD;
	if (budget_spent(b) || (budget_half(b) && c->in.len < SMALL_MAX))
		most = c->in.cap > BUDGET_FREE ? c->in.cap - 1 : SMALL_MAX; /* counted already */
	if (most > HTTP_MAX_HEAD)
		most = HTTP_MAX_HEAD;
	return c->in.len < most ? most - c->in.len : 0;
}

/* Some of a head, or what a lingering client still says. */
static void client_read(struct client *c)
{
	struct proxy *p = c->proxy;

	if (c->state == CLIENT_HEAD && !c->in.len && bolt_spoken(p, c->source.fd)) {
		bolt_serve(p, give_away(c));
		client_close(c);
		return;
	}
	size_t room = room_in(c);
	if (!room) {
		refuse_starved(c);
		return;
	}
	ssize_t n = recv(c->source.fd, p->scratch, room, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(c);
		return;
	}
	p->bytes_in += (uint64_t)n;
	if (c->state == CLIENT_LINGERING)
		return;
	buf_add(&c->in, p->scratch, (size_t)n);
	if (!buf_ok(&c->in)) {
		client_close(c);
		return;
	}
	account_bytes(c);
	if (c->state == CLIENT_IDLE)
		client_enter(c, CLIENT_HEAD);
	client_run(c);
	note_held(c);
}

static void client_ready(struct loop_source *s, uint32_t events)
{
	struct client *c = (struct client *)s;

	if (events & (EPOLLERR | EPOLLHUP)) {
		client_close(c);
		return;
	}
	switch (c->state) {
	case CLIENT_IDLE:
	case CLIENT_HEAD:
	case CLIENT_LINGERING:
		client_read(c);
		break;
	case CLIENT_WAITING:
	case CLIENT_CONNECTING:
		client_close(c); /* hung up */
		break;
	case CLIENT_RUNNING:
		exchange_client_ready(c, events);
		client_run(c);
		break;
	case CLIENT_FLUSHING:
		client_run(c);
		break;
	case CLIENT_GONE:
		break;
	}
}

static void client_expired(struct loop_timer *t)
{
	struct client *c = container_of(t, struct client, timer);

	if (flow_takes(c))
		return;
	if (c->state == CLIENT_HEAD) {
		c->keep_alive = false;
		client_answer(c, 408, "Bramble.ClientError.Request", "",
			"the request's head did not arrive within %d s", HEAD_MS / 1000);
	} else if (c->state == CLIENT_WAITING || c->state == CLIENT_CONNECTING ||
		   c->state == CLIENT_RUNNING) {
		exchange_expired(c);
	} else {
		client_close(c);
	}
}

/* Its deadline tells when a client began to owe a head. */
static int64_t yields_at_ms(const struct client *c)
{
	return c->timer.at_ms - HEAD_MS + HEAD_YIELDS_MS;
}

static struct debtor debtor_of(const struct client *c)
{
	return (struct debtor){
		*yield_crowd(c->proxy->crowds, &c->address), c->timer.at_ms - HEAD_MS};
}

static bool yields_before(const struct client *a, const struct client *b)
{
	const struct debtor of_a = debtor_of(a), of_b = debtor_of(b);

	return yield_before(&of_a, &of_b);
}

/*
 * The longest idle one; else, of those that owe a head, the oldest of the address with the most
 * connections. NULL when there is none, or when that has not had its time: *later_ms is when to
 * look again. One with unread bytes is passed over, but may owe a head all the same once they are
 * read.
 */
static struct client *who_yields(const struct proxy *p, int64_t *later_ms)
{
	struct client *first = NULL;
	int64_t now_ms = loop_now_ms(p->loop);

	for (struct list_node *n = p->clients.first; n; n = n->next) {
		struct client *c = container_of(n, struct client, node);
		if (c->state == CLIENT_IDLE)
			return c;
		if (c->state != CLIENT_HEAD || (first && !yields_before(c, first)))
			continue;
		if (yield_unread(c->source.fd))
			*later_ms = now_ms + UNREAD_MS;
		else
			first = c;
	}
	if (!first || yields_at_ms(first) <= now_ms)
		return first;
	if (yields_at_ms(first) < *later_ms)
		*later_ms = yields_at_ms(first);
	return NULL;
}

/*
 * May a newcomer come? *yields then has to go for it, NULL: nobody. Else no more are accepted until
 * one may.
 */
static bool has_room(struct proxy *p, struct client **yields)
{
	int64_t later_ms = INT64_MAX;

	*yields = NULL;
	if (p->clients.len < p->conf->maxconn)
		return true;
	*yields = who_yields(p, &later_ms);
	if (*yields)
		return true;
	loop_mod(&p->listener, 0); /* until somebody leaves, or */
	if (later_ms < INT64_MAX)
		(void)loop_timer_at(p->loop, &p->accept_timer, later_ms);
	return false;
}

static bool client_new(struct proxy *p, int fd, const struct sockaddr_storage *from, bool tls)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return false;
	c->proxy = p;
	c->tls = tls;
	c->address = yield_address(from);
	net_address(from, c->from);
	c->source = (struct loop_source){.fd = fd, .events = EPOLLIN, .ready = client_ready};
	loop_timer_init(&c->timer, client_expired);
	if (loop_add(p->loop, &c->source) < 0) {
		free(c);
		return false;
	}
	list_append(&p->clients, &c->node);
	(*yield_crowd(p->crowds, &c->address))++;
	account_connection(p);
	if (p->clients.len > p->clients_max)
		p->clients_max = p->clients.len;
	client_enter(c, CLIENT_HEAD); /* a newcomer that says nothing does not stay long */
	return true;
}

void client_adopt(struct proxy *p, int fd, const struct sockaddr_storage *from, bool tls)
{
	struct sockaddr_storage own = {0};
	socklen_t len = sizeof(own);
	struct client *yields;
	bool room = has_room(p, &yields);

	if (!from)
		(void)getpeername(fd, (struct sockaddr *)&own, &len);
	if (yields)
		client_close(yields);
	if (!room || !client_new(p, fd, from ? from : &own, tls))
		close(fd);
}

static void listener_ready(struct loop_source *s, uint32_t events)
{
	struct proxy *p = container_of(s, struct proxy, listener);
	struct client *yields;

	(void)events;
	for (int i = 0; i < ACCEPT_BATCH && has_room(p, &yields); i++) {
		struct sockaddr_storage from;
		int fd = net_accept(s->fd, &from);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
			log_warn("out of file descriptors with %zu clients", p->clients.len);
			loop_mod(s, 0); /* until somebody leaves, or */
			(void)loop_timer_set(p->loop, &p->accept_timer, ACCEPT_AGAIN_MS);
		}
		if (fd < 0)
			return;
		if (yields)
			client_close(yields); /* not before somebody is there to take the place */
		if (!client_new(p, fd, &from, false))
			close(fd);
	}
}

int clients_start(struct proxy *p, struct err *e)
{
	int fd = inherit_listen(p->conf->http_listen, e);

	loop_timer_init(&p->accept_timer, accept_again);
	p->listener = (struct loop_source){.fd = fd, .ready = listener_ready};
	if (fd < 0)
		return -1;
	return loop_add(p->loop, &p->listener) < 0 ? err_errno(e, "%s", p->conf->http_listen) : 0;
}

void clients_accept(struct proxy *p)
{
	loop_mod(&p->listener, EPOLLIN);
}

void clients_stop_accepting(struct proxy *p)
{
	if (p->listener.fd < 0)
		return;
	loop_timer_del(&p->accept_timer);
	loop_del(&p->listener);
	close(p->listener.fd);
	p->listener.fd = -1;
}

void clients_drain(struct proxy *p)
{
	clients_stop_accepting(p);
	for (struct list_node *n = p->clients.first, *next; n; n = next) {
		struct client *c = container_of(n, struct client, node);
		next = n->next;
		c->keep_alive = false;
		c->close |= c->state == CLIENT_FLUSHING;
		if (c->state == CLIENT_IDLE || c->state == CLIENT_HEAD)
			client_close(c);
	}
}

void clients_give_up(struct proxy *p)
{
	for (struct list_node *n = p->clients.first, *next; n; n = next) {
		struct client *c = container_of(n, struct client, node);
		next = n->next;
		exchange_give_up(c);
	}
}

void clients_stop(struct proxy *p)
{
	while (p->clients.first)
		client_close(container_of(p->clients.first, struct client, node));
	clients_sweep(p);
	if (p->listener.fd >= 0)
		close(p->listener.fd);
}
