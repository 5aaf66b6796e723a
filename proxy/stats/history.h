/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_STATS_HISTORY_H
#define PROXY_STATS_HISTORY_H

#include <stddef.h>
#include "meter.h"

/* The last hour: what the curves show and what happened. Fixed memory. */
#define HISTORY_STEP_MS 10000
#define HISTORY_STEPS 360
#define EVENTS_MAX 128
#define EVENT_TEXT 112
#define EVENTS_FOR_MS 3600000

struct history_point {
	uint32_t requests, failed;
	uint32_t held; /* the most writes that waited for a master at once */
	uint32_t p50_ms, p99_ms;
};

struct event {
	int64_t at_ms; /* boottime_ms() */
	char text[EVENT_TEXT];
};

struct history {
	struct history_point
		steps[HISTORY_STEPS]; /* a ring: steps[nsteps % HISTORY_STEPS] is next */
	struct history_point now;
	struct durations durations; /* of now */
	uint64_t nsteps;
	struct event events[EVENTS_MAX]; /* likewise */
	uint64_t nevents;
};

void history_request(struct history *h, const struct timing *t, unsigned status);
void history_held(struct history *h, size_t held);
/* The step is over. */
void history_turn(struct history *h);

/* The i-th step counted from the latest (0); NULL when there are no more. */
const struct history_point *history_step(const struct history *h, size_t i);

void history_event(struct history *h, int64_t now_ms, const char *text);
/* The i-th event counted from the latest (0); NULL when there are no more of the last hour. */
const struct event *history_find_event(const struct history *h, size_t i, int64_t now_ms);

#endif
