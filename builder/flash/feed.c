/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <pthread.h>
#include <string.h>
#include <time.h>
#include "cmd.h"
#include "feed.h"
#include "medium.h"
#include "util.h"

#define LOOK_MS 200 /* how often a waiting maker looks at the clock and for a signal */

struct seat {
	struct feed_piece *queue[FEED_DEPTH];
	size_t first, n;
	bool left, lost;
};

struct feed {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool has_thread;
	feed_make_fn *make;
	void *arg;
	int64_t patience_ms;
	struct seat *seats;
	size_t nseats;
	bool ended;
	struct err error; /* code 0: none */
};

/* --- pieces */

struct feed_piece *feed_piece_new(void)
{
	struct feed_piece *p = xcalloc(1, sizeof(*p));

	p->data = medium_buffer();
	return p;
}

void feed_piece_free(struct feed_piece *p)
{
	if (p)
		free(p->data);
	free(p);
}

static void let_go(struct feed_piece *p)
{
	if (--p->holders == 0)
		feed_piece_free(p);
}

static void empty_seat(struct seat *s)
{
	for (; s->n; s->n--, s->first++)
		let_go(s->queue[s->first % FEED_DEPTH]);
}

static bool sits(const struct seat *s)
{
	return !s->left && !s->lost;
}

/* --- the maker's side; all with the lock held */

static void count_seats(const struct feed *f, size_t *taking, size_t *full)
{
	*taking = *full = 0;
	for (size_t i = 0; i < f->nseats; i++) {
		if (!sits(&f->seats[i]))
			continue;
		if (f->seats[i].n == FEED_DEPTH)
			++*full;
		else
			++*taking;
	}
}

static void drop_full(struct feed *f)
{
	for (size_t i = 0; i < f->nseats; i++) {
		struct seat *s = &f->seats[i];
		if (!sits(s) || s->n < FEED_DEPTH)
			continue;
		s->lost = true;
		empty_seat(s);
	}
}

static void wait_a_little(struct feed *f)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += LOOK_MS * 1000000L;
	t.tv_sec += t.tv_nsec / 1000000000L;
	t.tv_nsec %= 1000000000L;
	pthread_cond_timedwait(&f->changed, &f->lock, &t);
}

/* A card that is slow alone may take as long as it likes. */
static int wait_for_room(struct feed *f, struct err *e)
{
	int64_t since = boottime_ms();
	size_t taking, full;

	for (count_seats(f, &taking, &full); full; count_seats(f, &taking, &full)) {
		if (check_interrupted(e) < 0)
			return -1;
		if (taking && boottime_ms() - since >= f->patience_ms)
			drop_full(f);
		else
			wait_a_little(f);
	}
	return taking ? 0 : err_set(e, "no card is left to write");
}

static void hand_out(struct feed *f, struct feed_piece *p)
{
	for (size_t i = 0; i < f->nseats; i++) {
		struct seat *s = &f->seats[i];
		if (!sits(s))
			continue;
		s->queue[(s->first + s->n++) % FEED_DEPTH] = p;
		p->holders++;
	}
	pthread_cond_broadcast(&f->changed);
}

int feed_put(struct feed *f, struct feed_piece *p, struct err *e)
{
	pthread_mutex_lock(&f->lock);
	int rc = wait_for_room(f, e);
	if (rc == 0)
		hand_out(f, p);
	pthread_mutex_unlock(&f->lock);
	if (rc < 0)
		feed_piece_free(p);
	return rc;
}

static void end(struct feed *f, int rc, const struct err *e)
{
	pthread_mutex_lock(&f->lock);
	f->ended = true;
	if (rc < 0)
		f->error = *e;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void *make_thread(void *arg)
{
	struct feed *f = arg;
	struct err e = {0};
	int rc = f->make(f, f->arg, &e);

	end(f, rc, &e);
	return NULL;
}

/* --- the takers' side */

static int next_of(struct feed *f, struct seat *s, struct feed_piece **p, struct err *e)
{
	while (!s->n && !s->lost && !f->ended)
		pthread_cond_wait(&f->changed, &f->lock);
	if (s->lost)
		return err_set(e, "it was too slow for the others, who went on without it");
	if (f->error.code) {
		*e = f->error;
		return -1;
	}
	if (!s->n)
		return 0;
	*p = s->queue[s->first++ % FEED_DEPTH];
	s->n--;
	pthread_cond_broadcast(&f->changed);
	return 1;
}

int feed_take(struct feed *f, size_t seat, struct feed_piece **p, struct err *e)
{
	pthread_mutex_lock(&f->lock);
	int rc = next_of(f, &f->seats[seat], p, e);
	pthread_mutex_unlock(&f->lock);
	return rc;
}

void feed_give_back(struct feed *f, struct feed_piece *p)
{
	pthread_mutex_lock(&f->lock);
	let_go(p);
	pthread_mutex_unlock(&f->lock);
}

void feed_leave(struct feed *f, size_t seat)
{
	pthread_mutex_lock(&f->lock);
	f->seats[seat].left = true;
	empty_seat(&f->seats[seat]);
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

/* --- the whole */

struct feed *feed_new(size_t seats, int64_t patience_ms, feed_make_fn *make, void *arg)
{
	struct feed *f = xcalloc(1, sizeof(*f));
	pthread_condattr_t clock;
	struct err e = {0};

	*f = (struct feed){.patience_ms = patience_ms, .make = make, .arg = arg, .nseats = seats};
	f->seats = xcalloc(seats, sizeof(*f->seats));
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&f->changed, &clock);
	pthread_condattr_destroy(&clock);
	int rc = pthread_create(&f->thread, NULL, make_thread, f);
	f->has_thread = rc == 0;
	if (rc)
		end(f, err_set(&e, "no thread: %s", strerror(rc)), &e);
	return f;
}

void feed_free(struct feed *f)
{
	if (!f)
		return;
	if (f->has_thread)
		pthread_join(f->thread, NULL);
	for (size_t i = 0; i < f->nseats; i++)
		empty_seat(&f->seats[i]);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	free(f->seats);
	free(f);
}
