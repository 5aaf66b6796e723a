/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FIRSTBOOT_H
#define BRAMBLE_FIRSTBOOT_H

#include "release.h"

/*
 * What a stock image does at its first boot and a card of ours must not: grow p2 over p3 (some
 * wait for a key on the console when they cannot), give the disk a new id, ask for a user. Each
 * mechanism is a row: how it is recognised and how it is disarmed.
 */
struct first_boot {
	const char *name;      /* as `bramble check` and docs/RELEASES.md call it */
	const char *words[4];  /* in cmdline.txt; the first is its mark. All are dropped */
	const char *file;      /* in the root: another mark */
	const char *boot_file; /* on p1: another mark; removed */
	const char *mask[3];   /* units that become links to /dev/null */
	const char *remove[4]; /* files of the root */
	const char *create;    /* an empty file that stops it */
	const char *enable[2]; /* a unit it kept off, and the folder of its link */
};

/* Up to a row without a name. */
extern const struct first_boot first_boots[];

/* The mechanisms that are there, as bits. */
MUST_CHECK int first_boot_detect(struct ext4 *root, const struct buf *cmdline,
	const struct buf *boot_names, unsigned *found, struct err *e);

/* The name of a mechanism that would still act at a boot of a card of ours; NULL: none would. */
const char *first_boot_armed(
	struct ext4 *root, const struct buf *cmdline, const struct buf *boot_names);

/* A word that starts something at boot and belongs to no row: the caller frees; NULL: none. */
char *first_boot_unknown(const struct buf *cmdline);

/* Disarms what `found` has in the root and on p1; the command line's words are dropped from it. */
MUST_CHECK int first_boot_disarm(struct ext4 *root, const struct boot *boot, unsigned found,
	struct buf *cmdline, struct err *e);

/* A unit that never starts again, whatever wants it. */
MUST_CHECK int unit_mask(struct ext4 *root, const char *unit, struct err *e);
/* Its link in the target's .wants, as `systemctl enable` makes it. */
MUST_CHECK int unit_enable(
	struct ext4 *root, const char *target, const char *unit, const char *path, struct err *e);

#endif
