/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The connection is kept between requests and watched meanwhile: the server's close, or any byte
 * nobody asked for, ends it at once.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include "http_client.h"

enum client_state {
	CLIENT_IDLE, /* with or without a kept connection */
	CLIENT_CONNECTING,
	CLIENT_SENDING,
	CLIENT_RECEIVING,
	CLIENT_FAILED, /* done is called from the timer */
};

struct http_client {
	struct loop_source source; /* first: the loop hands it back; fd -1 without a connection */
	struct loop_timer timer;
	struct loop *loop;
	struct sockaddr_in to;
	size_t max_body;

	enum client_state state;
	bool reused; /* the connection carried a request before */
	bool may_retry;
	bool is_head;
	int64_t started_ms;
	const char *why;
	int error;
	struct buf request;
	size_t sent;
	http_done_fn *done;
	void *arg;

	struct buf in; /* unparsed bytes */
	bool have_head;
	unsigned status;
	enum http_framing framing;
	bool keep_alive;
	uint64_t left; /* of a body with a length */
	struct http_chunked chunked;
	struct buf body;
};

static void disconnect(struct http_client *c)
{
	if (c->source.fd < 0)
		return;
	loop_del(&c->source);
	close(c->source.fd);
	c->source.fd = -1;
}

static const char *error_text(struct http_client *c, int error)
{
	c->error = error;
	return strerror(error);
}

static void reset_answer(struct http_client *c)
{
	buf_free(&c->in);
	buf_free(&c->body);
	c->have_head = false;
	c->status = 0;
	c->chunked = (struct http_chunked){0};
}

/* Calls done last and touches nothing afterwards: done may have freed c. */
static void finish(struct http_client *c, unsigned status, const char *why)
{
	_cleanup_buf_ struct buf body = c->body;
	struct http_result r = {
		.status = status,
		.body = {buf_str(&body), status ? body.len : 0},
		.why = why,
		.error = c->error,
		.took_ms = boottime_ms() - c->started_ms,
	};
	http_done_fn *done = c->done;
	void *arg = c->arg;

	c->body = (struct buf){0};
	if (!status || !c->keep_alive || c->in.len)
		disconnect(c);
	reset_answer(c);
	buf_free(&c->request);
	loop_timer_del(&c->timer);
	c->state = CLIENT_IDLE;
	loop_mod(&c->source, EPOLLIN);
	done(arg, &r);
}

/* Ends the request at the next turn of the loop. */
static void fail_later(struct http_client *c, const char *why)
{
	disconnect(c);
	c->why = why;
	c->state = CLIENT_FAILED;
	(void)loop_timer_set(c->loop, &c->timer, 0);
}

static void client_ready(struct loop_source *s, uint32_t events);

static void connect_anew(struct http_client *c)
{
	disconnect(c);
	reset_answer(c);
	c->sent = 0;
	c->error = 0;
	c->reused = false;
	c->state = CLIENT_CONNECTING;
	int fd = net_connect(&c->to);
	if (fd < 0) {
		fail_later(c, error_text(c, errno));
		return;
	}
	c->source = (struct loop_source){.fd = fd, .events = EPOLLOUT, .ready = client_ready};
	if (loop_add(c->loop, &c->source) < 0) {
		c->error = errno;
		fail_later(c, "too many connections");
	}
}

/* The connection broke: a kept one may simply have been closed by the server in the meantime. */
static void broken(struct http_client *c, const char *why)
{
	if (c->reused && c->may_retry && !c->have_head && !c->in.len)
		connect_anew(c);
	else
		finish(c, 0, why);
}

static int take_head(struct http_client *c)
{
	struct http_head h;
	int r = http_parse_response(buf_str(&c->in), c->in.len,
		(struct slice){c->is_head ? "HEAD" : "", c->is_head ? 4 : 0}, &h);

	if (r <= 0)
		return r;
	buf_consume(&c->in, (size_t)r);
	if (h.status < 200)
		return h.status == 101 ? -1 : 1;
	c->have_head = true;
	c->status = h.status;
	c->framing = h.framing;
	c->keep_alive = h.keep_alive;
	c->left = h.content_length;
	return 1;
}

/* 1 when c->in was used up or the body is complete, -1 when it is malformed. */
static int take_chunks(struct http_client *c)
{
	while (!c->chunked.done && c->in.len) {
		struct slice data;
		long n = http_chunked_next(&c->chunked, c->in.data, c->in.len, &data);
		if (n < 0)
			return -1;
		buf_add(&c->body, data.p, data.n);
		buf_consume(&c->in, (size_t)n);
	}
	return 1;
}

static int take_body(struct http_client *c)
{
	size_t n = c->in.len;

	if (c->framing == HTTP_BODY_CHUNKED)
		return take_chunks(c);
	if (c->framing == HTTP_BODY_NONE)
		return 1;
	if (c->framing == HTTP_BODY_LENGTH && n > c->left)
		n = (size_t)c->left;
	buf_add(&c->body, buf_str(&c->in), n);
	buf_consume(&c->in, n);
	c->left -= c->framing == HTTP_BODY_LENGTH ? n : 0;
	return 1;
}

static bool complete(const struct http_client *c, bool closed)
{
	switch (c->framing) {
	case HTTP_BODY_NONE:
		return true;
	case HTTP_BODY_LENGTH:
		return c->left == 0;
	case HTTP_BODY_CHUNKED:
		return c->chunked.done;
	case HTTP_BODY_UNTIL_CLOSE:
		return closed;
	}
	return false;
}

/* Looks at what has arrived; closed: nothing more will. */
static void take_input(struct http_client *c, bool closed)
{
	int r = 1;

	while (r > 0 && !c->have_head)
		r = take_head(c);
	if (r > 0)
		r = take_body(c);
	if (r < 0 || (r > 0 && c->framing == HTTP_BODY_LENGTH && c->left > c->max_body) ||
		!buf_ok(&c->body))
		finish(c, 0, r < 0 ? "malformed answer" : "answer too large");
	else if (c->body.len > c->max_body)
		finish(c, 0, "answer too large");
	else if (c->have_head && complete(c, closed))
		finish(c, c->status, "");
	else if (closed)
		broken(c, "connection closed");
}

static void client_receive(struct http_client *c)
{
	char *dst = buf_reserve(&c->in, 4096);
	ssize_t n = dst ? recv(c->source.fd, dst, 4096, 0) : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		broken(c, error_text(c, errno));
		return;
	}
	c->in.len += (size_t)n;
	take_input(c, n == 0);
}

static void client_send(struct http_client *c)
{
	while (c->sent < c->request.len) {
		ssize_t n = send(c->source.fd, c->request.data + c->sent, c->request.len - c->sent,
			MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			broken(c, error_text(c, errno));
			return;
		}
		c->sent += (size_t)n;
	}
	bool all = c->sent == c->request.len;
	c->state = all ? CLIENT_RECEIVING : CLIENT_SENDING;
	loop_mod(&c->source, EPOLLIN | (all ? 0 : EPOLLOUT));
}

static void client_connected(struct http_client *c)
{
	int error = net_error(c->source.fd);

	if (error)
		finish(c, 0, error_text(c, error));
	else
		client_send(c);
}

static void client_ready(struct loop_source *s, uint32_t events)
{
	struct http_client *c = (struct http_client *)s;

	switch (c->state) {
	case CLIENT_IDLE:
		disconnect(c);
		break;
	case CLIENT_CONNECTING:
		client_connected(c);
		break;
	case CLIENT_SENDING:
		if (events & EPOLLOUT)
			client_send(c);
		else
			client_receive(c);
		break;
	case CLIENT_RECEIVING:
		client_receive(c);
		break;
	case CLIENT_FAILED:
		break;
	}
}

static void client_expired(struct loop_timer *t)
{
	struct http_client *c =
		(struct http_client *)((char *)t - offsetof(struct http_client, timer));

	finish(c, 0, c->state == CLIENT_FAILED ? c->why : "timeout");
}

struct http_client *http_client_new(struct loop *l, const struct sockaddr_in *to, size_t max_body)
{
	struct http_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->loop = l;
	c->to = *to;
	c->max_body = max_body;
	c->source.fd = -1;
	loop_timer_init(&c->timer, client_expired);
	return c;
}

void http_client_cancel(struct http_client *c)
{
	if (c->state == CLIENT_IDLE)
		return;
	loop_timer_del(&c->timer);
	disconnect(c);
	reset_answer(c);
	buf_free(&c->request);
	c->state = CLIENT_IDLE;
}

void http_client_renew(struct http_client *c)
{
	http_client_cancel(c);
	disconnect(c);
}

void http_client_free(struct http_client *c)
{
	if (!c)
		return;
	http_client_renew(c);
	free(c);
}

bool http_client_busy(const struct http_client *c)
{
	return c->state != CLIENT_IDLE;
}

static void put_request(struct http_client *c, const char *method, const char *target,
	const char *fields, const char *body)
{
	char host[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &c->to.sin_addr, host, sizeof(host));
	buf_printf(&c->request, "%s %s HTTP/1.1\r\nHost: %s:%u\r\n%s", method, target, host,
		ntohs(c->to.sin_port), fields);
	if (*body || strcmp(method, "POST") == 0)
		buf_printf(&c->request, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
			strlen(body));
	buf_printf(&c->request, "\r\n%s", body);
}

void http_client_send(struct http_client *c, const char *method, const char *target,
	const char *fields, const char *body, int64_t timeout_ms, http_done_fn *done, void *arg)
{
	http_client_cancel(c);
	put_request(c, method, target, fields, body);
	c->done = done;
	c->arg = arg;
	c->sent = 0;
	c->error = 0;
	c->started_ms = boottime_ms();
	c->is_head = strcmp(method, "HEAD") == 0;
	c->may_retry = strcmp(method, "POST") != 0;
	(void)loop_timer_set(c->loop, &c->timer, timeout_ms);
	if (!buf_ok(&c->request)) {
		fail_later(c, "request too large");
	} else if (c->source.fd >= 0 && c->may_retry) {
		c->reused = true;
		c->state = CLIENT_SENDING;
		loop_mod(&c->source, EPOLLOUT);
	} else {
		connect_anew(c);
	}
}
