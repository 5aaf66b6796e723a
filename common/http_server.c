/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A connection reads a head, writes its answer, and goes on with what was pipelined behind it. One
 * that must close says so, shuts down its own direction and reads what still comes for a moment:
 * closing with unread bytes would reset the connection and could destroy the answer on its way.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include "http_server.h"
#include "net.h"

#define HEAD_MS 10000
#define ANSWER_MS 10000
#define IDLE_MS 60000
#define LINGER_MS 1000
#define ACCEPT_AGAIN_MS 500

enum conn_state {
	CONN_IDLE,    /* no byte of the next head yet */
	CONN_READING, /* some bytes of a head */
	CONN_WRITING,
	CONN_LINGERING,
};

struct conn {
	struct loop_source source; /* first: the loop hands it back */
	struct loop_timer timer;
	struct http_server *server;
	struct conn *prev, *next; /* in the order of last activity, the most recent first */
	enum conn_state state;
	bool close; /* after the answer being written */
	struct buf in, out;
};

struct http_server {
	struct loop_source source;
	struct loop_timer accept_timer; /* after descriptors ran out */
	struct loop *loop;
	size_t max_conns, nconns;
	http_handler_fn *fn;
	void *arg;
	bool post;
	struct conn *first, *last;
};

static void list_remove(struct http_server *s, struct conn *c)
{
	*(c->prev ? &c->prev->next : &s->first) = c->next;
	*(c->next ? &c->next->prev : &s->last) = c->prev;
	c->prev = c->next = NULL;
}

static void list_push(struct http_server *s, struct conn *c)
{
	c->next = s->first;
	*(s->first ? &s->first->prev : &s->last) = c;
	s->first = c;
}

static void conn_free(struct conn *c)
{
	list_remove(c->server, c);
	c->server->nconns--;
	loop_timer_del(&c->timer);
	loop_del(&c->source);
	close(c->source.fd);
	buf_free(&c->in);
	buf_free(&c->out);
	free(c);
}

/* The deadline runs from the entry into a state: a slow peer cannot stretch it byte by byte. */
static void conn_enter(struct conn *c, enum conn_state state)
{
	static const struct {
		int64_t ms;
		uint32_t events;
	} states[] = {
		[CONN_IDLE] = {IDLE_MS, EPOLLIN},
		[CONN_READING] = {HEAD_MS, EPOLLIN},
		[CONN_WRITING] = {ANSWER_MS, EPOLLOUT},
		[CONN_LINGERING] = {LINGER_MS, EPOLLIN},
	};

	if (state != c->state || c->timer.heap_index < 0)
		(void)loop_timer_set(c->server->loop, &c->timer, states[state].ms);
	c->state = state;
	loop_mod(&c->source, states[state].events);
	list_remove(c->server, c);
	list_push(c->server, c);
}

static void put_answer(struct conn *c, const struct http_head *h, struct http_answer *a)
{
	struct buf *out = &c->out;

	if (!buf_ok(&a->body) || !buf_ok(&a->fields)) {
		a->status = 500;
		buf_free(&a->body);
		buf_free(&a->fields);
	}
	buf_printf(out, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", a->status,
		http_reason(a->status), a->content_type, a->body.len);
	buf_add(out, buf_str(&a->fields), a->fields.len);
	if (c->close || h->minor == 0)
		buf_printf(out, "Connection: %s\r\n", c->close ? "close" : "keep-alive");
	buf_puts(out, "\r\n");
	if (!slice_eq(h->method, "HEAD"))
		buf_add(out, buf_str(&a->body), a->body.len);
}

static void refuse(const struct http_server *s, struct http_answer *a, unsigned status)
{
	a->status = status;
	if (status == 405)
		buf_printf(&a->fields, "Allow: GET, HEAD, OPTIONS%s\r\n", s->post ? ", POST" : "");
	buf_printf(&a->body, "%u %s\n", status, http_reason(status));
}

static bool method_allowed(const struct http_server *s, const struct http_head *h)
{
	return (s->post && slice_eq(h->method, "POST")) || slice_eq(h->method, "GET") ||
	       slice_eq(h->method, "HEAD") || slice_eq(h->method, "OPTIONS");
}

static bool has_body(const struct http_head *h)
{
	return h->framing == HTTP_BODY_CHUNKED ||
	       (h->framing == HTTP_BODY_LENGTH && h->content_length > 0);
}

/* parsed: what http_parse_request said of the bytes in c->in, not 0. */
static void answer(struct conn *c, const struct http_head *h, int parsed)
{
	struct http_answer a = {.status = 200, .content_type = "text/plain; charset=utf-8"};

	c->close = parsed < 0 || has_body(h) || !h->keep_alive;
	if (parsed < 0)
		refuse(c->server, &a, (unsigned)-parsed);
	else if (has_body(h))
		refuse(c->server, &a, 413);
	else if (!method_allowed(c->server, h))
		refuse(c->server, &a, 405);
	else
		c->server->fn(c->server->arg, h, &a);
	put_answer(c, h, &a);
	buf_free(&a.fields);
	buf_free(&a.body);
}

/* Writes what it can; -1 when the connection is to be closed at once. */
static int flush(struct conn *c)
{
	while (c->out.len) {
		ssize_t n = send(c->source.fd, c->out.data, c->out.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		buf_consume(&c->out, (size_t)n);
	}
	return 0;
}

static void start_lingering(struct conn *c)
{
	shutdown(c->source.fd, SHUT_WR);
	conn_enter(c, CONN_LINGERING);
}

/* Answers the requests that are complete in c->in until one answer has to wait. */
static void conn_run(struct conn *c)
{
	for (;;) {
		struct http_head h;
		int r = http_parse_request(buf_str(&c->in), c->in.len, &h);
		if (r == 0) {
			conn_enter(c, c->in.len ? CONN_READING : CONN_IDLE);
			return;
		}
		answer(c, &h, r);
		buf_consume(&c->in, r > 0 ? (size_t)r : c->in.len);
		loop_timer_del(&c->timer); /* the next head has its own deadline */
		if (!buf_ok(&c->out) || flush(c) < 0) {
			conn_free(c);
			return;
		}
		if (c->out.len) {
			conn_enter(c, CONN_WRITING);
			return;
		}
		if (c->close) {
			start_lingering(c);
			return;
		}
	}
}

static void conn_write(struct conn *c)
{
	if (flush(c) < 0)
		conn_free(c);
	else if (!c->out.len && c->close)
		start_lingering(c);
	else if (!c->out.len)
		conn_run(c);
}

static void conn_read(struct conn *c)
{
	char *dst = buf_reserve(&c->in, 4096);
	ssize_t n = dst ? recv(c->source.fd, dst, 4096, 0) : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_free(c);
		return;
	}
	if (c->state == CONN_LINGERING)
		return;
	c->in.len += (size_t)n;
	conn_run(c);
}

static void conn_ready(struct loop_source *s, uint32_t events)
{
	struct conn *c = (struct conn *)s;

	if (c->state == CONN_WRITING) {
		if (events & (EPOLLERR | EPOLLHUP))
			conn_free(c);
		else
			conn_write(c);
		return;
	}
	conn_read(c);
}

static void conn_expired(struct loop_timer *t)
{
	conn_free((struct conn *)((char *)t - offsetof(struct conn, timer)));
}

static void make_room(struct http_server *s)
{
	if (s->nconns < s->max_conns || !s->last)
		return;
	struct conn *victim = s->last;
	for (struct conn *c = s->last; c; c = c->prev) {
		if (c->state == CONN_IDLE) {
			victim = c;
			break;
		}
	}
	conn_free(victim);
}

static void accept_again(struct loop_timer *t)
{
	http_server_accept(container_of(t, struct http_server, accept_timer), true);
}

/* The backlog would keep the loop spinning: make one free, or others may by and by. */
static void out_of_descriptors(struct http_server *s)
{
	if (s->last) {
		conn_free(s->last);
		return;
	}
	loop_mod(&s->source, 0);
	(void)loop_timer_set(s->loop, &s->accept_timer, ACCEPT_AGAIN_MS);
}

static void server_ready(struct loop_source *source, uint32_t events)
{
	struct http_server *s = (struct http_server *)source;
	struct sockaddr_storage from;
	_cleanup_close_ int fd = net_accept(source->fd, &from);

	(void)events;
	if (fd < 0) {
		if (net_own_fault(errno))
			out_of_descriptors(s);
		return;
	}
	make_room(s);
	struct conn *c = calloc(1, sizeof(*c));
	if (!c)
		return;
	c->server = s;
	c->source = (struct loop_source){.fd = fd, .events = EPOLLIN, .ready = conn_ready};
	loop_timer_init(&c->timer, conn_expired);
	if (loop_add(s->loop, &c->source) < 0) {
		free(c);
		return;
	}
	(void)steal_fd(&fd);
	list_push(s, c);
	s->nconns++;
	conn_enter(c, CONN_READING);
}

struct http_server *http_server_on(
	struct loop *l, int fd, size_t max_conns, http_handler_fn *fn, void *arg, struct err *e)
{
	_cleanup_close_ int listener = fd;
	_cleanup_free_ struct http_server *s = calloc(1, sizeof(*s));

	if (!s) {
		err_errno(e, "HTTP server");
		return NULL;
	}
	*s = (struct http_server){
		.source = {.fd = listener, .events = EPOLLIN, .ready = server_ready},
		.loop = l,
		.max_conns = max_conns,
		.fn = fn,
		.arg = arg,
	};
	loop_timer_init(&s->accept_timer, accept_again);
	if (loop_add(l, &s->source) < 0) {
		err_errno(e, "HTTP server");
		return NULL;
	}
	(void)steal_fd(&listener);
	return steal(&s);
}

struct http_server *http_server_new(struct loop *l, const char *listen, size_t max_conns,
	http_handler_fn *fn, void *arg, struct err *e)
{
	int fd = net_listen(listen, e);

	if (fd < 0)
		return NULL;
	struct http_server *s = http_server_on(l, fd, max_conns, fn, arg, e);
	if (!s)
		err_prefix(e, "%s", listen);
	return s;
}

void http_server_accept(struct http_server *s, bool accept)
{
	loop_timer_del(&s->accept_timer);
	loop_mod(&s->source, accept ? EPOLLIN : 0);
}

int http_server_fd(const struct http_server *s)
{
	return s->source.fd;
}

void http_server_allow_post(struct http_server *s)
{
	s->post = true;
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	while (s->first)
		conn_free(s->first);
	loop_timer_del(&s->accept_timer);
	loop_del(&s->source);
	close(s->source.fd);
	free(s);
}

unsigned http_server_port(const struct http_server *s)
{
	return net_port(s->source.fd);
}

/* Both sides are hashed, so that neither content nor length shows in the time it takes. */
static bool equal_in_constant_time(struct slice a, struct slice b)
{
	unsigned char ha[crypto_generichash_BYTES], hb[crypto_generichash_BYTES];

	crypto_generichash(ha, sizeof(ha), (const unsigned char *)a.p, a.n, NULL, 0);
	crypto_generichash(hb, sizeof(hb), (const unsigned char *)b.p, b.n, NULL, 0);
	return sodium_memcmp(ha, hb, sizeof(ha)) == 0;
}

bool http_basic_auth_ok(const struct http_head *h, const char *user, const char *password)
{
	const struct http_field *f = http_find(h, FIELD_AUTHORIZATION);
	_cleanup_buf_ struct buf plain = {0};
	char want[1024];

	buf_printf(&plain, "%s:%s", user, password);
	if (!f || f->value.n < 6 || strncasecmp(f->value.p, "Basic ", 6) != 0 || !buf_ok(&plain) ||
		sodium_base64_ENCODED_LEN(plain.len, sodium_base64_VARIANT_ORIGINAL) > sizeof(want))
		return false;
	sodium_bin2base64(want, sizeof(want), (const unsigned char *)plain.data, plain.len,
		sodium_base64_VARIANT_ORIGINAL);
	struct slice got = {f->value.p + 6, f->value.n - 6};
	bool ok = equal_in_constant_time(got, (struct slice){want, strlen(want)});
	sodium_memzero(want, sizeof(want));
	sodium_memzero(plain.data, plain.len);
	return ok;
}
