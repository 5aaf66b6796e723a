/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_URL_H
#define BRAMBLE_URL_H

#include "util.h"

/* Addresses, taken apart by libcurl. What is returned is the caller's. */

/* A whole address of that scheme ("https"), or of http or https? */
bool url_has_scheme(const char *url, const char *scheme);
bool url_is_web(const char *url);

/* For messages: without user, password and what follows a "?". */
char *url_shown(const char *url);

/* What its path ends with, "" when that is a slash: https://a.org/x/y.img?z has y.img. */
char *url_file(const char *url);

/*
 * The same file on a mirror: its path behind the mirror's address.
 * https://a.org/x/y.img on http://b.net/pub/ is http://b.net/pub/x/y.img. NULL: malformed.
 */
char *url_on_mirror(const char *url, const char *mirror);

#endif
