/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as bramble.quorum, and behind a head with the right sum, for no mutation finds that by
 * itself. What must hold: what is parsed is formatted to the same bytes.
 */
// use: node-agent/memory.c node-agent/quorum/wire.c
#include <sodium.h>
#include "fuzz.h"
#include "node-agent/memory.h"

static void try(const uint8_t *p, size_t n)
{
	static struct durable d;
	uint8_t again[MEMORY_MAX];

	if (memory_parse(p, n, &d) < 0)
		return;
	must(d.manifest.n <= MANIFEST_MAX && d.acceptor.value.n <= MANIFEST_MAX);
	must(memory_format(&d, again) == n);
	must(memcmp(p, again, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char format[] = "bramble quorum3\n";
	uint8_t file[MEMORY_MAX + 64];
	size_t text = sizeof(format) - 1;

	try(data, size);
	if (size > sizeof(file) - MEMORY_HEAD)
		return 0;
	memcpy(file, format, text);
	crypto_generichash(file + text, MEMORY_HEAD - text, data, size, NULL, 0);
	memcpy(file + MEMORY_HEAD, data, size);
	try(file, MEMORY_HEAD + size);
	return 0;
}
