/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_STATS_METER_H
#define PROXY_STATS_METER_H

#include <stdint.h>

/* What is counted of requests: of one member's, and of all. Pure data, no clock of its own. */

/* HAProxy's: the mean of the last AVERAGE_OF values, sliding (the plain mean of fewer). */
#define AVERAGE_OF 1024

struct average {
	uint64_t sum;
	unsigned n;
};

void average_add(struct average *a, int64_t value);
unsigned average_of(const struct average *a);

/* Events per second: in the last whole second, and the most in any. */
struct rate {
	int64_t second;
	unsigned now, last, max;
};

void rate_add(struct rate *r, int64_t now_ms);
unsigned rate_per_s(const struct rate *r, int64_t now_ms);

/* How long requests took, by upper bounds in ms; the last one has none. */
#define DURATIONS 22
extern const unsigned duration_bounds[DURATIONS - 1];

struct durations {
	uint64_t n[DURATIONS], sum_ms;
};

void durations_add(struct durations *d, int64_t ms);
/* The bound below which this share (0..1) of them lies; 0 when there are none. */
unsigned durations_quantile(const struct durations *d, double share);

/* One request as it was, in ms; -1 for what it never came to. */
struct timing {
	int64_t request; /* Tq: from its first byte to the end of its head */
	int64_t queue;   /* Tw: waiting for a member, all attempts together */
	int64_t connect; /* Tc */
	int64_t answer;  /* Tr: from the connection to the end of the answer's head */
	int64_t active;  /* Ta: from its first byte to the answer's last */
};

struct meter {
	struct average queue, connect, answer, total;
	struct rate rate;
	struct durations durations;
	uint64_t answers[6]; /* by hundreds: 1xx at [0], other at [5] */
	uint64_t requests, client_aborts, member_aborts, connect_errors, redispatches;
};

/* A request ended. status 0: without an answer. */
void meter_add(struct meter *m, const struct timing *t, unsigned status, int64_t now_ms);

#endif
