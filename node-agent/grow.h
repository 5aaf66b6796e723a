/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_GROW_H
#define BRAMBLE_GROW_H

#include <stdint.h>
#include "err.h"

/*
 * Lets the partition mounted at dir, and the ext4 in it, reach the end of the card while it is
 * in use. Three steps: the table on the card, the kernel's idea of the partition, the
 * filesystem. Each is done only where it is not done yet, so power may fail between any two and
 * the next boot goes on; the table is one sector, which a card writes whole or not at all.
 *
 * The last `reserved` bytes of the card stay free: for the card's own wear levelling, and for a
 * replacement card that is a little smaller.
 *
 * Needs CAP_SYS_ADMIN (BLKPG) and CAP_SYS_RESOURCE (ext4). Logs what it does.
 */
MUST_CHECK int grow_mounted(const char *dir, uint64_t reserved, struct err *e);

#endif
