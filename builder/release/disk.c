/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What names the disk: everything that has the base's PARTUUIDs gets the card's. */
#include <string.h>
#include "cmdline.h"
#include "firstboot.h"
#include "fstab.h"
#include "patch.h"

#define DATA_MOUNT "/srv/bramble"

int patch_first_boot(struct edit *x, struct err *e)
{
	return first_boot_disarm(x->root, &x->boot, x->release->first_boot, &x->cmdline, e);
}

/* /dev/mmcblk0p2, as until March 2017, is right on every card. */
int patch_cmdline(struct edit *x, struct err *e)
{
	_cleanup_free_ char *root = NULL, *want = xasprintf("PARTUUID=%08x-02", x->disk_id);

	cmdline_set_disk(&x->cmdline, x->base_disk_id, x->disk_id);
	/* The regulatory domain; the kernel takes it as the default of all drivers. */
	if (x->wifi)
		cmdline_set(&x->cmdline, "cfg80211.ieee80211_regdom=", x->wifi->country);
	if (cmdline_check(&x->cmdline, e) < 0)
		return -1;
	if (!cmdline_has(&x->cmdline, "root=", &root) ||
		(strcmp(root, want) != 0 && strcmp(root, "/dev/mmcblk0p2") != 0))
		return err_code(e, EXIT_INPUT,
			"cmdline.txt: root= is neither PARTUUID=%08x-02 nor /dev/mmcblk0p2",
			x->base_disk_id);
	return 0;
}

int patch_fstab(struct edit *x, struct err *e)
{
	_cleanup_buf_ struct buf fstab = {0};

	if (ext4_read(x->root, "/etc/fstab", &fstab, e) < 0 ||
		fstab_edit(&fstab, x->base_disk_id, x->disk_id, DATA_MOUNT, e) < 0)
		return -1;
	return ext4_rewrite(x->root, "/etc/fstab", fstab.data, fstab.len, e);
}
