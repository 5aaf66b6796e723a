/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CONF_HASH_H
#define BRAMBLE_CONF_HASH_H

#include "cluster/cluster.h"
#include "hash.h"

/*
 * The hash of what a generation is made from: cluster.conf, and of the files it names those that
 * `bramble apply` sends too: overlays, plugins, the proxies' certificate and its key. One that is
 * not there counts as missing: who needs it says so. It tells when contents changed and is no
 * secret's stand-in: keep it as the key.
 */
MUST_CHECK int conf_hash(const struct cluster *c, char hash[static HASH_HEX], struct err *e);

#endif
