/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the proxy counts of requests, and the last hour. */
// use: proxy/stats/meter.c proxy/stats/history.c
#include "proxy/stats/history.h"
#include "proxy/stats/meter.h"
#include "tap.h"

static void test_average(void)
{
	struct average a = {0};

	is_int(average_of(&a), 0, "nothing yet");
	average_add(&a, 10);
	average_add(&a, 20);
	is_int(average_of(&a), 15, "the mean of two");
	for (int i = 0; i < 20 * AVERAGE_OF; i++)
		average_add(&a, 100);
	is_int(average_of(&a), 100, "the old ones fade");
	average_add(&a, -5);
	is_int(average_of(&a), 100, "a clock that went back counts as no time");
}

static void test_rate(void)
{
	struct rate r = {0};

	for (int i = 0; i < 7; i++)
		rate_add(&r, 5000 + i);
	is_int(rate_per_s(&r, 5999), 0, "the second is not over");
	is_int(rate_per_s(&r, 6000), 7, "it is");
	is_int(rate_per_s(&r, 7000), 0, "a silent second");
	rate_add(&r, 7500);
	is_int(r.max, 7, "the most");
	is_int(rate_per_s(&r, 8000), 1, "one in the next");
}

static void test_durations(void)
{
	struct durations d = {0};

	is_int(durations_quantile(&d, 0.99), 0, "nothing yet");
	for (int i = 0; i < 99; i++)
		durations_add(&d, 4);
	durations_add(&d, 900000);
	is_int(durations_quantile(&d, 0.5), 5, "the bound above the median");
	is_int(durations_quantile(&d, 0.99), 5, "99 of 100");
	is_int(durations_quantile(&d, 1), 60000, "beyond the last bound");
	is_int(d.sum_ms, 99 * 4 + 900000, "the sum");
}

static void test_meter(void)
{
	struct meter m = {0};
	struct timing full = {1, 10, 2, 30, 50}, refused = {1, -1, -1, -1, 500};

	meter_add(&m, &full, 201, 1000);
	meter_add(&m, &refused, 503, 1000);
	meter_add(&m, &refused, 999, 1000);
	is_int(average_of(&m.queue), 10, "what never came to a member says nothing of members");
	is_int(average_of(&m.total), 50, "nor of times");
	is_int(m.answers[1], 1, "2xx");
	is_int(m.answers[4], 1, "5xx");
	is_int(m.answers[5], 1, "other");
	is_int(m.requests, 3, "all");
}

static void test_history(void)
{
	static struct history h;
	struct timing t = {0, 0, 0, 8, 9};

	ok(!history_step(&h, 0) && !history_find_event(&h, 0, 0), "an empty hour");
	for (int i = 0; i < HISTORY_STEPS + 5; i++) {
		for (int k = 0; k < i % 7; k++)
			history_request(&h, &t, k ? 200 : 502);
		history_held(&h, 3);
		history_held(&h, 1);
		history_turn(&h);
	}
	is_int(history_step(&h, 0)->requests, (HISTORY_STEPS + 4) % 7, "the latest step");
	is_int(history_step(&h, 0)->held, 3, "the most that waited");
	is_int(history_step(&h, 1)->failed, 1, "what failed");
	is_int(history_step(&h, 1)->p99_ms, 10, "how long it took");
	ok(history_step(&h, HISTORY_STEPS - 1) && !history_step(&h, HISTORY_STEPS),
		"as many as an hour");
	for (int i = 0; i < EVENTS_MAX + 3; i++) {
		char text[300];
		snprintf(text, sizeof(text), "%d %0200d", i, 0);
		history_event(&h, 1000 + i, text);
	}
	ok(strncmp(history_find_event(&h, 0, 2000)->text, "130 ", 4) == 0, "the latest event");
	ok(strlen(history_find_event(&h, 0, 2000)->text) < EVENT_TEXT, "cut to its place");
	ok(!history_find_event(&h, EVENTS_MAX, 2000), "as many as there is room for");
	ok(!history_find_event(&h, 0, 5000000), "none after an hour");
}

int main(void)
{
	test_average();
	test_rate();
	test_durations();
	test_meter();
	test_history();
	return done();
}
