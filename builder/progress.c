/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <unistd.h>
#include "progress.h"
#include "util.h"

#define BAR 24

static void draw(struct progress *p)
{
	static const char full[] = "########################", empty[] = "........................";
	double share = p->total ? (double)p->done / (double)p->total : 0;

	if (share > 1)
		share = 1;
	int n = (int)((p->step - 1 + share) / p->steps * BAR);
	fprintf(p->out, "\r[%.*s%.*s] %u/%u %s\033[K", n, full, BAR - n, empty, p->step, p->steps,
		p->what);
	fflush(p->out);
	p->drawn_ms = boottime_ms();
}

void progress_begin(struct progress *p, FILE *out, unsigned steps)
{
	*p = (struct progress){.out = out, .steps = steps};
	p->terminal = out && isatty(fileno(out));
}

void progress_step(struct progress *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->what, sizeof(p->what), fmt, ap);
	va_end(ap);
	if (p->step < p->steps)
		p->step++;
	p->done = p->total = 0;
	p->started_ms = boottime_ms();
	if (p->terminal)
		draw(p);
	else if (p->out)
		fprintf(p->out, "[%u/%u] %s\n", p->step, p->steps, p->what);
}

void progress_at(struct progress *p, uint64_t done, uint64_t total)
{
	p->done = done;
	p->total = total;
	if (p->terminal && boottime_ms() - p->drawn_ms >= 100)
		draw(p);
}

void progress_end(struct progress *p)
{
	if (p->terminal && p->step)
		fputs("\r\033[K", p->out);
}
