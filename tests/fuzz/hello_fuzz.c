/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes, as a datagram and as the body of one. What must hold: what decodes encodes to the
 * same bytes, its texts end and are printable, and nothing unsealed opens. Built with libFuzzer,
 * or with replay.c to run a corpus.
 */
// use: node-agent/hello.c node-agent/quorum/wire.c
#include <stdlib.h>
#include <string.h>
#include "node-agent/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool held)
{
	if (!held)
		abort();
}

static void must_be_text(const char *s, size_t size)
{
	size_t n = strnlen(s, size);

	must(n < size);
	for (size_t i = 0; i < n; i++)
		must(s[i] >= ' ' && s[i] <= '~');
}

static void try_body(const uint8_t *body, size_t n)
{
	struct hello h;
	struct manifest value;
	uint8_t again[HELLO_BODY_MAX];

	if (hello_decode(body, n, &h, &value) < 0)
		return;
	must_be_text(h.sender, sizeof(h.sender));
	must_be_text(h.why, sizeof(h.why));
	must_be_text(h.neo4j, sizeof(h.neo4j));
	must(hello_encode(&h, &value, again) == n);
	must(memcmp(body, again, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hello_key key = {{1}};
	struct hello h;
	struct manifest value;

	must(hello_open(&key, data, size, &h, &value) != HELLO_OK);
	try_body(data, size);
	return 0;
}
