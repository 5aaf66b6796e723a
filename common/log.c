/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "log.h"

static enum log_level max_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	max_level = level;
}

static bool never_waits;

void log_never_wait(void)
{
	never_waits = true;
}

/* There is room for a line where poll(2) tells any: sockets(7), pipe(7). */
static bool takes_line(void)
{
	struct pollfd to = {.fd = STDERR_FILENO, .events = POLLOUT};

	return !never_waits || poll(&to, 1, 0) != 0;
}

void log_at(enum log_level level, const char *fmt, ...)
{
	char line[1200];
	int n = 0;
	va_list ap;

	if (level > max_level)
		return;
	if (getenv("JOURNAL_STREAM"))
		n = snprintf(line, sizeof(line), "<%d>", (int)level);
	va_start(ap, fmt);
	int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	n += m < 0 ? 0 : m;
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n++] = '\n';
	/* One write per line: lines of several processes on one stderr do not mix. */
	if (!takes_line())
		return;
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}
