/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FLASH_RULES_H
#define BRAMBLE_FLASH_RULES_H

#include <stdbool.h>
#include <stdint.h>
#include "err.h"

/*
 * May this device be written? A pure decision over what device.c finds out, so that a table can
 * test each refusal without having the device. What cannot be known (no sysfs) counts as fixed.
 */
enum device_kind {
	DEVICE_MISSING,
	DEVICE_FILE, /* a regular file that stands for a card */
	DEVICE_LOOP, /* the same by way of the kernel */
	DEVICE_DISK,
	DEVICE_PARTITION,
	DEVICE_OTHER,
};

struct device_facts {
	const char *path; /* as the user calls it */
	enum device_kind kind;
	uint64_t size;      /* bytes; 0: no card in the reader */
	unsigned sector;    /* bytes of one, as it counts them; 0: of a file, or unknown */
	bool read_only;     /* the card's switch, or the kernel after errors */
	bool removable;     /* the medium or the whole device can be taken out */
	bool is_image;      /* it is the file that shall be written */
	const char *disk;   /* of a partition: "/dev/sdb" */
	const char *system; /* what the running system has on it: "/boot", "swap"; NULL: nothing */
	const char *holder; /* what lies on top of it: "dm-0", "md127" */
	const char *mount;  /* where it, or a partition of it, is mounted */
};

struct flash_rules {
	uint64_t image_size;
	bool allow_fixed; /* --allow-fixed */
	bool unmount;     /* --unmount: what is mounted will be unmounted first */
};

/* -1 and a sentence of its own for each thing that speaks against it; the gravest first. */
MUST_CHECK int device_refuse(
	const struct device_facts *f, const struct flash_rules *r, struct err *e);

#endif
