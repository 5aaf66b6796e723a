/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "meter.h"
#include <unistd.h>
#include "util.h"

#define BAR 20
#define REDRAW_MS 100
#define QUIET_MS 5000 /* without a byte: said instead of a rate */

static char *pace_text(const struct meter *m, int64_t now_ms)
{
	int64_t ms = now_ms - m->started_ms, quiet = now_ms - m->moved_ms;
	double rate = ms > 0 ? (double)(m->done - m->first) / (double)ms * 1000 : 0;

	if (quiet >= QUIET_MS)
		return xasprintf("nothing came for %lld s", (long long)quiet / 1000);
	if (rate < 1)
		return xstrdup("");
	if (m->total <= m->done)
		return xasprintf("%.1f MB/s", rate / 1e6);
	double left = (double)(m->total - m->done) / rate + 0.5;
	unsigned s = left < 359999 ? (unsigned)left : 359999;
	return xasprintf("%.1f MB/s  %u:%02u:%02u left", rate / 1e6, s / 3600, s / 60 % 60, s % 60);
}

char *meter_text(const struct meter *m, int64_t now_ms)
{
	static const char full[] = "####################", empty[] = "....................";
	_cleanup_free_ char *pace = pace_text(m, now_ms);
	double mb = (double)m->done / 1e6;

	if (!m->total)
		return xasprintf("%s  %.0f MB  %s", m->what, mb, pace);
	int share = m->done < m->total ? (int)((double)m->done / (double)m->total * 100) : 100;
	int bar = share * BAR / 100;
	return xasprintf("%s  [%.*s%.*s] %3d%% of %.0f MB  %s", m->what, bar, full, BAR - bar,
		empty, share, (double)m->total / 1e6, pace);
}

static void draw(struct meter *m, int64_t now_ms)
{
	_cleanup_free_ char *text = meter_text(m, now_ms);

	fprintf(m->out, "\r%s\033[K", text);
	fflush(m->out);
	m->drawn_ms = now_ms;
}

void meter_begin(struct meter *m, FILE *out, const char *what)
{
	*m = (struct meter){.out = out, .what = what};
	m->terminal = out && isatty(fileno(out));
}

void meter_start(struct meter *m, uint64_t first, uint64_t total)
{
	m->first = m->done = first;
	m->total = total;
	m->started_ms = m->moved_ms = boottime_ms();
}

void meter_at(struct meter *m, uint64_t done)
{
	int64_t now = boottime_ms();

	if (done != m->done)
		m->moved_ms = now;
	m->done = done;
	if (m->terminal && now - m->drawn_ms >= REDRAW_MS)
		draw(m, now);
}

void meter_end(struct meter *m)
{
	if (m->terminal && m->drawn_ms)
		fputs("\r\033[K", m->out);
	m->drawn_ms = 0;
}
