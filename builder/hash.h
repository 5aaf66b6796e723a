/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HASH_H
#define BRAMBLE_HASH_H

#include <sodium.h>
#include "util.h"

/*
 * Content keys: BLAKE2b (RFC 7693, 32 bytes) through libsodium. Each hash_* call adds a length
 * too, so that ("ab","c") and ("a","bc") differ.
 */
#define HASH_HEX (2 * crypto_generichash_BYTES + 1)

struct hash {
	crypto_generichash_state state;
};

void hash_begin(struct hash *h);
void hash_bytes(struct hash *h, const void *p, size_t n);
void hash_text(struct hash *h, const char *s);
/* The bytes of a file, or of every file of a folder in name order, names included. */
MUST_CHECK int hash_path(struct hash *h, const char *path, struct err *e);
/*
 * A folder's tree as it lies there, hidden files, modes and where links point to included; only the
 * folder itself may be reached by a link.
 */
MUST_CHECK int hash_tree(struct hash *h, const char *top, struct err *e);
void hash_end(struct hash *h, char hex[static HASH_HEX]);

/* n <= 64 bytes that depend on nothing but the key and the words: ids that never change. */
void hash_derive(uint8_t *out, size_t n, const char *key, const char *purpose, const char *name);

#endif
