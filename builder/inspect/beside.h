/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_INSPECT_BESIDE_H
#define BRAMBLE_INSPECT_BESIDE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What the build left in manifest.json beside an image ("x/n1.img", "x/n1.img.zst") about it.
 * Nothing of it is proven; strings are NULL and numbers 0 where it says nothing.
 */
struct beside {
	char *path; /* of the manifest */
	bool there;
	char *trouble; /* it cannot be read */
	char *node, *cluster, *cluster_id;
	bool for_all;  /* the image is for all nodes; node is NULL then */
	char *sha256;  /* of the uncompressed image, in hex */
	uint64_t size; /* of that too */
};

void beside_read(struct beside *b, const char *image);
void beside_free(struct beside *b);
#define _cleanup_beside_ _cleanup_(beside_free)

#endif
