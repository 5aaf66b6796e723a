/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pace.h"

#define WORTH_MAX ((uint64_t)PACE_MS * PACE_MIN_RATE / 1000) /* more bytes prolong no further */

void pace_start(struct pace *p)
{
	*p = (struct pace){.left_ms = PACE_MS};
}

static int64_t left(const struct pace *p, int64_t now_ms)
{
	int64_t ms = p->since_ms ? p->left_ms - (now_ms - p->since_ms) : p->left_ms;

	return ms > 0 ? ms : 0;
}

void pace_note(struct pace *p, uint64_t bytes, bool waits, int64_t now_ms)
{
	uint64_t came = bytes - p->bytes;
	int64_t worth = (int64_t)((came < WORTH_MAX ? came : WORTH_MAX) * 1000 / PACE_MIN_RATE);

	p->left_ms = left(p, now_ms) + worth;
	if (p->left_ms > PACE_MS)
		p->left_ms = PACE_MS;
	p->bytes = bytes;
	p->since_ms = waits ? now_ms : 0;
}

bool pace_too_slow(const struct pace *p, int64_t now_ms)
{
	return p->since_ms && left(p, now_ms) == 0;
}
