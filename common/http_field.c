/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <stdint.h>
#include "http_field.h"
#include "util.h"

#define NAME(text, is)                     \
	{                                  \
		sizeof(text) - 1, is, text \
	}

/* By length. */
static const struct {
	unsigned char n;
	unsigned char is;
	const char *text;
} names[] = {
	NAME("TE", FIELD_TE),
	NAME("Host", FIELD_HOST),
	NAME("Cookie", FIELD_COOKIE),
	NAME("Expect", FIELD_EXPECT),
	NAME("Origin", FIELD_ORIGIN),
	NAME("Trailer", FIELD_TRAILER),
	NAME("Upgrade", FIELD_UPGRADE),
	NAME("X-Write", FIELD_X_WRITE),
	NAME("Location", FIELD_LOCATION),
	NAME("Connection", FIELD_CONNECTION),
	NAME("Keep-Alive", FIELD_KEEP_ALIVE),
	NAME("access-mode", FIELD_ACCESS_MODE),
	NAME("Max-Forwards", FIELD_MAX_FORWARDS),
	NAME("Authorization", FIELD_AUTHORIZATION),
	NAME("Content-Length", FIELD_CONTENT_LENGTH),
	NAME("Sec-Fetch-Site", FIELD_SEC_FETCH_SITE),
	NAME("Accept-Encoding", FIELD_ACCEPT_ENCODING),
	NAME("X-Forwarded-For", FIELD_X_FORWARDED_FOR),
	NAME("Content-Encoding", FIELD_CONTENT_ENCODING),
	NAME("Proxy-Connection", FIELD_PROXY_CONNECTION),
	NAME("X-Forwarded-Host", FIELD_X_FORWARDED_HOST),
	NAME("Sec-WebSocket-Key", FIELD_SEC_WEBSOCKET_KEY),
	NAME("Transfer-Encoding", FIELD_TRANSFER_ENCODING),
	NAME("X-Forwarded-Proto", FIELD_X_FORWARDED_PROTO),
	NAME("Proxy-Authenticate", FIELD_PROXY_AUTHENTICATE),
	NAME("X-Bramble-Bookmark", FIELD_X_BRAMBLE_BOOKMARK),
	NAME("Sec-WebSocket-Version", FIELD_SEC_WEBSOCKET_VERSION),
};

static_assert(ARRAY_SIZE(names) == FIELD_NAMES - 1, "each has a name");
static_assert(FIELD_NAMES <= 32, "a set of them fits");

enum http_name http_name_of(struct slice name)
{
	for (size_t i = 0; i < ARRAY_SIZE(names) && names[i].n <= name.n; i++) {
		/* The first letter spares most of the calls. */
		if (names[i].n == name.n && !((names[i].text[0] ^ name.p[0]) & ~0x20) &&
			strncasecmp(names[i].text, name.p, name.n) == 0)
			return (enum http_name)names[i].is;
	}
	return FIELD_OTHER;
}
