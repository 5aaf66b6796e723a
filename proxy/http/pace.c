/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pace.h"

void pace_start(struct pace *p, int64_t most_ms)
{
	*p = (struct pace){.left_ms = PACE_MS, .most_ms = most_ms};
}

static int64_t left(const struct pace *p, int64_t now_ms)
{
	int64_t ms = p->since_ms ? p->left_ms - (now_ms - p->since_ms) : p->left_ms;

	return ms > 0 ? ms : 0;
}

static int64_t worth_ms(const struct pace *p, uint64_t bytes)
{
	uint64_t most = (uint64_t)p->most_ms * PACE_MIN_RATE / 1000;

	return (int64_t)((bytes < most ? bytes : most) * 1000 / PACE_MIN_RATE);
}

void pace_note(struct pace *p, uint64_t bytes, bool waits, int64_t now_ms)
{
	p->left_ms = left(p, now_ms) + worth_ms(p, bytes - p->bytes);
	if (p->left_ms > p->most_ms)
		p->left_ms = p->most_ms;
	p->bytes = bytes;
	p->since_ms = waits ? now_ms : 0;
}

bool pace_too_slow(const struct pace *p, int64_t now_ms)
{
	return p->since_ms && left(p, now_ms) == 0;
}
