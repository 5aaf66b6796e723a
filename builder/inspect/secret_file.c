/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "secret_file.h"

size_t secret_lines(const struct buf *text, size_t digits)
{
	const char *p = buf_str(text);
	size_t n = text->len / (digits + 1);

	for (size_t i = 0; i < n; i++, p += digits + 1) {
		if (strspn(p, "0123456789abcdef") != digits || p[digits] != '\n')
			return 0;
	}
	return text->len == n * (digits + 1) ? n : 0;
}

static bool is_line(const struct buf *text, size_t line, const char *secret)
{
	size_t n = strlen(secret);

	return n && memcmp(buf_str(text) + line * (n + 1), secret, n) == 0;
}

bool secret_is_changing(const struct buf *text, const struct state *s)
{
	switch (secret_lines(text, sizeof(s->secret) - 1)) {
	case 1:
		return is_line(text, 0, s->next) && !is_line(text, 0, s->secret);
	case 2:
		return is_line(text, 0, s->secret) || is_line(text, 1, s->secret);
	default:
		return false;
	}
}
