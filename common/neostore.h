/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NEOSTORE_H
#define BRAMBLE_NEOSTORE_H

#include "err.h"
#include <stddef.h>
#include <stdint.h>

/*
 * What a store at rest says of itself, from the beginning of its file `neostore`: records of 9
 * bytes, 1 in use and a big-endian number (NeoStore in 2.2, MetaDataStore in 3.0 to 3.5). Pure.
 */
#define NEOSTORE_NEEDS (9 * 4) /* so many bytes of it */

struct neostore {
	uint64_t created, random; /* together the store's id (StoreId) */
	uint64_t last_tx;         /* exact after an orderly end */
};

MUST_CHECK int neostore_parse(const void *p, size_t n, struct neostore *s, struct err *e);

#endif
