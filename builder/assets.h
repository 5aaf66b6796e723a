/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BRAMBLE_ASSETS_H
#define BRAMBLE_ASSETS_H

#include <stddef.h>

/*
 * Everything that goes onto a card except the base image, Neo4j and Java is one tar inside this
 * program: overlays/{common,data,proxy}/ laid out as on the card and programs/ARCH/.
 */
extern const unsigned char assets_start[], assets_end[];

/* examples/garden.conf, what `bramble init` writes. */
extern const char garden_conf[], garden_conf_end[];

static inline size_t assets_size(void)
{
	return (size_t)(assets_end - assets_start);
}

#endif
