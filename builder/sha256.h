/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SHA256_H
#define BRAMBLE_SHA256_H

#include <stdint.h>
#include "util.h"

/*
 * SHA-256 by OpenSSL's libcrypto, for what others check: bmap, manifest.json, os_list.json. It uses
 * the processor's own instructions: an image of 4 GB takes 2 s instead of 15 with libsodium's.
 * Our own keys are BLAKE2b (hash.h).
 */
#define SHA256_SIZE 32u
#define SHA256_HEX (2 * SHA256_SIZE + 1)

struct sha256 {
	void *context;
};

void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *p, size_t n);
/* To be called once for each sha256_begin. */
void sha256_end(struct sha256 *s, uint8_t sum[static SHA256_SIZE]);

/* Of the n bytes of an open file from `at` on. Stops with EXIT_INTERRUPTED on a signal. */
MUST_CHECK int sha256_range(
	int fd, uint64_t at, uint64_t n, uint8_t sum[static SHA256_SIZE], struct err *e);
/* Of a whole file, in hex; *size, when not NULL, is its length. */
MUST_CHECK int sha256_file(
	const char *path, char hex[static SHA256_HEX], uint64_t *size, struct err *e);

#endif
