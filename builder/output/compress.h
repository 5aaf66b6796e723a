/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_COMPRESS_H
#define BRAMBLE_COMPRESS_H

#include "outputs.h"
#include "progress.h"
#include "sha256.h"

/*
 * Compresses an image into the new file `to` (mode 0600) by libarchive's filters, with a thread per
 * processor; the number of threads does not change the bytes. Holes of the image are not read. The
 * sums of what went in and of what came out are made on the way.
 */
struct compressed {
	uint64_t image_size, size;
	char image_sha256[SHA256_HEX], sha256[SHA256_HEX];
};
MUST_CHECK int compress_image(const char *image, const char *to, enum compress how,
	struct compressed *c, struct progress *p, struct err *e);

/* "xz", "zst": what such a file's name ends with. */
const char *compress_suffix(enum compress how);

#endif
