/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "hosts_lines.h"
#include "util.h"

void hosts_lines_shared(const char *text, struct buf *to)
{
	while (*text) {
		size_t n = strcspn(text, "\n"), before = to->len;
		buf_add(to, text, n);
		buf_puts(to, "\n");
		if (buf_ok(to) && str_ends(to->data + before, HOSTS_OWN)) {
			to->len = before;
			to->data[before] = '\0';
		}
		text += n + (text[n] != '\0');
	}
}
