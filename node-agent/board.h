/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_BOARD_H
#define BRAMBLE_BOARD_H

#include <stdint.h>

/*
 * What the kernel tells of the board, its card and this process, out of /sys and /proc. What a
 * board does not tell is -1: most SD cards tell nothing of their wear, an eMMC does.
 */
struct board {
	double celsius; /* below any real one: BOARD_UNKNOWN */
	/*
	 * The firmware's bits: now 0 under-voltage, 1 frequency capped, 2 throttled, 3 soft
	 * temperature limit; the same since boot from bit 16 on (Raspberry Pi's documentation of
	 * vcgencmd, get_throttled).
	 */
	int64_t throttled;
	int64_t undervoltage; /* 1: now; where the kernel is not Raspberry Pi's own */
	int64_t card_written; /* bytes since boot */
	int64_t card_wear[2]; /* of an eMMC's areas A and B, in tenths of its life (JEDEC 84-B50) */
	int64_t resident;     /* bytes of this process */
};

#define BOARD_UNKNOWN (-1000.0)

/* root: prefix of /sys and /proc, for tests. */
void board_read(const char *root, struct board *b);

#endif
