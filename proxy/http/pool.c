/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <sys/socket.h>
#include "pool.h"

#define UNASKED_MS 5

void pool_close(struct upstream *u)
{
	list_remove(&u->node);
	loop_del(&u->source);
	close(u->source.fd);
	free(u);
}

static void idle_ready(struct loop_source *s, uint32_t events)
{
	(void)events;
	pool_close((struct upstream *)s);
}

/*
 * Its close may have arrived without the loop having come round to it. The loop comes round often:
 * only one that was idle for longer is asked.
 */
static bool still_open(const struct upstream *u)
{
	char byte;

	if (boottime_ms() - u->idle_since_ms < UNASKED_MS)
		return true;
	return recv(u->source.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* The most recently used one, so that what is too many grows old. */
static struct upstream *take_idle(struct member *m)
{
	while (m->idle.last) {
		struct upstream *u = container_of(m->idle.last, struct upstream, node);
		if (still_open(u))
			return u;
		pool_close(u);
	}
	return NULL;
}

static struct upstream *connect_new(struct member *m)
{
	struct upstream *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->member = m;
	u->moves = m->moves;
	u->source.events = EPOLLOUT;
	u->source.fd = net_connect(&m->conf->http);
	if (u->source.fd < 0) {
		free(u);
		return NULL;
	}
	if (loop_add(m->proxy->loop, &u->source) < 0) {
		close(u->source.fd);
		free(u);
		return NULL;
	}
	return u;
}

struct upstream *pool_take(
	struct member *m, struct client *c, void (*ready)(struct loop_source *s, uint32_t events))
{
	struct upstream *u = take_idle(m);

	if (!u)
		u = connect_new(m);
	if (!u)
		return NULL;
	u->client = c;
	u->source.ready = ready;
	list_append(&m->busy, &u->node);
	if (m->busy.len > m->busy_max)
		m->busy_max = m->busy.len;
	return u;
}

void pool_keep(struct upstream *u)
{
	if (u->moves != u->member->moves) {
		pool_close(u);
		return;
	}
	u->client = NULL;
	u->idle_since_ms = boottime_ms();
	u->source.ready = idle_ready;
	loop_mod(&u->source, EPOLLIN | EPOLLRDHUP);
	list_append(&u->member->idle, &u->node);
}

void pool_close_idle(struct member *m, int64_t before_ms)
{
	while (m->idle.first) {
		struct upstream *u = container_of(m->idle.first, struct upstream, node);
		if (u->idle_since_ms >= before_ms)
			return;
		pool_close(u);
	}
}
