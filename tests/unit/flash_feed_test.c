/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One maker, several takers. */
// use: builder/flash/feed.c builder/flash/medium.c
#include <pthread.h>
#include "builder/cmd.h"
#include "builder/flash/feed.h"
#include "tap.h"
#include "util.h"

#define PIECES 40
#define FOREVER (1 << 30)

/* What main.c has. */
volatile int interrupted;
int check_interrupted(struct err *e)
{
	return interrupted ? err_code(e, EXIT_INTERRUPTED, "interrupted") : 0;
}

struct maker {
	size_t pieces;
	const char *failure; /* after those */
	int put;
};

static int make(struct feed *f, void *arg, struct err *e)
{
	struct maker *m = arg;

	for (size_t i = 0; i < m->pieces; i++) {
		struct feed_piece *p = feed_piece_new();
		p->at = i;
		p->n = 1;
		p->data[0] = (uint8_t)i;
		if (feed_put(f, p, e) < 0)
			return -1;
		m->put++;
	}
	return m->failure ? err_code(e, EXIT_INPUT, "%s", m->failure) : 0;
}

struct taker {
	struct feed *feed;
	size_t seat, most;
	size_t taken;
	bool in_order;
	int end;
	struct err error;
};

static void *take(void *arg)
{
	struct taker *t = arg;
	struct feed_piece *p;

	t->in_order = true;
	while (t->taken < t->most && (t->end = feed_take(t->feed, t->seat, &p, &t->error)) > 0) {
		t->in_order = t->in_order && p->at == t->taken && p->data[0] == t->taken;
		t->taken++;
		feed_give_back(t->feed, p);
	}
	feed_leave(t->feed, t->seat);
	return NULL;
}

static void take_all(struct feed *f, struct taker *t, size_t n)
{
	pthread_t threads[4];

	for (size_t i = 0; i < n; i++) {
		t[i].feed = f;
		t[i].seat = i;
		pthread_create(&threads[i], NULL, take, &t[i]);
	}
	for (size_t i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

static void test_everybody_gets_all(void)
{
	struct maker m = {.pieces = PIECES};
	struct taker t[3] = {{.most = FOREVER}, {.most = 5}, {.most = FOREVER}};
	struct feed *f = feed_new(3, FOREVER, make, &m);

	take_all(f, t, 3);
	feed_free(f);
	for (size_t i = 0; i < 3; i += 2)
		ok(t[i].end == 0 && t[i].taken == PIECES && t[i].in_order,
			"taker %zu: all of them in order", i);
	is_int((long long)t[1].taken, 5, "who leaves holds up nobody");
}

static void test_failure(void)
{
	struct maker m = {.pieces = 10, .failure = "n1.img.xz: truncated"};
	struct taker t[2] = {{.most = FOREVER}, {.most = FOREVER}};
	struct feed *f = feed_new(2, FOREVER, make, &m);

	take_all(f, t, 2);
	feed_free(f);
	for (size_t i = 0; i < 2; i++) {
		is_int(t[i].error.code, EXIT_INPUT, "the maker's error reaches taker %zu", i);
		is_str(t[i].error.msg, m.failure, "in its words");
	}
}

static void test_everybody_left(void)
{
	struct maker m = {.pieces = PIECES};
	struct taker t[2] = {{.most = 1}, {.most = 2}};
	struct feed *f = feed_new(2, FOREVER, make, &m);

	take_all(f, t, 2);
	feed_free(f);
	ok(m.put < PIECES, "a maker whom nobody listens to stops");
}

/* Nobody takes for seat 1 until the others are done. */
static void test_too_slow(void)
{
	struct maker m = {.pieces = PIECES};
	struct taker t[2] = {{.most = FOREVER}};
	struct feed *f = feed_new(2, 0, make, &m);
	struct feed_piece *p = NULL;
	struct err e = {0};

	take_all(f, t, 1);
	ok(t[0].end == 0 && t[0].taken == PIECES, "the others go on without one that hangs");
	is_int(feed_take(f, 1, &p, &e), -1, "which is told");
	ok(strstr(e.msg, "too slow") != NULL, "%s", e.msg);
	feed_leave(f, 1);
	feed_free(f);
}

static void test_interrupted(void)
{
	struct maker m = {.pieces = PIECES};
	struct taker t = {.most = FOREVER};

	interrupted = 1;
	struct feed *f = feed_new(2, FOREVER, make, &m);
	take_all(f, &t, 1); /* seat 1 is full for ever */
	feed_leave(f, 1);
	feed_free(f);
	interrupted = 0;
	is_int(t.error.code, EXIT_INTERRUPTED, "a signal ends the waiting");
}

int main(void)
{
	test_everybody_gets_all();
	test_failure();
	test_everybody_left();
	test_too_slow();
	test_interrupted();
	return done();
}
