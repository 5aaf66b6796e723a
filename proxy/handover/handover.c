/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include "bolt/front.h"
#include "handover/handover.h"
#include "handover/inherit.h"
#include "log.h"
#include "members/member.h"
#include "notify.h"

struct handover {
	struct loop_source source; /* first: the pipe the next process says "ready" in */
	struct loop_timer timer;
	struct proxy *proxy;
	char *conf_path;
	char program[PATH_MAX]; /* where it was when this one started: a new version is there too */
	void (*leave)(struct proxy *p);
	pid_t next;   /* 0: none under way */
	pid_t heir;   /* the next one that serves by now, never waited for: its pid stays its own */
	pid_t killed; /* not yet gone: its card may hang; 0: none */
	bool again;   /* wanted while one was under way, which may have read proxy.conf before */
};

static void end(struct handover *h)
{
	loop_timer_del(&h->timer);
	loop_del(&h->source);
	close(h->source.fd);
	h->next = 0;
}

static void bury(struct handover *h)
{
	if (h->killed && waitpid(h->killed, NULL, WNOHANG) != 0)
		h->killed = 0;
}

void handover_give_up(struct handover *h)
{
	if (!h->next)
		return;
	kill(h->next, SIGKILL);
	bury(h);
	h->killed = h->next;
	end(h);
	bury(h);
}

bool handover_loses_orders(const struct proxy *p)
{
	return p->handover->next || p->draining;
}

static void failed(struct handover *h, const char *why)
{
	handover_give_up(h);
	account_event(
		h->proxy, LOG_LEVEL_ERROR, "reload: the next process %s; this one goes on", why);
	notify_ready();
	if (h->again)
		handover_begin(h);
}

/* Only to one that serves: before it takes signals this would end it. */
static void pass_on(struct handover *h)
{
	(void)kill(h->heir, SIGHUP);
}

static void pipe_ready(struct loop_source *s, uint32_t events)
{
	struct handover *h = (struct handover *)s;
	char byte;

	(void)events;
	if (read(s->fd, &byte, 1) != 1) {
		failed(h, "ended before it served");
		return;
	}
	account_event(h->proxy, LOG_LEVEL_INFO,
		"reload: process %d serves, this one leaves, within %lld s", (int)h->next,
		(long long)(LEAVE_MS + proxy_conf_finish_ms(h->proxy->conf)) / 1000);
	notify_main(h->next);
	h->heir = h->next;
	end(h);
	if (h->again)
		pass_on(h);
	h->leave(h->proxy);
}

static void expired(struct loop_timer *t)
{
	failed(container_of(t, struct handover, timer), "does not come to serve");
}

struct handover *handover_new(
	struct proxy *p, const char *conf_path, void (*leave)(struct proxy *p))
{
	struct handover *h = xcalloc(1, sizeof(*h));
	ssize_t n = readlink("/proc/self/exe", h->program, sizeof(h->program) - 1);

	h->proxy = p;
	h->conf_path = xstrdup(conf_path);
	h->leave = leave;
	h->program[n > 0 ? n : 0] = '\0';
	loop_timer_init(&h->timer, expired);
	return h;
}

/* What came when the loop had ended; it stays blocked. */
static bool wanted_late(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 &&
	       (sigismember(&pending, SIGHUP) == 1 || sigismember(&pending, SIGUSR2) == 1);
}

void handover_free(struct handover *h)
{
	if (!h)
		return;
	handover_give_up(h); /* nobody would know of it */
	if (h->heir && wanted_late())
		pass_on(h);
	free(h->conf_path);
	free(h);
}

/* --- the next process */

static void put_orders(const struct proxy *p, struct buf *to)
{
	for (struct member *m = NULL; (m = members_next(p, m));) {
		bool ordered = m->weight != m->conf->weight;
		if (ordered || m->admin != MEMBER_READY)
			buf_printf(to, "%s %s %d;", m->conf->name, member_admin_name(m->admin),
				ordered ? (int)m->weight : -1);
	}
	if (p->orders)
		buf_puts(to, p->orders);
}

/* False: there is no such member yet. */
static bool take_order(struct proxy *p, const char *text)
{
	char name[256], admin[16];
	enum member_admin state;
	int weight;

	if (sscanf(text, "%255s %15s %d", name, admin, &weight) != 3)
		return true;
	struct member *m = members_find(p, name);
	if (!m)
		return false;
	if (weight >= 0 && weight <= WEIGHT_MAX)
		member_set_weight(m, (unsigned)weight, "the process before");
	if (member_admin_parse(admin, &state) == 0)
		member_set_admin(m, state, "the process before");
	return true;
}

void handover_take_orders(struct proxy *p)
{
	_cleanup_free_ char *orders = p->orders ? steal(&p->orders) : inherit_orders();
	struct buf later = {0};
	char *rest = orders;

	for (char *one; (one = strsep(&rest, ";"));) {
		if (!take_order(p, one))
			buf_printf(&later, "%s;", one);
	}
	p->orders = later.len ? buf_steal(&later) : NULL;
}

static _Noreturn void become_next(struct handover *h, int ready_fd, const char *orders)
{
	const struct proxy *p = h->proxy;
	struct buf listeners = {0};
	sigset_t none;

	inherit_leave(&listeners, p->conf->http_listen, p->listener.fd);
	if (p->stats)
		inherit_leave(&listeners, p->conf->stats_listen, http_server_fd(p->stats));
	if (p->bolt && p->conf->bolt_listen)
		inherit_leave(&listeners, p->conf->bolt_listen, bolt_listener(p, false));
	if (p->conf->bolt_read_listen)
		inherit_leave(&listeners, p->conf->bolt_read_listen, bolt_listener(p, true));
	inherit_put_environment(&listeners, ready_fd, orders);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL); /* the loop blocks what it takes as events */
	signal(SIGPIPE, SIG_DFL);
	execl(h->program, h->program, "-f", h->conf_path, (char *)NULL);
	_exit(127);
}

/* The conf is only tried here: the next process reads it for itself. */
static int start_next(struct handover *h, struct err *e)
{
	struct proxy_conf *conf = proxy_conf_load(h->conf_path, e);
	_cleanup_buf_ struct buf orders = {0};
	int ends[2];

	if (!conf)
		return -1;
	proxy_conf_free(conf);
	put_orders(h->proxy, &orders);
	if (!buf_ok(&orders) || pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(e, "a pipe");
	_cleanup_close_ int in = ends[0];
	_cleanup_close_ int out = ends[1];
	h->next = fork();
	if (h->next == 0)
		become_next(h, out, buf_str(&orders));
	if (h->next < 0) {
		h->next = 0;
		return err_errno(e, "a process");
	}
	h->source = (struct loop_source){.fd = in, .events = EPOLLIN, .ready = pipe_ready};
	if (loop_add(h->proxy->loop, &h->source) < 0) {
		err_errno(e, "the loop");
		kill(h->next, SIGKILL);
		h->next = 0;
		return -1;
	}
	(void)steal_fd(&in);
	(void)loop_timer_set(h->proxy->loop, &h->timer, HANDOVER_MS);
	return 0;
}

void handover_begin(struct handover *h)
{
	struct err e = {0};

	h->again = h->next != 0;
	if (h->heir)
		pass_on(h); /* the service manager did not know of it yet */
	if (h->next || h->proxy->draining)
		return;
	bury(h);
	notify_reloading();
	if (start_next(h, &e) == 0)
		return;
	account_event(h->proxy, LOG_LEVEL_ERROR, "reload refused: %s; what was goes on", e.msg);
	notify_ready();
}
