/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io.h"
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

/* proc(5): the start is the 22nd field, in ticks since boot; the 2nd may hold spaces and brackets.
 */
int64_t stale_process_ms(long pid)
{
	_cleanup_free_ char *path = xasprintf("/proc/%ld/stat", pid);
	_cleanup_buf_ struct buf text = {0};
	unsigned long long ticks;
	struct err ignored;

	if (pid <= 0 || io_read_file(path, 4096, &text, &ignored) < 0)
		return -1;
	const char *rest = strrchr(buf_str(&text), ')');
	if (!rest || sscanf(rest,
			     ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			     "%*s %*s %*s %llu",
			     &ticks) != 1)
		return -1;
	return realtime_ms() - boottime_ms() +
	       (int64_t)(ticks * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK));
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
	look.started_ms = stale_process_ms(pid);
	look.store_ms = stale_store_ms(dir);
	stale_step(s, &look);
}
