/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "history.h"
#include "util.h"

void history_request(struct history *h, const struct timing *t, unsigned status)
{
	h->now.requests++;
	h->now.failed += status >= 500 || !status;
	if (t->active >= 0)
		durations_add(&h->durations, t->active);
}

void history_held(struct history *h, size_t held)
{
	if (held > h->now.held)
		h->now.held = (uint32_t)held;
}

void history_turn(struct history *h)
{
	h->now.p50_ms = durations_quantile(&h->durations, 0.5);
	h->now.p99_ms = durations_quantile(&h->durations, 0.99);
	h->steps[h->nsteps++ % HISTORY_STEPS] = h->now;
	h->now = (struct history_point){0};
	h->durations = (struct durations){0};
}

const struct history_point *history_step(const struct history *h, size_t i)
{
	if (i >= HISTORY_STEPS || i >= h->nsteps)
		return NULL;
	return &h->steps[(h->nsteps - 1 - i) % HISTORY_STEPS];
}

void history_event(struct history *h, int64_t now_ms, const char *text)
{
	struct event *ev = &h->events[h->nevents++ % EVENTS_MAX];

	ev->at_ms = now_ms;
	snprintf(ev->text, sizeof(ev->text), "%s", text);
}

const struct event *history_find_event(const struct history *h, size_t i, int64_t now_ms)
{
	if (i >= EVENTS_MAX || i >= h->nevents)
		return NULL;
	const struct event *ev = &h->events[(h->nevents - 1 - i) % EVENTS_MAX];
	return now_ms - ev->at_ms <= EVENTS_FOR_MS ? ev : NULL;
}
