/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "../child.h"
#include "helper_deed.h"
#include "helper_server.h"
#include "log.h"
#include "loop.h"
#include "notify.h"
#include "util.h"

#define JOBS_MAX 16
#define REQUEST_MS 5000 /* for the request after the connection */
#define FIRST_FD 3      /* sd_listen_fds(3) */

struct server;

/* One connection: one request, one answer. */
struct job {
	struct server *server;
	struct loop_source source; /* fd -1: free */
	struct loop_timer timer;
	struct child child;
	unsigned verb;
};

struct server {
	const struct agent_options *o;
	struct loop *loop;
	struct loop_source listener;
	struct loop_timer watchdog;
	struct job jobs[JOBS_MAX];
};

/* --- one job */

static void end_job(struct job *j)
{
	loop_timer_del(&j->timer);
	loop_del(&j->source);
	close(j->source.fd);
	j->source.fd = -1;
	child_close(&j->child);
}

static void answer_to(int fd, int code, const char *text)
{
	static struct helper_answer a; /* too large for the stack; used up before it returns */
	size_t n = helper_answer_make(&a, code, text);

	if (send(fd, &a, n, MSG_NOSIGNAL) < 0)
		log_debug("an answer nobody takes: %s", strerror(errno));
}

static void answer_job(struct job *j, int code, const char *text)
{
	answer_to(j->source.fd, code, text);
	end_job(j);
}

static void child_ended(struct child *c, int status)
{
	struct job *j = container_of(c, struct job, child);
	const char *text = buf_str(&c->text);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		answer_job(j, 0, text);
		return;
	}
	log_error("%s: failed: %s", helper_verb_name(j->verb), text);
	if (WIFSIGNALED(status))
		answer_job(j, ETIMEDOUT, text[0] ? text : "killed, it took too long");
	else
		answer_job(j, EIO, text);
}

/* The journal keeps what was done with rights, but for what only looks. */
static bool is_worth_a_line(unsigned verb)
{
	return verb != HELPER_NEO4J_SHOW && verb != HELPER_JOURNAL && verb != HELPER_WRITE &&
	       verb != HELPER_VIP && verb != HELPER_USERS;
}

static void do_request(struct job *j, const struct helper_request *r)
{
	struct helper_deed d;

	j->verb = r->verb;
	if (is_worth_a_line(r->verb))
		log_info("%s", helper_verb_name(r->verb));
	helper_do(j->server->o, r, &d);
	_cleanup_close_ int input = d.input;
	if (!d.argv[0])
		answer_job(j, d.code, d.text);
	else if (child_run(&j->child, j->server->loop, d.argv, input, child_ended) < 0)
		answer_job(j, errno, strerror(errno));
}

/* With MSG_TRUNC the length is the packet's own, however little of it there was room for. */
static void request_ready(struct loop_source *s, uint32_t events)
{
	static struct {
		struct helper_request request;
		char more;
	} packet;
	static struct helper_request r;
	struct job *j = container_of(s, struct job, source);
	const char *why;
	ssize_t n = recv(s->fd, &packet, sizeof(packet), MSG_TRUNC);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	loop_timer_del(&j->timer);
	loop_del(s);
	if (n <= 0) {
		end_job(j);
		return;
	}
	int code = helper_request_parse(&packet, (size_t)n, &r, &why);
	if (code == 0) {
		do_request(j, &r);
		return;
	}
	log_warn("refused: %s", why);
	answer_job(j, code, why);
}

static void job_timer_fire(struct loop_timer *t)
{
	end_job(container_of(t, struct job, timer));
}

/* --- who asks */

/* The agent's user is who may know the cluster's secret. */
static bool may_ask(const struct server *s, int fd)
{
	_cleanup_free_ char *path = xasprintf("%s/etc/bramble/cluster.secret", s->o->root);
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t n = sizeof(peer);
	struct stat st;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 || stat(path, &st) < 0)
		return false;
	if (peer.uid == st.st_uid)
		return true;
	log_warn("refused: user %u is not the agent's", (unsigned)peer.uid);
	return false;
}

static struct job *free_job(struct server *s)
{
	for (size_t i = 0; i < JOBS_MAX; i++) {
		if (s->jobs[i].source.fd < 0)
			return &s->jobs[i];
	}
	return NULL;
}

static void begin_job(struct server *s, struct job *j, int fd)
{
	*j = (struct job){
		.server = s, .source = {.fd = fd, .events = EPOLLIN, .ready = request_ready}};
	loop_timer_init(&j->timer, job_timer_fire);
	if (loop_add(s->loop, &j->source) < 0)
		end_job(j);
	else
		loop_timer_set(s->loop, &j->timer, REQUEST_MS);
}

static void listener_ready(struct loop_source *src, uint32_t events)
{
	struct server *s = container_of(src, struct server, listener);
	_cleanup_close_ int fd = accept4(src->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	struct job *j = free_job(s);
	if (!may_ask(s, fd))
		answer_to(fd, EPERM, "only the agent's user may ask");
	else if (!j)
		answer_to(fd, EAGAIN, "too much at once");
	else
		begin_job(s, j, steal_fd(&fd));
}

/* --- start */

/* systemd's, which no program that this one runs is to have, too. */
static int inherited_socket(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	if (!pid || !fds || atol(pid) != getpid() || strcmp(fds, "1") != 0)
		return -1;
	return fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) < 0 ? -1 : FIRST_FD;
}

/* Of the agent's user, as bramble-helper.socket makes it. */
static int own_socket(const struct agent_options *o, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/run/bramble-helper", o->root);
	_cleanup_free_ char *secret = xasprintf("%s/etc/bramble/cluster.secret", o->root);
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct stat st;

	if (stat(secret, &st) < 0)
		return err_errno(e, "%s", secret);
	if (strlen(path) >= sizeof(at.sun_path))
		return err_set(e, "%s: too long for a socket", path);
	memcpy(at.sun_path, path, strlen(path) + 1);
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || (unlink(path) < 0 && errno != ENOENT))
		return err_errno(e, "%s", path);
	mode_t mask = umask(0177);
	int r = bind(fd, (struct sockaddr *)&at, sizeof(at));
	umask(mask);
	if (r < 0 || listen(fd, JOBS_MAX) < 0 || lchown(path, st.st_uid, st.st_gid) < 0)
		return err_errno(e, "%s", path);
	return steal_fd(&fd);
}

static void on_child(void *arg, int signo)
{
	struct server *s = arg;

	(void)signo;
	for (size_t i = 0; i < JOBS_MAX; i++)
		child_reap(&s->jobs[i].child);
}

static void on_term(void *arg, int signo)
{
	struct server *s = arg;

	(void)signo;
	loop_stop(s->loop);
}

static void watchdog_fire(struct loop_timer *t)
{
	struct server *s = container_of(t, struct server, watchdog);

	notify_watchdog();
	loop_timer_set(s->loop, t, notify_watchdog_interval_ms());
}

static int open_server(struct server *s, struct err *e)
{
	int fd = inherited_socket();

	if (fd < 0)
		fd = own_socket(s->o, e);
	if (fd < 0)
		return -1;
	s->listener = (struct loop_source){.fd = fd, .events = EPOLLIN, .ready = listener_ready};
	s->loop = loop_new(e);
	if (!s->loop || loop_signal(s->loop, SIGCHLD, on_child, s, e) < 0 ||
		loop_signal(s->loop, SIGTERM, on_term, s, e) < 0 ||
		loop_signal(s->loop, SIGINT, on_term, s, e) < 0)
		return -1;
	return loop_add(s->loop, &s->listener) < 0 ? err_errno(e, "/run/bramble-helper") : 0;
}

/* What runs, a systemctl above all, is let run to its end. */
static void close_server(struct server *s)
{
	for (size_t i = 0; i < JOBS_MAX; i++) {
		if (s->jobs[i].source.fd >= 0)
			close(s->jobs[i].source.fd);
	}
	loop_free(s->loop);
	close(s->listener.fd);
}

int helper_run(const struct agent_options *o, struct err *e)
{
	static struct server s = {.listener.fd = -1};

	s.o = o;
	for (size_t i = 0; i < JOBS_MAX; i++)
		s.jobs[i].source.fd = -1;
	loop_timer_init(&s.watchdog, watchdog_fire);
	if (open_server(&s, e) < 0)
		return -1;
	if (notify_watchdog_interval_ms())
		loop_timer_set(s.loop, &s.watchdog, 0);
	notify_ready();
	int r = loop_run(s.loop, e);
	notify_stopping();
	close_server(&s);
	return r;
}
