/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include "bridge.h"
#include "net.h"
#include "websocket.h"

#define FRAME_MAX 32768u
#define PAIR_MAX 16384 /* on its way to the far end, which may not take it for long */

void bridge_close(struct bridge *b)
{
	if (b->gone)
		return;
	b->gone = true;
	loop_timer_del(&b->timer);
	loop_del(&b->outer);
	loop_del(&b->inner);
	b->ops->free(b);
	close(b->outer.fd);
	close(b->inner.fd);
	stream_wipe(&b->inward); /* a password may be on its way */
	stream_free(&b->outward);
	budget_hold(&b->front->proxy->budget, &b->held, 0);
	list_append(&b->front->gone_bridges, &b->node);
	front_kick(b->front);
}

void bridges_sweep(struct front *f)
{
	while (f->gone_bridges.first) {
		struct bridge *b = container_of(f->gone_bridges.first, struct bridge, node);
		list_remove(&b->node);
		free(b);
	}
}

static uint32_t wants(bool in, bool out)
{
	return (in ? EPOLLIN : 0u) | (out ? EPOLLOUT : 0u);
}

/* The far end has taken most of what it got. */
static bool takes(const struct bridge *b)
{
	struct pollfd inner = {.fd = b->inner.fd, .events = POLLOUT};

	return poll(&inner, 1, 0) == 1;
}

/* For what comes from the client. When there is none, the far end has to take something first. */
static bool has_room(const struct bridge *b)
{
	size_t n = stream_len(&b->inward);

	return budget_half(&b->front->proxy->budget) ? !n && takes(b) : n < STREAM_HIGH;
}

/* What lies in the socket, too. */
static size_t left_of(const struct bridge *b)
{
	int untaken = net_untaken(b->outer.fd);

	return stream_len(&b->outward) + (untaken > 0 ? (size_t)untaken : 0);
}

/* It may take long, but not stand still. */
static void await_progress(struct bridge *b)
{
	b->left = left_of(b);
	(void)loop_timer_set(b->front->proxy->loop, &b->timer, b->front->proxy->conf->client_ms);
}

void bridge_watch(struct bridge *b)
{
	uint64_t ignored = 0;

	if (b->gone)
		return;
	if (b->ops->send(b) < 0 ||
		(!b->inner_ended && stream_send(&b->inward, b->inner.fd, &ignored) < 0) ||
		(b->inner_ended && !stream_len(&b->outward) && !b->ops->unsent(b))) {
		bridge_close(b);
		return;
	}
	if (b->inner_ended && b->timer.heap_index < 0)
		await_progress(b);
	budget_hold(&b->front->proxy->budget, &b->held, b->inward.b.cap);
	bool room = has_room(b);
	uint32_t outer = wants(room, stream_len(&b->outward));
	if (b->ops->unsent(b) || (outer & EPOLLIN && b->ops->pending(b)))
		outer |= EPOLLOUT; /* for the latter, so that we come round for it */
	loop_mod(&b->outer, outer);
	if (b->inner_ended)
		loop_del(&b->inner); /* its hang-up would wake us for ever */
	else
		loop_mod(&b->inner, wants(stream_len(&b->outward) < STREAM_HIGH,
					    stream_len(&b->inward) || !room));
}

static void bridge_expired(struct loop_timer *t)
{
	struct bridge *b = container_of(t, struct bridge, timer);

	if (left_of(b) < b->left)
		await_progress(b);
	else
		bridge_close(b); /* it does not take the rest */
}

static void outer_ready(struct loop_source *source, uint32_t events)
{
	struct bridge *b = container_of(source, struct bridge, outer);

	int n = has_room(b) || events & (EPOLLHUP | EPOLLERR) ? b->ops->recv(b) : 0;
	if (n < 0)
		bridge_close(b);
	else
		bridge_watch(b);
}

static void inner_ready(struct loop_source *source, uint32_t events)
{
	struct bridge *b = container_of(source, struct bridge, inner);
	uint64_t ignored = 0;

	/* After a hang-up only what the socket holds still comes; not taking it would wake us for
	 * ever. */
	if (events & (EPOLLHUP | EPOLLERR) ||
		(events & EPOLLIN && stream_len(&b->outward) < STREAM_HIGH))
		b->inner_ended = stream_recv(&b->outward, b->inner.fd, &ignored) < 0;
	bridge_watch(b);
}

struct bridge *bridge_new(
	struct front *f, int fd, const struct bridge_ops *ops, void *wrap, int *far)
{
	int pair[2];
	struct bridge *b = calloc(1, sizeof(*b));

	if (!b || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
		free(b);
		return NULL;
	}
	const int most = PAIR_MAX;
	(void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &most, sizeof(most));
	*b = (struct bridge){
		.outer = {.fd = fd, .events = EPOLLIN, .ready = outer_ready},
		.inner = {.fd = pair[0], .events = EPOLLIN, .ready = inner_ready},
		.front = f,
		.ops = ops,
		.wrap = wrap,
	};
	if (loop_add(f->proxy->loop, &b->outer) < 0 || loop_add(f->proxy->loop, &b->inner) < 0) {
		loop_del(&b->outer);
		close(pair[0]);
		close(pair[1]);
		free(b);
		return NULL;
	}
	loop_timer_init(&b->timer, bridge_expired);
	list_append(&f->bridges, &b->node);
	*far = pair[1];
	return b;
}

/* --- a WebSocket */

struct ws {
	struct websocket in;
	struct stream wire; /* frames on their way to the client */
	bool closing;
};

static int ws_take(struct bridge *b, const uint8_t *p, size_t n)
{
	struct ws *ws = b->wrap;
	enum websocket_result r = websocket_take(&ws->in, p, n, &b->inward.b, &ws->wire.b);

	if (r == WEBSOCKET_CLOSED)
		b->inner_ended = ws->closing = true;
	/* ws_send stops far below: these are PONGs that it does not read. */
	return r == WEBSOCKET_BAD || stream_len(&ws->wire) >= STREAM_HIGH ? -1 : 0;
}

static int ws_recv(struct bridge *b)
{
	uint8_t bytes[16384];
	ssize_t n = recv(b->outer.fd, bytes, sizeof(bytes), 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n == 0 || ws_take(b, bytes, (size_t)n) < 0)
		return -1;
	return (int)n;
}

static int ws_send(struct bridge *b)
{
	struct ws *ws = b->wrap;
	uint64_t ignored = 0;

	while (stream_len(&b->outward) && stream_len(&ws->wire) < STREAM_LOW) {
		size_t n = stream_len(&b->outward);
		n = n < FRAME_MAX ? n : FRAME_MAX;
		websocket_put(&ws->wire.b, stream_bytes(&b->outward), n);
		stream_take(&b->outward, n);
		if (stream_send(&ws->wire, b->outer.fd, &ignored) < 0)
			return -1;
	}
	if (stream_send(&ws->wire, b->outer.fd, &ignored) < 0)
		return -1;
	return ws->closing && !stream_len(&ws->wire) ? -1 : 0;
}

static bool ws_pending(const struct bridge *b)
{
	(void)b;
	return false;
}

static bool ws_unsent(const struct bridge *b)
{
	const struct ws *ws = b->wrap;

	return stream_len(&ws->wire) > 0;
}

static void ws_free(struct bridge *b)
{
	struct ws *ws = b->wrap;

	stream_free(&ws->wire);
	free(ws);
}

static const struct bridge_ops ws_ops = {.recv = ws_recv,
	.send = ws_send,
	.pending = ws_pending,
	.unsent = ws_unsent,
	.free = ws_free};

int bridge_websocket(
	struct front *f, int fd, const struct http_head *h, struct slice rest, int *far)
{
	struct ws *ws = calloc(1, sizeof(*ws));
	struct bridge *b = NULL;

	if (ws && websocket_put_accept(&ws->wire.b, h) == 0)
		b = bridge_new(f, fd, &ws_ops, ws, far);
	if (!b) {
		if (ws)
			stream_free(&ws->wire);
		free(ws);
		return -1;
	}
	if (ws_take(b, (const uint8_t *)rest.p, rest.n) < 0)
		bridge_close(b);
	else
		bridge_watch(b);
	return 0;
}
