/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_MEMORY_H
#define BRAMBLE_MEMORY_H

#include "quorum/wire.h"

/*
 * What the quorum must not forget, in DIR/bramble.quorum on p3: a line that names the format,
 * BLAKE2b of the rest, the rest (wire.h). Replaced as a whole and synced before anybody hears of
 * it.
 */

/*
 * A card without the file begins with nothing but a new incarnation: it has no vote until an epoch
 * gives it one. So does one whose file is damaged, which is kept as bramble.quorum.damaged.
 */
MUST_CHECK int memory_load(const char *dir, struct durable *d, struct err *e);
MUST_CHECK int memory_save(const char *dir, const struct durable *d, struct err *e);

/* Pure. memory_parse returns -1 for what memory_format never makes. */
#define MEMORY_HEAD 48
#define MEMORY_MAX (MEMORY_HEAD + DURABLE_WIRE_MAX)
size_t memory_format(const struct durable *d, uint8_t to[]);
MUST_CHECK int memory_parse(const uint8_t *p, size_t n, struct durable *d);

#endif
