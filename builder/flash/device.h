/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FLASH_DEVICE_H
#define BRAMBLE_FLASH_DEVICE_H

#include <sys/types.h>
#include "rules.h"

/* What can be written to: a card in a reader, a loop device, a file; as the kernel describes it. */
struct device {
	struct device_facts facts; /* its strings are those below */
	char *path, *disk, *system, *holder;
	char *model, *serial; /* "" when unknown; printable */
	char **mounts;        /* where it and its partitions are mounted, in that order */
	size_t nmounts;
	dev_t dev; /* of a file: the filesystem it lies on, with inode */
	ino_t inode;
	uint64_t sequence; /* which card in that reader; 0: the kernel does not count them */
};

/* Where the kernel tells it; tests have trees of their own. */
struct kernel_places {
	const char *sys, *proc;
};
extern const struct kernel_places kernel_places;

/*
 * Finds out about path; image is what shall be written to it. A path that is not there, or no
 * device, is a fact too; an error is only what leaves them unknown.
 */
MUST_CHECK int device_look(struct device *d, const char *path, const char *image, struct err *e);
void device_free(struct device *d);
#define _cleanup_device_ _cleanup_(device_free)

/* The part that reads the kernel's files, for block device d->dev; the rest of *d is kept. */
MUST_CHECK int device_look_kernel(struct device *d, const struct kernel_places *at, struct err *e);

/* Are these the same card? */
bool device_same(const struct device *a, const struct device *b);

/* Unmounts all of it, the last mounted first. */
MUST_CHECK int device_unmount(const struct device *d, struct err *e);

/*
 * Opens it for reading and writing, exclusively: the kernel refuses while anything of it is
 * mounted anywhere, and udev and other bramble keep off. -1 and the error, also when it is not the
 * card any more that device_look saw: BLKGETDISKSEQ (Linux 5.15) counts them, before that the size
 * must do.
 */
MUST_CHECK int device_open(const struct device *d, struct err *e);

/* "15.9 GB, SanDisk Ultra, serial 4C53": for the question before it is erased. The caller's. */
char *device_describe(const struct device *d);

#endif
