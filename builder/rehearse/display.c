/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <string.h>
#include "display.h"

#define REDRAW_MS 200

static double seconds(int64_t ms)
{
	return (double)ms / 1000;
}

static const struct event *first_event(const struct rehearsal *r, const char *what)
{
	for (size_t i = 0; i < r->nevents; i++) {
		if (strcmp(r->events[i].what, what) == 0)
			return &r->events[i];
	}
	return NULL;
}

static void put_title(const struct rehearsal *r, const struct cluster_view *v, struct buf *out)
{
	const struct event *on = first_event(r, "power_on"), *formed = first_event(r, "formed");
	_cleanup_buf_ struct buf why = {0};

	buf_printf(out, "%s: %zu machines on this computer", r->cluster, r->nmachines);
	if (on && formed)
		buf_printf(out, ", formed %.1f s after power-on", seconds(formed->ms - on->ms));
	else if (on)
		buf_printf(out, ", %.0f s after power-on", seconds(boottime_ms() - on->ms));
	if (formed && !view_formed(v, &why))
		buf_puts(out, ", now degraded");
	buf_puts(out, "\n");
}

static void put_addresses(const struct rehearsal *r, struct buf *out)
{
	for (size_t i = 0; i < r->nforwards; i++)
		buf_printf(out, "%s%s http://127.0.0.1:%u/", i ? "  " : "", r->forwards[i].label,
			r->forwards[i].host_port);
	if (r->nforwards)
		buf_puts(out, "\n");
}

/* A line longer than the terminal would wrap, and the redraw would climb too few lines. */
static void cut_lines(const char *text, size_t width, struct buf *out)
{
	for (const char *s = text; *s;) {
		size_t n = strcspn(s, "\n");
		buf_add(out, s, width && n > width ? width : n);
		buf_puts(out, "\n");
		s += n + (s[n] == '\n');
	}
}

void display_block(const struct rehearsal *r, const struct cluster_view *v,
	const struct render_style *style, struct buf *out)
{
	_cleanup_buf_ struct buf head = {0}, foot = {0};

	put_title(r, v, &head);
	rehearsal_twin_text(r, &head);
	cut_lines(buf_str(&head), style->width, out);
	render_table(v, style, out);
	put_addresses(r, &foot);
	cut_lines(buf_str(&foot), style->width, out);
}

void display_begin(struct display *d, FILE *out)
{
	*d = (struct display){.start_ms = boottime_ms()};
	screen_begin(&d->screen, out);
}

static void say_changes(struct display *d, const struct cluster_view *v)
{
	for (size_t i = 0; i < v->nnodes; i++) {
		_cleanup_buf_ struct buf line = {0};
		render_line(&v->nodes[i], &line);
		if (d->said[i] && strcmp(d->said[i], buf_str(&line)) == 0)
			continue;
		free(d->said[i]);
		d->said[i] = xstrdup(buf_str(&line));
		display_say(d, "%s", d->said[i]);
	}
}

void display_update(struct display *d, const struct rehearsal *r, const struct cluster_view *v)
{
	_cleanup_buf_ struct buf text = {0};
	int64_t now = boottime_ms();

	if (!d->screen.terminal) {
		say_changes(d, v);
		return;
	}
	if (now - d->drawn_ms < REDRAW_MS)
		return;
	d->drawn_ms = now;
	struct render_style style = screen_style(&d->screen);
	display_block(r, v, &style, &text);
	screen_draw(&d->screen, buf_str(&text));
}

void display_say(struct display *d, const char *fmt, ...)
{
	va_list ap;

	screen_end(&d->screen);
	if (!d->screen.terminal)
		fprintf(d->screen.out, "[%6.1f s] ", seconds(boottime_ms() - d->start_ms));
	va_start(ap, fmt);
	vfprintf(d->screen.out, fmt, ap);
	va_end(ap);
	fputc('\n', d->screen.out);
	fflush(d->screen.out);
}

void display_end(struct display *d)
{
	screen_end(&d->screen);
	for (size_t i = 0; i < ARRAY_SIZE(d->said); i++)
		free(d->said[i]);
	memset(d->said, 0, sizeof(d->said));
}
