/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes, as a datagram and as the body of one. What must hold: what decodes encodes to the
 * same bytes, its texts end and are printable, and nothing unsealed opens. Built with libFuzzer,
 * or with replay.c to run a corpus.
 */
// use: node-agent/hello.c
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

static void try_body(const uint8_t body[HELLO_BODY])
{
	struct hello h;
	uint8_t again[HELLO_BODY];

	if (hello_decode(body, &h) < 0)
		return;
	must_be_text(h.sender, sizeof(h.sender));
	must_be_text(h.why, sizeof(h.why));
	hello_encode(&h, again);
	must(memcmp(body, again, HELLO_BODY) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hello_key key = {{1}};
	uint8_t body[HELLO_BODY] = {0};
	struct hello h;

	must(hello_open(&key, data, size, &h) != HELLO_OK);
	memcpy(body, data, size < HELLO_BODY ? size : HELLO_BODY);
	try_body(body);
	return 0;
}
