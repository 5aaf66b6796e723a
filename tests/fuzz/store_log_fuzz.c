/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as Neo4j's log: whatever is told of them is told of their lines. */
// use: node-agent/health/store_log.c
#include <string.h>
#include "fuzz.h"
#include "node-agent/health/store_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = text + size;
	bool any = false;

	for (const char *line = text; line < end;) {
		const char *next = memchr(line, '\n', (size_t)(end - line));
		any |= store_log_tells_panic(line, (size_t)((next ? next : end) - line));
		line = next ? next + 1 : end;
	}
	must(store_log_tells_panic(text, size) == any);
	return 0;
}
