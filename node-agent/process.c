/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "io.h"
#include "process.h"
#include "util.h"

struct ticks {
	unsigned long long user, system, began;
};

/* The 14th, 15th and 22nd field; the 2nd may hold spaces and brackets. */
static int read_ticks(long pid, struct ticks *t)
{
	_cleanup_free_ char *path = xasprintf("/proc/%ld/stat", pid);
	_cleanup_buf_ struct buf text = {0};
	struct err ignored;

	if (pid <= 0 || io_read_file(path, 4096, &text, &ignored) < 0)
		return -1;
	const char *rest = strrchr(buf_str(&text), ')');
	return rest && sscanf(rest,
			       ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu "
			       "%*s %*s %*s %*s %*s %*s %llu",
			       &t->user, &t->system, &t->began) == 3
		       ? 0
		       : -1;
}

static int64_t ms(unsigned long long ticks)
{
	return (int64_t)(ticks * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK));
}

int64_t process_cpu_ms(long pid)
{
	struct ticks t;

	return read_ticks(pid, &t) < 0 ? -1 : ms(t.user + t.system);
}

int64_t process_since_ms(long pid)
{
	struct ticks t;

	return read_ticks(pid, &t) < 0 ? -1 : ms(t.began);
}

int64_t process_began_ms(long pid)
{
	int64_t since_ms = process_since_ms(pid);

	return since_ms < 0 ? -1 : realtime_ms() - boottime_ms() + since_ms;
}
