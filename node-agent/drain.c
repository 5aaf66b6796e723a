/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "drain.h"
#include "hello.h"

void drain_begin(struct drain *d, int64_t now_ms)
{
	*d = (struct drain){.since_ms = now_ms, .asked_ms = now_ms, .seen = TX_UNKNOWN};
}

void drain_ask(struct drain *d, int64_t now_ms)
{
	if (!drain_is_closed(d))
		drain_begin(d, now_ms);
	d->asked_ms = now_ms;
}

/*
 * What was under way when a master closed comes to its end. One that never becomes quiet somebody
 * writes to all the same.
 */
static bool is_time_to_shut(const struct drain *d, bool master, int64_t now_ms)
{
	int64_t ms = now_ms - d->since_ms;

	if (ms < DRAIN_LEAST_MS)
		return false;
	return !master || now_ms - d->moved_ms >= DRAIN_SETTLE_MS || ms >= DRAIN_QUIET_MS;
}

void drain_step(struct drain *d, bool master, uint64_t last_tx, int64_t told_ms, int64_t now_ms)
{
	d->told |= last_tx != TX_UNKNOWN;
	d->told_ms = told_ms;
	if (last_tx != d->seen) {
		d->seen = last_tx;
		d->moved_ms = now_ms;
	}
	if (!d->shut_ms && is_time_to_shut(d, master, now_ms))
		d->shut_ms = now_ms;
}

bool drain_is_over(const struct drain *d, int64_t now_ms)
{
	return now_ms - d->asked_ms >= DRAIN_REST_MS;
}

bool drain_is_quiet(const struct drain *d, int64_t now_ms)
{
	return d->shut_ms && now_ms - d->shut_ms >= DRAIN_SETTLE_MS;
}

bool drain_is_done(const struct drain *d, int64_t now_ms)
{
	if (!drain_is_quiet(d, now_ms))
		return false;
	/* For a moment it may not tell, or only what it told before it was shut. */
	return !d->told || (d->seen != TX_UNKNOWN && d->told_ms >= d->shut_ms);
}
