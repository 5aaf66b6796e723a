/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "helper_client.h"
#include "util.h"

void helper_client_cancel(struct helper_client *c)
{
	if (!c->loop)
		return;
	loop_timer_del(&c->timer);
	loop_del(&c->source);
	if (c->source.fd >= 0)
		close(c->source.fd);
	c->source.fd = -1;
	c->done = NULL;
}

static void finish(struct helper_client *c, int code, const char *text)
{
	helper_done_fn *done = c->done;

	helper_client_cancel(c);
	done(c->arg, code, text);
}

/* One packet is the whole answer; none is the helper's end. */
static void answer_ready(struct loop_source *s, uint32_t events)
{
	static struct helper_answer answer; /* too large for the stack; used up before it returns */
	struct helper_client *c = container_of(s, struct helper_client, source);
	ssize_t n = recv(s->fd, &answer, sizeof(answer), 0);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		finish(c, ECONNRESET, "the helper ended");
	else if (helper_answer_parse(&answer, (size_t)n) < 0)
		finish(c, EPROTO, "the helper's answer makes no sense");
	else
		finish(c, answer.code, answer.text);
}

static void timer_fire(struct loop_timer *t)
{
	struct helper_client *c = container_of(t, struct helper_client, timer);

	if (c->error)
		finish(c, c->error, strerror(c->error));
	else
		finish(c, ETIMEDOUT, "the helper gives no answer");
}

void helper_client_init(struct helper_client *c, struct loop *l, const char *path)
{
	*c = (struct helper_client){.loop = l, .path = path, .source.fd = -1};
	loop_timer_init(&c->timer, timer_fire);
}

/* Connecting to a local socket never takes time: it is done, or refused. */
static int open_connection(struct helper_client *c)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (strlen(c->path) >= sizeof(to.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(to.sun_path, c->path, strlen(c->path) + 1);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	c->source = (struct loop_source){.fd = fd, .events = EPOLLIN, .ready = answer_ready};
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return -1;
	return loop_add(c->loop, &c->source);
}

static int send_request(struct helper_client *c, struct helper_request r)
{
	r.version = HELPER_VERSION;
	size_t n = helper_request_size(&r);

	errno = EINVAL;
	if (!n || open_connection(c) < 0)
		return -1;
	return send(c->source.fd, &r, n, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

void helper_ask(
	struct helper_client *c, const struct helper_request *r, helper_done_fn *done, void *arg)
{
	helper_client_cancel(c);
	c->error = send_request(c, *r) < 0 ? errno : 0;
	c->done = done;
	c->arg = arg;
	loop_timer_set(c->loop, &c->timer, c->error ? 0 : HELPER_TIMEOUT_MS);
}
