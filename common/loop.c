/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Timers are a binary heap of pointers; each timer knows its place, so removal is O(log n) and
 * arming allocates only when the heap grows. Events fetched in one epoll_wait are kept in an
 * array while they are delivered, and loop_del blanks what is left of a removed source there.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include "loop.h"
#include "util.h"

#define BATCH 256

struct signal_handler {
	struct loop_source source;
	int signo;
	void (*fn)(void *arg, int signo);
	void *arg;
	struct signal_handler *next;
};

struct loop {
	int epfd;
	bool stop;
	int64_t now_ms;
	struct loop_timer **heap;
	int32_t timers, timers_cap;
	struct epoll_event batch[BATCH];
	int batch_len, batch_pos;
	struct signal_handler *signals;
};

struct loop *loop_new(struct err *e)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l) {
		err_errno(e, "event loop");
		return NULL;
	}
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0) {
		err_errno(e, "event loop");
		free(l);
		return NULL;
	}
	l->now_ms = boottime_ms();
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	while (l->signals) {
		struct signal_handler *s = l->signals;
		l->signals = s->next;
		close(s->source.fd);
		free(s);
	}
	close(l->epfd);
	free(l->heap);
	free(l);
}

int loop_add(struct loop *l, struct loop_source *s)
{
	struct epoll_event ev = {.events = s->events, .data.ptr = s};

	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, s->fd, &ev) < 0)
		return -1;
	s->loop = l;
	s->armed = s->events;
	return 0;
}

static void arm(struct loop_source *s)
{
	struct epoll_event ev = {.events = s->events, .data.ptr = s};

	s->armed = s->events;
	epoll_ctl(s->loop->epfd, EPOLL_CTL_MOD, s->fd, &ev);
}

void loop_mod(struct loop_source *s, uint32_t events)
{
	if (!s->loop)
		return;
	s->events = events;
	if (events & ~s->armed)
		arm(s);
}

void loop_del(struct loop_source *s)
{
	struct loop *l = s->loop;

	if (!l)
		return;
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	for (int i = l->batch_pos; i < l->batch_len; i++) {
		if (l->batch[i].data.ptr == s)
			l->batch[i].data.ptr = NULL;
	}
	s->loop = NULL;
}

static void heap_put(struct loop *l, int32_t i, struct loop_timer *t)
{
	l->heap[i] = t;
	t->heap_index = i;
}

static void heap_up(struct loop *l, int32_t i, struct loop_timer *t)
{
	for (; i > 0; i = (i - 1) / 2) {
		struct loop_timer *parent = l->heap[(i - 1) / 2];
		if (parent->key_ms <= t->key_ms)
			break;
		heap_put(l, i, parent);
	}
	heap_put(l, i, t);
}

static void heap_down(struct loop *l, int32_t i, struct loop_timer *t)
{
	for (int32_t child; (child = 2 * i + 1) < l->timers; i = child) {
		if (child + 1 < l->timers && l->heap[child + 1]->key_ms < l->heap[child]->key_ms)
			child++;
		if (t->key_ms <= l->heap[child]->key_ms)
			break;
		heap_put(l, i, l->heap[child]);
	}
	heap_put(l, i, t);
}

void loop_timer_init(struct loop_timer *t, void (*fire)(struct loop_timer *t))
{
	*t = (struct loop_timer){.fire = fire, .heap_index = -1};
}

void loop_timer_del(struct loop_timer *t)
{
	struct loop *l = t->loop;

	if (t->heap_index < 0)
		return;
	int32_t i = t->heap_index;
	struct loop_timer *last = l->heap[--l->timers];
	t->heap_index = -1;
	if (last == t)
		return;
	if (i > 0 && l->heap[(i - 1) / 2]->key_ms > last->key_ms)
		heap_up(l, i, last);
	else
		heap_down(l, i, last);
}

/*
 * Most timers are deadlines that are put off again and again and never come: one that is put off
 * keeps its place, and takes the new one when the old one comes up.
 */
int loop_timer_at(struct loop *l, struct loop_timer *t, int64_t at_ms)
{
	if (t->heap_index >= 0 && at_ms >= t->key_ms) {
		t->at_ms = at_ms;
		return 0;
	}
	loop_timer_del(t);
	if (l->timers == l->timers_cap) {
		int32_t cap = l->timers_cap ? l->timers_cap * 2 : 16;
		struct loop_timer **h = reallocarray(l->heap, (size_t)cap, sizeof(*h));
		if (!h)
			return -1;
		l->heap = h;
		l->timers_cap = cap;
	}
	t->loop = l;
	t->at_ms = t->key_ms = at_ms;
	heap_up(l, l->timers++, t);
	return 0;
}

int loop_timer_set(struct loop *l, struct loop_timer *t, int64_t ms)
{
	return loop_timer_at(l, t, boottime_ms() + (ms > 0 ? ms : 0));
}

static void signal_ready(struct loop_source *s, uint32_t events)
{
	struct signal_handler *h = (struct signal_handler *)s;
	struct signalfd_siginfo si;

	(void)events;
	if (read(s->fd, &si, sizeof(si)) == sizeof(si))
		h->fn(h->arg, h->signo);
}

int loop_signal(
	struct loop *l, int signo, void (*fn)(void *arg, int signo), void *arg, struct err *e)
{
	_cleanup_free_ struct signal_handler *h = calloc(1, sizeof(*h));
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	if (!h || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_errno(e, "signal %d", signo);
	*h = (struct signal_handler){
		.source = {.events = EPOLLIN, .ready = signal_ready},
		.signo = signo,
		.fn = fn,
		.arg = arg,
		.next = l->signals,
	};
	h->source.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (h->source.fd < 0 || loop_add(l, &h->source) < 0)
		return err_errno(e, "signal %d", signo);
	l->signals = steal(&h);
	return 0;
}

static void fire_timers(struct loop *l)
{
	while (l->timers && l->heap[0]->key_ms <= l->now_ms && !l->stop) {
		struct loop_timer *t = l->heap[0];
		if (t->at_ms > l->now_ms) {
			t->key_ms = t->at_ms;
			heap_down(l, 0, t);
			continue;
		}
		loop_timer_del(t);
		t->fire(t);
	}
}

static int wait_ms(const struct loop *l)
{
	if (!l->timers)
		return -1;
	int64_t ms = l->heap[0]->key_ms - boottime_ms();
	return ms < 0 ? 0 : ms > 60000 ? 60000 : (int)ms;
}

static void deliver(struct loop_source *s, uint32_t events)
{
	uint32_t asked = s->events | EPOLLERR | EPOLLHUP;

	if (events & ~asked)
		arm(s);
	if (events & asked)
		s->ready(s, events & asked);
}

int loop_run(struct loop *l, struct err *e)
{
	l->stop = false;
	while (!l->stop) {
		int n = epoll_wait(l->epfd, l->batch, BATCH, wait_ms(l));
		if (n < 0 && errno != EINTR)
			return err_errno(e, "epoll_wait");
		l->now_ms = boottime_ms();
		l->batch_len = n > 0 ? n : 0;
		for (l->batch_pos = 0; l->batch_pos < l->batch_len && !l->stop;) {
			struct epoll_event ev = l->batch[l->batch_pos++];
			struct loop_source *s = ev.data.ptr;
			if (s)
				deliver(s, ev.events);
		}
		l->batch_len = 0;
		fire_timers(l);
	}
	return 0;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}

int64_t loop_now_ms(const struct loop *l)
{
	return l->now_ms;
}
