/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_MBR_H
#define BRAMBLE_MBR_H

#include <stdint.h>
#include "err.h"

/*
 * The sector a card begins with, and the arithmetic of letting its last partition reach the end
 * of the card. Pure: no I/O here. Fields named _le are little-endian.
 */
#define MBR_SECTOR 512u
#define MBR_ALIGN 2048u /* sectors: 1 MiB, the erase blocks of SD cards are multiples of it */

struct mbr_entry {
	uint8_t boot;
	uint8_t first_chs[3];
	uint8_t type;
	uint8_t last_chs[3];
	uint32_t start_le;
	uint32_t sectors_le;
} __attribute__((packed));

struct mbr {
	uint8_t code[446];
	struct mbr_entry entry[4];
	uint8_t signature[2]; /* 0x55 0xaa */
} __attribute__((packed));

_Static_assert(sizeof(struct mbr_entry) == 16, "an entry has 16 bytes");
_Static_assert(sizeof(struct mbr) == MBR_SECTOR, "the table is one sector");

/*
 * The sectors partition number (1..4) may have on a disk of disk_sectors: up to the end, rounded
 * down to 1 MiB, within what an entry can say; or as many as now if it would win less than 1 MiB.
 * The last `reserved` sectors of the disk stay free, unless it has some of them already.
 * Refuses when it is not a plain primary partition starting at `start`, when another one lies
 * behind it, or when it does not fit on the disk.
 */
MUST_CHECK int mbr_target(const struct mbr *m, unsigned number, uint64_t start,
	uint64_t disk_sectors, uint64_t reserved, uint32_t *sectors, struct err *e);

/* Sets the length of partition number; start and type stay. */
void mbr_resize(struct mbr *m, unsigned number, uint32_t sectors);

uint32_t mbr_sectors(const struct mbr *m, unsigned number);

#endif
