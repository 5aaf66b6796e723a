/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proxy_lines.h"
#include <string.h>
#include "util.h"

#define ADDRESSES " http = \""

void proxy_lines_member(struct buf *to, const char *name, unsigned id, const char *address)
{
	buf_printf(to,
		"member \"%s\" { id = %u" ADDRESSES "%s:7474\" bolt = \"%s:7687\" "
		"agent = \"%s:7470\" }\n",
		name, id, address, address, address);
}

/* How much of the line counts: in a member's, what is before its addresses. */
static size_t counted(const char *line)
{
	size_t n = strcspn(line, "\n");
	const char *addresses = memmem(line, n, ADDRESSES, strlen(ADDRESSES));

	return str_starts(line, "member \"") && addresses ? (size_t)(addresses - line) : n;
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return line + (*line != '\0');
}

bool proxy_lines_same(const char *a, const char *b)
{
	for (; *a && *b; a = next_line(a), b = next_line(b)) {
		size_t n = counted(a);
		if (n != counted(b) || memcmp(a, b, n) != 0)
			return false;
	}
	return !*a && !*b;
}
