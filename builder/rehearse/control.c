/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "cleanup.h"
#include "cmd.h"
#include "control.h"
#include "io.h"
#include "rehearsal.h"

#define LINE_MAX_LEN 255
#define CONNS_MAX 32

struct conn {
	struct loop_source source; /* first; fd -1: free */
	struct control *control;
	size_t n;
	char line[LINE_MAX_LEN + 1];
};

struct control {
	struct loop_source source; /* first */
	control_fn *fn;
	void *arg;
	struct conn conns[CONNS_MAX];
};

static int socket_address(const char *cluster, struct sockaddr_un *sun, struct err *e)
{
	_cleanup_free_ char *path = rehearsal_run_path(cluster, "sock");

	*sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(sun->sun_path))
		return err_set(e, "%s: path too long", path);
	memcpy(sun->sun_path, path, strlen(path));
	return 0;
}

static void conn_ready(struct loop_source *s, uint32_t events)
{
	struct conn *c = (struct conn *)s;
	ssize_t n = read(s->fd, c->line + c->n, LINE_MAX_LEN - c->n);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	c->n += n > 0 ? (size_t)n : 0;
	char *end = memchr(c->line, '\n', c->n);
	if (n > 0 && !end && c->n < LINE_MAX_LEN)
		return;
	int fd = s->fd;
	loop_del(s);
	s->fd = -1;
	if (!end) {
		close(fd);
		return;
	}
	*end = '\0';
	c->control->fn(c->control->arg, fd, c->line);
}

static void control_ready(struct loop_source *s, uint32_t events)
{
	struct control *c = (struct control *)s;
	_cleanup_close_ int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	for (size_t i = 0; fd >= 0 && i < CONNS_MAX; i++) {
		struct conn *x = &c->conns[i];
		if (x->source.fd >= 0)
			continue;
		*x = (struct conn){
			.source = {.fd = fd, .events = EPOLLIN, .ready = conn_ready},
			.control = c,
		};
		if (loop_add(s->loop, &x->source) == 0)
			fd = -1;
		else
			x->source.fd = -1;
		return;
	}
}

static int listen_at(const struct sockaddr_un *sun)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* The folder is 0700 already; the lock is ours, so an old socket is nobody's. */
	(void)unlink(sun->sun_path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0 ||
		listen(fd, CONNS_MAX) < 0)
		return -1;
	return steal_fd(&fd);
}

struct control *control_new(
	struct loop *l, const char *cluster, control_fn *fn, void *arg, struct err *e)
{
	struct sockaddr_un sun;

	if (socket_address(cluster, &sun, e) < 0)
		return NULL;
	struct control *c = xcalloc(1, sizeof(*c));
	c->fn = fn;
	c->arg = arg;
	for (size_t i = 0; i < CONNS_MAX; i++)
		c->conns[i].source.fd = -1;
	c->source = (struct loop_source){
		.fd = listen_at(&sun), .events = EPOLLIN, .ready = control_ready};
	if (c->source.fd < 0 || loop_add(l, &c->source) < 0) {
		err_errno(e, "%s", sun.sun_path);
		control_free(c);
		return NULL;
	}
	return c;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CONNS_MAX; i++) {
		if (c->conns[i].source.fd >= 0) {
			loop_del(&c->conns[i].source);
			close(c->conns[i].source.fd);
		}
	}
	loop_del(&c->source);
	if (c->source.fd >= 0)
		close(c->source.fd);
	free(c);
}

void control_answer(int fd, int code, const char *text)
{
	_cleanup_free_ char *answer = xasprintf("%d\n%s", code, text);
	struct timeval patience = {.tv_sec = 2};

	/* Blocking with a limit: an answer is larger than a socket's buffer only for huge clusters.
	 */
	(void)fcntl(fd, F_SETFL, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	for (size_t done = 0, n = strlen(answer); done < n;) {
		ssize_t w = send(fd, answer + done, n - done, MSG_NOSIGNAL);
		if (w <= 0)
			break;
		done += (size_t)w;
	}
	/* The end of the answer, whoever else holds the connection open. */
	shutdown(fd, SHUT_RDWR);
	close(fd);
}

static int read_answer(int fd, struct buf *b, struct err *e)
{
	for (;;) {
		char *dst = buf_reserve(b, 4096);
		if (!dst)
			return err_set(e, "the answer is too long");
		ssize_t n = read(fd, dst, 4096);
		if (n < 0 && errno == EINTR && check_interrupted(e) == 0)
			continue;
		if (n < 0)
			return e->code ? -1 : err_errno(e, "no answer");
		if (n == 0)
			break;
		b->len += (size_t)n;
	}
	buf_add(b, "", 0);
	return b->len ? 0 : err_set(e, "the supervisor ended without an answer");
}

/* Whoever has begun does not listen at once; whoever ends in order removes the record. */
static int say_unheard(const char *cluster, struct err *e)
{
	_cleanup_free_ char *record = rehearsal_run_path(cluster, "json");

	if (cleanup_holder(cluster) > 0)
		return err_set(e, "the rehearsal of %s does not answer yet", cluster);
	if (access(record, F_OK) < 0)
		return err_set(e, "no rehearsal of %s runs here", cluster);
	return err_set(e,
		"the rehearsal of %s has lost its supervisor; `bramble rehearse stop` cleans up",
		cluster);
}

int control_ask(const char *cluster, const char *line, struct buf *answer, struct err *e)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_buf_ struct buf raw = {0};
	struct sockaddr_un sun;
	char *end;

	if (fd < 0 || socket_address(cluster, &sun, e) < 0)
		return fd < 0 ? err_errno(e, "socket") : -1;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return say_unheard(cluster, e);
	if (io_write_full(fd, line, strlen(line)) < 0 || io_write_full(fd, "\n", 1) < 0)
		return err_errno(e, "the rehearsal of %s", cluster);
	if (read_answer(fd, &raw, e) < 0)
		return err_prefix(e, "the rehearsal of %s", cluster);
	int code = (int)strtol(raw.data, &end, 10);
	const char *text = *end == '\n' ? end + 1 : end;
	if (code)
		return err_code(e, (enum exit_code)code, "%s", text);
	buf_puts(answer, text);
	return 0;
}
