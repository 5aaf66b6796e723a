/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "meter.h"
#include "util.h"

void average_add(struct average *a, int64_t value)
{
	uint64_t v = value > 0 ? (uint64_t)value : 0;

	if (a->n == AVERAGE_OF)
		a->sum -= a->sum / AVERAGE_OF;
	else
		a->n++;
	a->sum += v;
}

unsigned average_of(const struct average *a)
{
	return a->n ? (unsigned)((a->sum + a->n / 2) / a->n) : 0;
}

static void rate_turn(struct rate *r, int64_t now_ms)
{
	int64_t second = now_ms / 1000;

	if (second == r->second)
		return;
	r->last = second == r->second + 1 ? r->now : 0;
	r->now = 0;
	r->second = second;
}

void rate_add(struct rate *r, int64_t now_ms)
{
	rate_turn(r, now_ms);
	if (++r->now > r->max)
		r->max = r->now;
}

unsigned rate_per_s(const struct rate *r, int64_t now_ms)
{
	struct rate now = *r;

	rate_turn(&now, now_ms);
	return now.last;
}

const unsigned duration_bounds[DURATIONS - 1] = {1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 200,
	300, 500, 1000, 2000, 5000, 10000, 30000, 60000};

void durations_add(struct durations *d, int64_t ms)
{
	size_t i = 0;

	while (i < DURATIONS - 1 && ms > duration_bounds[i])
		i++;
	d->n[i]++;
	d->sum_ms += ms > 0 ? (uint64_t)ms : 0;
}

unsigned durations_quantile(const struct durations *d, double share)
{
	uint64_t all = 0, below = 0;

	for (size_t i = 0; i < DURATIONS; i++)
		all += d->n[i];
	for (size_t i = 0; all && i < DURATIONS; i++) {
		below += d->n[i];
		if ((double)below >= share * (double)all)
			return duration_bounds[i < DURATIONS - 1 ? i : DURATIONS - 2];
	}
	return 0;
}

void meter_add(struct meter *m, const struct timing *t, unsigned status, int64_t now_ms)
{
	m->requests++;
	rate_add(&m->rate, now_ms);
	if (status)
		m->answers[status >= 100 && status < 600 ? status / 100 - 1 : 5]++;
	/* As in HAProxy, what never came to a member says nothing about members. */
	if (t->queue >= 0)
		average_add(&m->queue, t->queue);
	if (t->connect >= 0)
		average_add(&m->connect, t->connect);
	if (t->answer >= 0)
		average_add(&m->answer, t->answer);
	if (t->active >= 0 && t->answer >= 0) {
		average_add(&m->total, t->active);
		durations_add(&m->durations, t->active);
	}
}
