/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sys/statvfs.h>
#include "wedge.h"

static int64_t patience_ms(const struct wedge *w)
{
	unsigned doubled = w->times > 1 ? w->times - 1 : 0;

	return doubled < 3 ? (int64_t)WEDGE_MS << doubled : WEDGE_MAX_MS;
}

static bool has_moved(uint64_t from, uint64_t to)
{
	return (to > from ? to - from : from - to) >= WEDGE_SPACE;
}

static bool got_somewhere(const struct wedge *w, const struct wedge_look *look)
{
	int64_t busy_ms = (look->now_ms - w->since_ms) * WEDGE_BUSY_PERCENT / 100;

	/* Too short a while tells nothing of how busy it is: a second's garbage collection is no
	 * work. */
	return has_moved(w->space, look->space) ||
	       (busy_ms >= 10000 && look->cpu_ms - w->cpu_ms >= busy_ms);
}

bool wedge_step(struct wedge *w, const struct wedge_look *look)
{
	if (look->serves)
		w->times = 0;
	if (!look->joins) {
		w->since_ms = 0;
		return false;
	}
	if (!w->since_ms || w->pid != look->pid || got_somewhere(w, look)) {
		w->since_ms = look->now_ms;
		w->pid = look->pid;
		w->space = look->space;
		w->cpu_ms = look->cpu_ms;
	}
	if (look->now_ms - w->since_ms < patience_ms(w))
		return false;
	w->times++;
	w->since_ms = 0;
	return true;
}

void copy_watch_step(struct copy_watch *c, uint64_t space, int64_t now_ms)
{
	bool moved = c->space && space && has_moved(c->space, space);

	if (moved)
		c->moved_ms = now_ms;
	if (moved || !c->space || now_ms - c->since_ms >= COPY_QUIET_MS) {
		c->space = space;
		c->since_ms = now_ms;
	}
	c->copies = c->moved_ms && now_ms - c->moved_ms < COPY_QUIET_MS;
}

uint64_t wedge_space(const char *store)
{
	struct statvfs st;

	if (statvfs(store, &st) < 0)
		return 0;
	return (uint64_t)(st.f_blocks - st.f_bfree) * st.f_frsize;
}
