/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FSTAB_H
#define BRAMBLE_FSTAB_H

#include "buf.h"

/*
 * Edits of a card's /etc/fstab. Lines bramble has no business with, comments among them, stay byte
 * for byte; an edit done twice is the edit done once.
 */

/* Where the filesystem with the given number on the card is mounted: the caller frees; NULL. */
char *fstab_mount_point(const struct buf *fstab, uint32_t disk_id, unsigned partition);

/*
 * The card's MBR id changes from old_id to new_id, and p3 is mounted at `data`. EXIT_INPUT when
 * "/" is then not p2 of the card: by PARTUUID, or by /dev/mmcblk0p2 as until March 2017.
 */
MUST_CHECK int fstab_edit(
	struct buf *fstab, uint32_t old_id, uint32_t new_id, const char *data, struct err *e);

#endif
