/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sys/ioctl.h>
#include <unistd.h>
#include "board.h"
#include "util.h"

#define BAR 20
#define STALLED_MS 5000       /* shown on the line */
#define STALLED_LONG_MS 30000 /* told where there is no line */

static const char *const phase_names[] = {
	[JOB_WAITING] = "waiting",
	[JOB_WRITING] = "writing",
	[JOB_VERIFYING] = "verifying",
	[JOB_DONE] = "done",
	[JOB_FAILED] = "failed",
};

static bool is_moving(enum job_phase phase)
{
	return phase == JOB_WRITING || phase == JOB_VERIFYING;
}

static double rate(const struct board_line *l, int64_t now_ms)
{
	int64_t ms = now_ms - l->begun_ms;

	return ms > 0 ? (double)l->done / (double)ms * 1000 : 0;
}

static char *pace_text(uint64_t total, const struct board_line *l, int64_t now_ms)
{
	double per_second = rate(l, now_ms);
	int64_t quiet = now_ms - l->changed_ms;

	if (quiet >= STALLED_MS)
		return xasprintf("no answer for %lld s", (long long)quiet / 1000);
	if (per_second < 1)
		return xstrdup("");
	unsigned left = (unsigned)((double)(total - l->done) / per_second + 0.5);
	return xasprintf("%5.1f MB/s  %u:%02u left", per_second / 1e6, left / 60, left % 60);
}

char *board_text(const struct job *j, const struct board_line *l, int64_t now_ms)
{
	static const char full[] = "####################", empty[] = "....................";
	uint64_t total = j->plan->bytes;
	const char *path = j->device.path, *label = j->plan->label;

	if (!is_moving(l->phase))
		return xasprintf("%s  %s  %s", path, label, phase_names[l->phase]);
	_cleanup_free_ char *pace = pace_text(total, l, now_ms);
	int share = total ? (int)(l->done * 100 / total) : 100;
	int bar = share * BAR / 100;
	return xasprintf("%s  %s  %-9s [%.*s%.*s] %3d%%  %s", path, label, phase_names[l->phase],
		bar, full, BAR - bar, empty, share, pace);
}

void board_begin(struct board *b, FILE *out, const struct job *jobs, size_t n)
{
	*b = (struct board){.out = out, .jobs = jobs, .n = n};
	b->terminal = isatty(fileno(out));
	b->lines = xcalloc(n, sizeof(*b->lines));
	for (size_t i = 0; i < n; i++)
		b->lines[i].started_ms = b->lines[i].changed_ms = boottime_ms();
}

void board_end(struct board *b)
{
	free(b->lines);
	*b = (struct board){0};
}

/* Without a terminal: "/dev/sdb: writing pi1 of garden, 1234 MB". */
static void tell(
	const struct board *b, const struct job *j, const struct board_line *l, int64_t now)
{
	double mb = (double)j->plan->bytes / 1e6, s = (double)(now - l->started_ms) / 1000;

	if (l->phase == JOB_WRITING)
		fprintf(b->out, "%s: writing %s, %.0f MB\n", j->device.path, j->plan->label, mb);
	else if (l->phase == JOB_VERIFYING)
		fprintf(b->out, "%s: verifying\n", j->device.path);
	else if (l->phase == JOB_DONE)
		fprintf(b->out, "%s: done in %.1f s\n", j->device.path, s);
}

static void tell_stalled(
	const struct board *b, const struct job *j, struct board_line *l, int64_t now)
{
	if (l->told_stalled || !is_moving(l->phase) || now - l->changed_ms < STALLED_LONG_MS)
		return;
	fprintf(b->out, "%s: has not answered for %lld s; still waiting for it\n", j->device.path,
		(long long)(now - l->changed_ms) / 1000);
	l->told_stalled = true;
}

/* Takes over what the thread has written since; did the phase change? */
static bool refresh(struct board_line *l, const struct job *j, int64_t now)
{
	enum job_phase phase = atomic_load(&j->phase);
	uint64_t done = atomic_load(&j->done);
	bool changed = phase != l->phase;

	if (changed)
		l->begun_ms = now;
	if (changed || done != l->done) {
		l->changed_ms = now;
		l->told_stalled = false;
	}
	l->phase = phase;
	l->done = done < j->plan->bytes ? done : j->plan->bytes; /* pieces done twice */
	return changed;
}

/* A line that wraps would be drawn over from its second half. */
static int columns(FILE *f)
{
	struct winsize size;

	return ioctl(fileno(f), TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
}

static void draw(struct board *b, int64_t now)
{
	int width = columns(b->out);

	if (b->drawn)
		fprintf(b->out, "\033[%zuA", b->n);
	for (size_t i = 0; i < b->n; i++) {
		_cleanup_free_ char *text = board_text(&b->jobs[i], &b->lines[i], now);
		fprintf(b->out, "\r%.*s\033[K\n", width, text);
	}
	fflush(b->out);
	b->drawn = true;
}

void board_update(struct board *b, int64_t now_ms)
{
	for (size_t i = 0; i < b->n; i++) {
		struct board_line *l = &b->lines[i];
		bool changed = refresh(l, &b->jobs[i], now_ms);
		if (b->terminal)
			continue;
		if (changed)
			tell(b, &b->jobs[i], l, now_ms);
		tell_stalled(b, &b->jobs[i], l, now_ms);
	}
	if (b->terminal)
		draw(b, now_ms);
}
