/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "text.h"

static char printable(char c)
{
	return c >= 0x20 && c < 0x7f ? c : '?';
}

void text_json(struct buf *out, const char *s)
{
	buf_puts(out, "\"");
	for (; *s; s++) {
		char c = printable(*s);
		if (c == '"' || c == '\\')
			buf_puts(out, "\\");
		buf_add(out, &c, 1);
	}
	buf_puts(out, "\"");
}

static const char *entity(char c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void text_html(struct buf *out, const char *s)
{
	for (; *s; s++) {
		char c = printable(*s);
		const char *e = entity(c);
		if (e)
			buf_puts(out, e);
		else
			buf_add(out, &c, 1);
	}
}

void text_csv(struct buf *out, const char *s)
{
	for (; *s; s++) {
		char c = printable(*s);
		if (c == ',' || c == '"')
			c = '_';
		buf_add(out, &c, 1);
	}
}
