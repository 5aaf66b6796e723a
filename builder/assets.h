/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_ASSETS_H
#define BRAMBLE_ASSETS_H

#include <stddef.h>
#include "hash.h"

/*
 * Everything that goes onto a card except the base image, Neo4j and Java is one tar inside this
 * program: overlays/{common,data,proxy}/ laid out as on the card and programs/ARCH/.
 */
extern const unsigned char assets[];
extern const size_t assets_size;

/* One hash of all that lies below `top` ("overlays/common"), whatever made the tar. */
MUST_CHECK int assets_digest(const char *top, char hex[static HASH_HEX], struct err *e);

/* examples/garden.conf, what `bramble init` writes. */
extern const char garden_conf[];
extern const size_t garden_conf_size;

/* builder/fetch/catalogue.json, what `bramble fetch` knows by itself. */
extern const char catalogue_json[];
extern const size_t catalogue_json_size;

#endif
