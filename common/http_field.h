/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HTTP_FIELD_H
#define BRAMBLE_HTTP_FIELD_H

#include "slice.h"

/*
 * The fields that somebody here asks for. A name is looked up once, when it is parsed; whoever
 * asks compares numbers.
 */
enum http_name {
	FIELD_OTHER,
	FIELD_ACCEPT_ENCODING,
	FIELD_ACCESS_MODE,
	FIELD_AUTHORIZATION,
	FIELD_CONNECTION,
	FIELD_CONTENT_ENCODING,
	FIELD_CONTENT_LENGTH,
	FIELD_COOKIE,
	FIELD_EXPECT,
	FIELD_HOST,
	FIELD_KEEP_ALIVE,
	FIELD_LOCATION,
	FIELD_MAX_FORWARDS,
	FIELD_ORIGIN,
	FIELD_PROXY_AUTHENTICATE,
	FIELD_PROXY_CONNECTION,
	FIELD_SEC_FETCH_SITE,
	FIELD_SEC_WEBSOCKET_KEY,
	FIELD_SEC_WEBSOCKET_VERSION,
	FIELD_TE,
	FIELD_TRAILER,
	FIELD_TRANSFER_ENCODING,
	FIELD_UPGRADE,
	FIELD_X_BRAMBLE_BOOKMARK,
	FIELD_X_FORWARDED_FOR,
	FIELD_X_FORWARDED_HOST,
	FIELD_X_FORWARDED_PROTO,
	FIELD_X_WRITE,
	FIELD_NAMES, /* how many; a set of them is a uint32_t */
};

/* Sets of names: 1 << FIELD_HOST | ... */
#define FIELD_BIT(name) (UINT32_C(1) << (name))

/* Whatever the case of its letters (RFC 9110 5.1). */
enum http_name http_name_of(struct slice name);

#endif
