/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FLASH_KEEP_H
#define BRAMBLE_FLASH_KEEP_H

#include <stddef.h>
#include "inspect/card.h"

/*
 * May p3 of a card stay while its p1 and p2 are replaced from an image? Only when all that says
 * whose it is agrees: disk id, p3's start and label, cluster, node, and a store that the image's
 * Neo4j can open. Whatever cannot be read is no agreement.
 *
 * Pure: both cards were read before. A store of an older Neo4j waits for `bramble upgrade`, if its
 * card tells the version, for then the agent starts nothing on it (node-agent/store_version.h), and
 * if the new one has to run alone once (neo4j_upgrade.h). With allow_upgrade the card does that by
 * itself. Neither can be done to a store that was not closed, as when power was cut: its log is in
 * a form only its own Neo4j reads (tried: 2.3.1 under 3.5). Without it no store is kept that would
 * be opened as it is, and no way back, nor one of an unknown version, because a card of an early
 * bramble tells none.
 */
enum keep_store {
	KEEP_OPENS, /* by the image's Neo4j as it is; or there is none */
	KEEP_WAITS,
	KEEP_UPGRADES, /* at the first boot */
};
MUST_CHECK int keep_check(const struct card *card, const struct card *image, bool allow_upgrade,
	enum keep_store *store, struct err *e);

/* Puts the card's own entry of p3, grown or not, into the image's MBR. */
void keep_entry(uint8_t *mbr, const struct extent *p3);

/* Makes of that an MBR that boots nothing but still tells whose card it is: p1 and p2 are gone. */
void keep_only_data(uint8_t *mbr);

#endif
