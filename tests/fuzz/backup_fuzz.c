/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a backup's last entry, and as a store's file neostore. What must hold: what is
 * accepted fits, is text, and is the same when it is written and read again.
 */
// use: builder/backup/about.c
#include "backup/about.h"
#include "fuzz.h"

static void try_about(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf text = {0};
	struct backup_about a, again;
	struct err e;

	if (about_parse((const char *)data, size, &a, &e) < 0)
		return;
	must(strnlen(a.cluster, sizeof(a.cluster)) < sizeof(a.cluster));
	about_format(&a, &text);
	must(about_parse(buf_str(&text), text.len, &again, &e) == 0);
	must(strcmp(a.neo4j, again.neo4j) == 0 && a.store.created == again.store.created &&
		a.store.random == again.store.random && a.store.last_tx == again.store.last_tx &&
		memcmp(a.sums.digest, again.sums.digest, PACK_DIGEST) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct neostore s;
	struct err e;

	try_about(data, size);
	if (neostore_parse(data, size, &s, &e) == 0)
		must(s.last_tx <= INT64_MAX);
	return 0;
}
