/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes, read as a request, as a response and as a chunked body. What must hold whatever they
 * are: no read outside of them, slices inside of them, and the same answer in one piece and
 * in growing prefixes. Built with libFuzzer, or with replay.c to run a corpus.
 */
#include <stdlib.h>
#include <string.h>
#include "http_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool held)
{
	if (!held)
		abort();
}

static void must_be_inside(struct slice s, const char *p, size_t n)
{
	must(!s.n || (s.p >= p && s.p + s.n <= p + n));
}

static void check_head(const struct http_head *h, int r, const char *p, size_t n)
{
	must(r >= -505 && r <= (int)HTTP_MAX_HEAD);
	if (r <= 0)
		return;
	must((size_t)r == h->len && h->len <= n && h->nfields <= HTTP_MAX_FIELDS);
	must_be_inside(h->method, p, n);
	must_be_inside(h->target, p, n);
	must_be_inside(h->reason, p, n);
	for (size_t i = 0; i < h->nfields; i++) {
		must_be_inside(h->fields[i].name, p, n);
		must_be_inside(h->fields[i].value, p, n);
		must(!memchr(h->fields[i].value.p, '\n', h->fields[i].value.n));
		must(!memchr(h->fields[i].value.p, '\r', h->fields[i].value.n));
	}
}

static int parse(bool request, const char *p, size_t n, struct http_head *h)
{
	return request ? http_parse_request(p, n, h)
		       : http_parse_response(p, n, (struct slice){"GET", 3}, h);
}

static void try_head(bool request, const char *p, size_t n)
{
	struct http_head h;
	int whole = parse(request, p, n, &h), r = 0;

	check_head(&h, whole, p, n);
	for (size_t i = 0; i <= n && r == 0; i++)
		r = parse(request, p, i, &h);
	must(r == whole);
}

/* The sum of the data and whether it ended well, however it was cut. */
static long decode(const char *p, size_t n, size_t step)
{
	struct http_chunked c = {0};
	long sum = 0;

	for (size_t at = 0, have = 0; have < n && !c.done;) {
		have = n - have > step ? have + step : n;
		struct slice run;
		long used = 1;
		while (used > 0) {
			used = http_chunked_next(&c, p + at, have - at, &run);
			if (used < 0)
				return -1;
			must((size_t)used <= have - at);
			must_be_inside(run, p, n);
			for (size_t i = 0; i < run.n; i++)
				sum = sum * 31 % 1000003 + run.p[i];
			at += (size_t)used;
		}
	}
	return c.done ? sum : -2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = malloc(size ? size : 1);

	if (!p)
		return 0;
	if (size)
		memcpy(p, data, size);
	try_head(true, p, size);
	try_head(false, p, size);
	must(decode(p, size, size ? size : 1) == decode(p, size, 1));
	free(p);
	return 0;
}
