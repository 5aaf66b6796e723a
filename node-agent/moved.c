/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "moved.h"

void moved_begin(struct moved *m, struct in_addr told)
{
	*m = (struct moved){.told = told};
}

static bool is_elsewhere(const struct moved *m, const struct moved_look *look)
{
	return look->runs && look->self.s_addr && look->self.s_addr != m->told.s_addr &&
	       !look->have(m->told);
}

bool moved_step(struct moved *m, const struct moved_look *look)
{
	if (!m->told.s_addr)
		m->told = look->self;
	if (!is_elsewhere(m, look)) {
		m->since_ms = 0;
		return false;
	}
	if (!m->since_ms)
		m->since_ms = look->now_ms;
	if (look->now_ms - m->since_ms < MOVED_MS)
		return false;
	m->since_ms = look->now_ms; /* for the next time, should it not end */
	return true;
}
