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
 * Pure: both cards were read before. An older store needs allow_upgrade, and so does one whose
 * version nobody wrote down, because a card of an early bramble tells none. *upgrade: the new
 * Neo4j has to run alone once (neo4j_upgrade.h).
 */
MUST_CHECK int keep_check(const struct card *card, const struct card *image, bool allow_upgrade,
	bool *upgrade, struct err *e);

/*
 * Less than, equal to or greater than 0, as of two versions of Neo4j: numbers by value, and what is
 * not released yet ("3.5.0-beta03") in front of what is.
 */
int version_compare(const char *a, const char *b);

/* Puts the card's own entry of p3, grown or not, into the image's MBR. */
void keep_entry(uint8_t *mbr, const struct extent *p3);

/* Makes of that an MBR that boots nothing but still tells whose card it is: p1 and p2 are gone. */
void keep_only_data(uint8_t *mbr);

#endif
