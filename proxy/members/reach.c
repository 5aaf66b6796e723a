/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "members/reach.h"

void reach_note(struct reach *r, int64_t as_of_ms, uint64_t tx)
{
	int64_t newest_ms = r->slot[r->newest].as_of_ms;

	if (newest_ms && as_of_ms < newest_ms + REACH_GAP_MS)
		return;
	if (newest_ms && tx < r->slot[r->newest].tx)
		*r = (struct reach){0}; /* another store */
	r->newest = (r->newest + 1) % REACH_SLOTS;
	r->slot[r->newest].as_of_ms = as_of_ms;
	r->slot[r->newest].tx = tx;
}

bool reach_needed(const struct reach *r, int64_t since_ms, uint64_t *tx)
{
	/* From old to new: the first that is late enough asks for least. */
	for (unsigned i = 1; i <= REACH_SLOTS; i++) {
		unsigned at = (r->newest + i) % REACH_SLOTS;
		if (r->slot[at].as_of_ms && r->slot[at].as_of_ms >= since_ms) {
			*tx = r->slot[at].tx;
			return true;
		}
	}
	return false;
}

bool reach_had(const struct reach *r, int64_t before_ms, uint64_t *tx)
{
	for (unsigned i = 0; i < REACH_SLOTS; i++) {
		unsigned at = (r->newest + REACH_SLOTS - i) % REACH_SLOTS;
		if (r->slot[at].as_of_ms && r->slot[at].as_of_ms <= before_ms) {
			*tx = r->slot[at].tx;
			return true;
		}
	}
	return false;
}

bool reach_latest(const struct reach *r, uint64_t *tx)
{
	*tx = r->slot[r->newest].tx;
	return r->slot[r->newest].as_of_ms != 0;
}
