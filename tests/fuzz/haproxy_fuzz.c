/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as haproxy.cfg. What must hold: a result is a proxy.conf that is taken, and it and the
 * notes are lines of printable text.
 */
// use: proxy/import/haproxy.c proxy/import/words.c proxy/import/write.c proxy/proxy_conf.c
// use: proxy/members/dialect.c
// mutations: 1000
#include "fuzz.h"
#include "proxy/import/haproxy.h"
#include "proxy/proxy_conf.h"

static void must_be_lines(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		must(b->data[i] == '\n' || b->data[i] < 0 ||
			(b->data[i] >= ' ' && b->data[i] != 0x7f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf conf = {0}, notes = {0};
	struct err e = {0};

	if (haproxy_import("f", (const char *)data, size, &conf, &notes, &e) < 0) {
		must(e.code != 0);
		return 0;
	}
	must_be_lines(&conf);
	must_be_lines(&notes);
	return 0;
}
