/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "admin/command.h"
#include "admin/ctl.h"
#include "io.h"
#include "log.h"
#include "net.h"

#define CONNS_MAX 8
#define LINE_BYTES 1024
#define CONN_MS 5000
#define ACCEPT_AGAIN_MS 500

struct conn {
	struct loop_source source; /* first: the loop hands it back */
	struct loop_timer timer;
	struct ctl *ctl;
	char line[LINE_BYTES];
	size_t len;
	struct buf out;
};

struct ctl {
	struct loop_source source; /* first */
	struct loop_timer again;   /* nobody can be accepted before */
	struct proxy *proxy;
	char *path;
	bool opened; /* it has its name */
	struct conn *conns[CONNS_MAX];
};

static int address_of(const char *path, struct sockaddr_un *sa, struct err *e)
{
	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(sa->sun_path))
		return err_set(e, "%s: too long for a socket", path);
	memcpy(sa->sun_path, path, strlen(path));
	return 0;
}

static void conn_free(struct conn *c)
{
	for (size_t i = 0; i < CONNS_MAX; i++) {
		if (c->ctl->conns[i] == c)
			c->ctl->conns[i] = NULL;
	}
	loop_timer_del(&c->timer);
	loop_del(&c->source);
	close(c->source.fd);
	buf_free(&c->out);
	free(c);
}

static void conn_expired(struct loop_timer *t)
{
	conn_free(container_of(t, struct conn, timer));
}

static void conn_write(struct conn *c)
{
	while (c->out.len) {
		ssize_t n = send(c->source.fd, c->out.data, c->out.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			break;
		buf_consume(&c->out, (size_t)n);
	}
	conn_free(c);
}

static void conn_run(struct conn *c)
{
	char by[32] = "the socket";
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(c->source.fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
		snprintf(by, sizeof(by), "user %u", (unsigned)who.uid);
	command_run(c->ctl->proxy, c->line, by, &c->out);
	buf_puts(&c->out, "\n"); /* an empty line ends an answer, as HAProxy's */
	loop_mod(&c->source, EPOLLOUT);
	conn_write(c);
}

static void conn_ready(struct loop_source *s, uint32_t events)
{
	struct conn *c = (struct conn *)s;

	if (s->events == EPOLLOUT)
		return (events & (EPOLLERR | EPOLLHUP)) ? conn_free(c) : conn_write(c);
	ssize_t n = recv(s->fd, c->line + c->len, LINE_BYTES - 1 - c->len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		return conn_free(c);
	c->len += (size_t)n;
	char *end = memchr(c->line, '\n', c->len);
	if (end) {
		*end = '\0';
		conn_run(c);
	} else if (c->len == LINE_BYTES - 1) {
		conn_free(c);
	}
}

static struct conn **free_place(struct ctl *ctl)
{
	for (size_t i = 0; i < CONNS_MAX; i++) {
		if (!ctl->conns[i])
			return &ctl->conns[i];
	}
	return NULL;
}

static void accept_again(struct loop_timer *t)
{
	loop_mod(&container_of(t, struct ctl, again)->source, EPOLLIN);
}

/* The backlog would keep the loop spinning, and only others can give a descriptor back. */
static void out_of_descriptors(struct ctl *ctl)
{
	loop_mod(&ctl->source, 0);
	(void)loop_timer_set(ctl->proxy->loop, &ctl->again, ACCEPT_AGAIN_MS);
}

static void ctl_ready(struct loop_source *s, uint32_t events)
{
	struct ctl *ctl = (struct ctl *)s;
	_cleanup_close_ int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct conn **place = free_place(ctl);

	(void)events;
	if (fd < 0 && net_own_fault(errno))
		out_of_descriptors(ctl);
	if (fd < 0 || !place)
		return;
	struct conn *c = calloc(1, sizeof(*c));
	if (!c)
		return;
	c->ctl = ctl;
	c->source = (struct loop_source){.fd = fd, .events = EPOLLIN, .ready = conn_ready};
	loop_timer_init(&c->timer, conn_expired);
	if (loop_add(ctl->proxy->loop, &c->source) < 0 ||
		loop_timer_set(ctl->proxy->loop, &c->timer, CONN_MS) < 0) {
		loop_del(&c->source);
		free(c);
		return;
	}
	(void)steal_fd(&fd);
	*place = c;
}

/* Its first name. */
static char *new_name(const char *path)
{
	return xasprintf("%s.new", path);
}

static int listen_at(const char *path, struct err *e)
{
	_cleanup_free_ char *new = new_name(path);
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sa;

	if (fd < 0)
		return err_errno(e, "%s", path);
	if (address_of(new, &sa, e) < 0)
		return -1;
	(void)unlink(new);
	mode_t before = umask(0117);
	int r = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	umask(before);
	if (r < 0 || listen(fd, CONNS_MAX) < 0) {
		err_errno(e, "%s", path);
		(void)unlink(new);
		return -1;
	}
	return steal_fd(&fd);
}

int ctl_start(struct proxy *p, struct err *e)
{
	if (!p->conf->admin_socket)
		return 0;
	int fd = listen_at(p->conf->admin_socket, e);
	if (fd < 0)
		return err_prefix(e, "admin");
	struct ctl *ctl = xcalloc(1, sizeof(*ctl));
	ctl->proxy = p;
	ctl->path = xstrdup(p->conf->admin_socket);
	ctl->source = (struct loop_source){.fd = fd, .events = EPOLLIN, .ready = ctl_ready};
	loop_timer_init(&ctl->again, accept_again);
	p->ctl = ctl;
	return loop_add(p->loop, &ctl->source) < 0 ? err_errno(e, "admin: %s", ctl->path) : 0;
}

void ctl_open(struct proxy *p)
{
	if (!p->ctl)
		return;
	_cleanup_free_ char *new = new_name(p->ctl->path);
	if (rename(new, p->ctl->path) < 0)
		log_error("admin: %s: %s", p->ctl->path, strerror(errno));
	p->ctl->opened = true;
}

/* Is the file at the path still ours? The next process may have put its own there. */
static bool is_ours(const struct ctl *ctl)
{
	struct stat file;
	struct sockaddr_un sa;
	struct err ignored = {0};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || stat(ctl->path, &file) < 0 || address_of(ctl->path, &sa, &ignored) < 0)
		return false;
	return connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 && errno == ECONNREFUSED;
}

void ctl_stop(struct proxy *p)
{
	struct ctl *ctl = p->ctl;

	if (!ctl)
		return;
	p->ctl = NULL;
	for (size_t i = 0; i < CONNS_MAX; i++) {
		if (ctl->conns[i])
			conn_free(ctl->conns[i]);
	}
	loop_timer_del(&ctl->again);
	loop_del(&ctl->source);
	close(ctl->source.fd);
	_cleanup_free_ char *new = new_name(ctl->path);
	if (!ctl->opened)
		(void)unlink(new);
	else if (is_ours(ctl))
		(void)unlink(ctl->path);
	free(ctl->path);
	free(ctl);
}

int ctl_send(const char *path, const char *line, struct err *e)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sa;
	char data[4096];
	ssize_t n;

	if (address_of(path, &sa, e) < 0)
		return -1;
	_cleanup_free_ char *text = xasprintf("%s\n", line);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
		send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return err_errno(e, "%s", path);
	while ((n = read(fd, data, sizeof(data))) > 0) {
		if (fwrite(data, 1, (size_t)n, stdout) != (size_t)n)
			return err_errno(e, "standard output");
	}
	return n < 0 ? err_errno(e, "%s", path) : 0;
}
