/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HTTP_H
#define BRAMBLE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "err.h"

/*
 * One file by HTTP, through libcurl: http and https only, at most five redirects, never from https
 * to http, an end to servers that stall. Proxies are those of the environment (http_proxy,
 * https_proxy, ALL_PROXY, NO_PROXY), certificates those libcurl trusts.
 */
#define HTTP_VALIDATOR_MAX 256

/* Of the final answer, a 200 or 206. */
struct http_answer {
	bool partial;                       /* 206: only from `start` on */
	uint64_t start;                     /* where the body begins in the file */
	uint64_t total;                     /* of the whole file; 0: not told */
	char validator[HTTP_VALIDATOR_MAX]; /* for If-Range (RFC 9110 13.1.5); "": none */
};

enum http_end {
	HTTP_WHOLE, /* the body came to its end, or there is nothing from `from` on (416) */
	HTTP_LATER, /* broken off, stalled, or the server is busy: worth another try */
	HTTP_WRONG, /* this address will not do, trying again changes nothing */
	HTTP_STOP,  /* `begin` or `body` failed, or a signal came */
};

struct http_request {
	const char *url;
	uint64_t from;         /* what is there already; 0: all is wanted */
	const char *validator; /* of the file these bytes are of; "": none is known */
	unsigned stall_s;      /* give up when nothing worth the name comes for so long */
	/* Before the first byte of the body; not for a 416. */
	int (*begin)(void *arg, const struct http_answer *a, struct err *e);
	/* n > 0 bytes; n 0: none now, called about once a second while nothing comes. */
	int (*body)(void *arg, const void *p, size_t n, struct err *e);
	void *arg;
};

/* err is set unless HTTP_WHOLE; EXIT_FAILED for what the network or the server did. */
enum http_end http_get(const struct http_request *r, struct err *e);

#endif
