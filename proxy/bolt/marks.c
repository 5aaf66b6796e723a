/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "marks.h"

void marks_note(struct marks *m, uint64_t tx, int64_t now_ms)
{
	if (tx <= m->slot[m->newest].tx)
		return;
	/* Within one slot's time the later moment counts: a transaction only looks younger. */
	if (now_ms - m->slot[m->newest].start_ms >= MARKS_SLOT_MS) {
		m->newest = (m->newest + 1) % MARKS_SLOTS;
		m->slot[m->newest].start_ms = now_ms;
	}
	m->slot[m->newest].tx = tx;
	m->slot[m->newest].at_ms = now_ms;
}

bool marks_settled(const struct marks *m, uint64_t tx, int64_t now_ms)
{
	/* From old to new: the first slot that covers tx tells when it was heard at the latest. */
	for (unsigned i = 1; i <= MARKS_SLOTS; i++) {
		unsigned at = (m->newest + i) % MARKS_SLOTS;
		if (m->slot[at].tx >= tx)
			return now_ms - m->slot[at].at_ms >= MARKS_SETTLED_MS;
	}
	return false;
}
