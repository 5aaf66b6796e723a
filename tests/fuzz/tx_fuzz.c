// use: proxy/http/tx.c proxy/http/tx_body.c
/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a target, as an id and as an answer's body about a transaction. What must hold: ids
 * that decode belong to one server and encode to the same id again; a body comes out the same
 * however it is cut, and what has no watched string comes out as it went in.
 */
#include "fuzz.h"
#include "http/tx_body.h"

static bool same(const struct buf *b, const char *p, size_t n)
{
	return b->len == n && memcmp(buf_str(b), p, n) == 0;
}

static void try_target(const char *p, size_t n)
{
	struct tx_target t = tx_parse_target((struct slice){p, n});

	must((t.kind == TX_OPEN) == (t.id.n > 0));
	must(!t.id.n || (t.id.p > p && t.id.p + t.id.n <= p + n));
}

static void try_id(enum tx_api api, const char *p, size_t n)
{
	struct buf own = {0}, again = {0};
	int server = tx_decode_id(api, (struct slice){p, n}, &own);

	must(server == -1 || (server > 0 && server < TX_SERVERS));
	if (server > 0 && p[0] != '0') {
		tx_encode_id(api, (struct slice){own.data, own.len}, (unsigned)server, &again);
		must(same(&again, p, n));
	}
	buf_free(&own);
	buf_free(&again);
}

static void rewrite(enum tx_api api, const char *p, size_t n, size_t step, struct buf *out)
{
	struct tx_body b;

	tx_body_start(&b, api, 127, "http://h:1");
	for (size_t at = 0; at < n; at += step)
		tx_body_pass(&b, (struct slice){p + at, n - at < step ? n - at : step}, out);
	tx_body_end(&b, out);
	tx_body_free(&b);
}

static void try_body(enum tx_api api, const char *p, size_t n)
{
	struct buf whole = {0}, bytes = {0}, threes = {0};

	rewrite(api, p, n, n ? n : 1, &whole);
	rewrite(api, p, n, 1, &bytes);
	rewrite(api, p, n, 3, &threes);
	must(same(&bytes, buf_str(&whole), whole.len) && same(&threes, buf_str(&whole), whole.len));
	must(memmem(p, n, api == TX_QUERY ? "id" : "commit", api == TX_QUERY ? 2 : 6) ||
		same(&whole, p, n));
	buf_free(&whole);
	buf_free(&bytes);
	buf_free(&threes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = malloc(size ? size : 1);

	must(p);
	if (size)
		memcpy(p, data, size);
	try_target(p, size);
	for (int api = TX_TRANSACTIONAL; api <= TX_QUERY; api++) {
		try_id((enum tx_api)api, p, size);
		try_body((enum tx_api)api, p, size);
	}
	free(p);
	return 0;
}
