/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <unistd.h>
#include "loop.h"
#include "tap.h"
#include "util.h"

static struct loop *loop;
static char trace[256];

static void note(const char *what)
{
	strncat(trace, what, sizeof(trace) - strlen(trace) - 1);
}

static void run(void)
{
	struct err e;

	trace[0] = '\0';
	if (loop_run(loop, &e) < 0)
		printf("# %s\n", e.msg);
}

struct named_timer {
	struct loop_timer timer; /* first */
	const char *name;
};

static void fire(struct loop_timer *t)
{
	const char *name = ((struct named_timer *)t)->name;

	note(name);
	if (*name == '!')
		loop_stop(loop);
}

static void timer_start(struct named_timer *t, const char *name, int64_t ms)
{
	loop_timer_init(&t->timer, fire);
	t->name = name;
	if (loop_timer_set(loop, &t->timer, ms) < 0)
		printf("# no memory\n");
}

static void test_timers(void)
{
	struct named_timer t[5];

	timer_start(&t[0], "!", 40);
	timer_start(&t[1], "b", 20);
	timer_start(&t[2], "a", 10);
	timer_start(&t[3], "x", 15);
	timer_start(&t[4], "c", 5);
	loop_timer_del(&t[3].timer);
	loop_timer_del(&t[3].timer);
	(void)loop_timer_set(loop, &t[4].timer, 30);
	int64_t before = boottime_ms();
	run();
	is_str(trace, "abc!", "timers fire in order; removed and re-armed ones as told");
	ok(boottime_ms() - before >= 40, "not before their time");
}

/* Put off keeps its place in the heap until then: it must fire once, and at the later time. */
static void test_put_off(void)
{
	struct named_timer t[3];

	timer_start(&t[0], "a", 10);
	timer_start(&t[1], "b", 20);
	timer_start(&t[2], "!", 60);
	int64_t before = boottime_ms();
	(void)loop_timer_set(loop, &t[0].timer, 40);
	(void)loop_timer_set(loop, &t[0].timer, 30);
	(void)loop_timer_set(loop, &t[1].timer, 50);
	(void)loop_timer_set(loop, &t[1].timer, 5);
	run();
	is_str(trace, "ba!", "put off and brought forward, each fires once");
	ok(boottime_ms() - before >= 60, "and not before its time");
}

static void test_many_timers(void)
{
	static struct named_timer t[1000];
	struct named_timer end;
	uint32_t seed = 1;
	int64_t last = 0;
	bool ordered = true;

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		seed = seed * 1664525 + 1013904223;
		timer_start(&t[i], "", seed >> 26);
	}
	for (size_t i = 0; i < ARRAY_SIZE(t); i += 3)
		loop_timer_del(&t[i].timer);
	timer_start(&end, "!", 80);
	run();
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		ordered &= t[i].timer.heap_index == -1;
		last = t[i].timer.at_ms > last ? t[i].timer.at_ms : last;
	}
	ok(ordered, "a thousand timers: all fired or removed");
	ok(last <= end.timer.at_ms, "before the last one");
}

struct pair {
	struct loop_source a, b;
	bool remove_other;
};

static struct pair pair;

static void on_ready(struct loop_source *s, uint32_t events)
{
	(void)events;
	note(s == &pair.a ? "a" : "b");
	if (pair.remove_other)
		loop_del(s == &pair.a ? &pair.b : &pair.a);
	loop_del(s);
	loop_stop(loop);
}

static void test_sources(void)
{
	int p[2][2];

	if (!ok(pipe(p[0]) == 0 && pipe(p[1]) == 0, "pipes"))
		return;
	pair.a = (struct loop_source){.fd = p[0][0], .events = EPOLLIN, .ready = on_ready};
	pair.b = (struct loop_source){.fd = p[1][0], .events = EPOLLIN, .ready = on_ready};
	pair.remove_other = true;
	ok(loop_add(loop, &pair.a) == 0 && loop_add(loop, &pair.b) == 0, "added");
	(void)!write(p[0][1], "x", 1);
	(void)!write(p[1][1], "x", 1);
	run();
	is_int((long long)strlen(trace), 1,
		"an event already fetched for a removed source is not delivered");
	pair.remove_other = false;
	pair.a.events = 0;
	ok(loop_add(loop, &pair.a) == 0, "added without events");
	struct named_timer quiet;
	timer_start(&quiet, "!", 10);
	run();
	is_str(trace, "!", "what is not asked for is not delivered");
	loop_mod(&pair.a, EPOLLIN);
	run();
	is_str(trace, "a", "once asked for, it is");
	for (int i = 0; i < 4; i++)
		close(p[i / 2][i % 2]);
}

static void on_signal(void *arg, int signo)
{
	note(arg);
	if (signo == SIGUSR1)
		loop_stop(loop);
}

static void test_signals(void)
{
	struct err e;

	ok(loop_signal(loop, SIGUSR1, on_signal, (char *)"u", &e) == 0, "a signal is asked for");
	kill(getpid(), SIGUSR1);
	run();
	is_str(trace, "u", "it arrives as a callback");
}

int main(void)
{
	struct err e;

	loop = loop_new(&e);
	if (!ok(loop != NULL, "loop"))
		return done();
	test_timers();
	test_put_off();
	test_many_timers();
	test_sources();
	test_signals();
	loop_free(loop);
	return done();
}
