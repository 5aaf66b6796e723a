/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a request with a bookmark. What must hold: its time is none to come, another proxy's
 * is now, and what is written for it is read as it was.
 */
// use: proxy/http/bookmark.c
#include <string.h>
#include "fuzz.h"
#include "http/bookmark.h"

#define ID 0xfeedbeefu
#define NOW 1000000

static void must_come_back(int64_t since_ms)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\nX-Bramble-Bookmark: ";
	_cleanup_buf_ struct buf b = {0};
	char token[BOOKMARK_MAX];
	struct http_head h;

	bookmark_format(ID, since_ms, token);
	buf_printf(&b, "%s%s\r\n\r\n", request, token);
	must(http_parse_request(buf_str(&b), b.len, &h) > 0);
	struct bookmark again = bookmark_read(&h, ID, NOW);
	must(again.by == BOOKMARK_FIELD && again.since_ms == since_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_head h;

	if (http_parse_request((const char *)data, size, &h) <= 0)
		return 0;
	struct bookmark ours = bookmark_read(&h, ID, NOW), other = bookmark_read(&h, ~ID, NOW);
	must(ours.by == other.by);
	if (ours.by == BOOKMARK_NONE)
		return 0;
	must(ours.since_ms > 0 && ours.since_ms <= NOW);
	must(ours.since_ms == NOW || other.since_ms == NOW);
	must_come_back(ours.since_ms);
	return 0;
}
