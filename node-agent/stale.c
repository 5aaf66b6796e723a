/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <sys/stat.h>
#include "process.h"
#include "stale.h"
#include "util.h"

#define STORE "neo4j/data/databases/graph.db/neostore"

bool stale_affects(const struct identity *id)
{
	unsigned version = 0;

	return id->mode == NEO4J_HA && neo4j_version_parse(id->neo4j, &version) == 0 &&
	       version == NEO4J_VERSION(3, 1);
}

void stale_step(struct stale *s, const struct stale_look *look)
{
	bool young = look->started_ms >= 0 && look->store_ms >= look->started_ms &&
		     look->store_ms <= look->now_ms;

	if (s->pid != look->pid)
		s->pid = 0;
	if (look->slave && young)
		s->pid = look->pid;
}

const char *stale_wish(const struct stale *s, long pid)
{
	return s->pid && s->pid == pid ? "its Bolt holds on to the store from before the copy" : "";
}

int64_t stale_store_ms(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/" STORE, dir);
	struct statx st;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &st) < 0 ||
		!(st.stx_mask & STATX_BTIME))
		return -1;
	return (int64_t)st.stx_btime.tv_sec * 1000 + st.stx_btime.tv_nsec / 1000000;
}

void stale_watch(struct stale *s, const struct identity *id, const char *dir, long pid, bool slave)
{
	struct stale_look look = {.pid = pid, .slave = slave};

	if (!stale_affects(id))
		return;
	look.now_ms = realtime_ms();
	look.started_ms = process_began_ms(pid);
	look.store_ms = stale_store_ms(dir);
	stale_step(s, &look);
}
