/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_HTTP_BOOKMARK_H
#define PROXY_HTTP_BOOKMARK_H

#include <stdint.h>
#include "buf.h"
#include "http_head.h"

/*
 * A client that wants to read what it wrote says so with a field or a cookie, whose value it takes
 * from each answer to the next request:
 *
 *	X-Bramble-Bookmark: TOKEN
 *	Cookie: bramble-bookmark=TOKEN
 *
 * A token is a time on the clock of one process of the proxy, "ID-MS": what was acknowledged before
 * it, the client is to see. Nothing is remembered here. Any other value, "new" for one, another
 * proxy's token or one from before a restart, stands for the moment the request arrives: that is
 * never too early. A token made up only harms who made it.
 */
enum bookmark_by { BOOKMARK_NONE, BOOKMARK_FIELD, BOOKMARK_COOKIE };

struct bookmark {
	enum bookmark_by by;
	int64_t since_ms; /* all that was acknowledged before is to be seen */
};

#define BOOKMARK_MAX 32

struct bookmark bookmark_read(const struct http_head *h, uint32_t id, int64_t now_ms);
/* "new" for the time of the next request. */
#define BOOKMARK_NEW "new"
void bookmark_format(uint32_t id, int64_t since_ms, char token[static BOOKMARK_MAX]);
/* The answer's fields for it: the client's next request brings the token back. */
void bookmark_put(enum bookmark_by by, const char *token, struct buf *out);

#endif
