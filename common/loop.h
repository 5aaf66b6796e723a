/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_LOOP_H
#define BRAMBLE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include "err.h"

/*
 * The event loop of all three programs: epoll, timers on CLOCK_BOOTTIME (a clock step moves
 * nothing), signals as events. One thread. Callbacks run one after the other; a callback may
 * add, change or remove any source, its own included: events already fetched for a removed
 * source are not delivered.
 *
 * Sources and timers are owned by the caller (embed them in your object) and must stay valid
 * until removed.
 */
struct loop;

struct loop_source {
	int fd;
	uint32_t events; /* what is asked for now: EPOLLIN, EPOLLOUT */
	uint32_t armed;  /* what the kernel was asked for: at times more */
	void (*ready)(struct loop_source *s, uint32_t events);
	struct loop *loop; /* NULL while not added */
};

struct loop_timer {
	int64_t at_ms;  /* boottime_ms() when it fires */
	int64_t key_ms; /* its place in the heap: at_ms or before */
	void (*fire)(struct loop_timer *t);
	struct loop *loop;  /* set by loop_timer_set */
	int32_t heap_index; /* -1 while not armed; set to -1 before first use (loop_timer_init) */
};

MUST_CHECK struct loop *loop_new(struct err *e);
void loop_free(struct loop *l);

/* Watches s->fd for s->events (level-triggered). -1 with errno as epoll_ctl(2). */
MUST_CHECK int loop_add(struct loop *l, struct loop_source *s);
/*
 * Changes what is asked for. Asking for less costs no system call: an event nobody asked for any
 * more is not delivered, and only then is the kernel told.
 */
void loop_mod(struct loop_source *s, uint32_t events);
/* Stops watching; does not close the fd. A source not added is ignored. */
void loop_del(struct loop_source *s);

void loop_timer_init(struct loop_timer *t, void (*fire)(struct loop_timer *t));
/* (Re)arms t to fire once, ms from now. O(log n), O(1) when it is put off. -1 only when memory for
 * it is gone. */
int loop_timer_set(struct loop *l, struct loop_timer *t, int64_t ms);
/* The same at a boottime_ms(): who counts from loop_now_ms need not ask for the time. */
int loop_timer_at(struct loop *l, struct loop_timer *t, int64_t at_ms);
void loop_timer_del(struct loop_timer *t);

/* Delivers signal signo as a callback instead; blocks it for the process. */
MUST_CHECK int loop_signal(
	struct loop *l, int signo, void (*fn)(void *arg, int signo), void *arg, struct err *e);

/* Runs until loop_stop; the time at the start of each round is loop_now_ms. */
MUST_CHECK int loop_run(struct loop *l, struct err *e);
void loop_stop(struct loop *l);
int64_t loop_now_ms(const struct loop *l);

#endif
