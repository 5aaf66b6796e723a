/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <sys/ioctl.h>
#include "screen.h"

void screen_begin(struct screen *s, FILE *out)
{
	*s = (struct screen){.out = out, .terminal = isatty(fileno(out)) == 1};
}

struct render_style screen_style(const struct screen *s)
{
	struct winsize ws;
	const char *no_colour = getenv("NO_COLOR");

	if (!s->terminal)
		return (struct render_style){0};
	if (ioctl(fileno(s->out), TIOCGWINSZ, &ws) < 0 || ws.ws_col == 0)
		ws.ws_col = 80;
	return (struct render_style){.width = ws.ws_col, .colour = !no_colour || !*no_colour};
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (const char *s = text; (s = strchr(s, '\n')); s++)
		n++;
	return n;
}

void screen_draw(struct screen *s, const char *text)
{
	if (s->terminal && s->lines)
		fprintf(s->out, "\033[%zuA\r\033[J", s->lines);
	fputs(text, s->out);
	fflush(s->out);
	s->lines = count_lines(text);
}

void screen_end(struct screen *s)
{
	s->lines = 0;
	fflush(s->out);
}
