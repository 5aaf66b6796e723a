/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CARD_H
#define BRAMBLE_CARD_H

#include "rehearsal.h"

/*
 * A machine's card. The image is never written to: its p2 and p3 are copied to DIR/NODE.root and
 * DIR/NODE.data, sparse files (reflinks where the filesystem has them).
 */

/* Can this computer run programs from the image's p2? 1, 0, or -1 with an error. */
MUST_CHECK int card_runs_here(const char *image, struct err *e);

MUST_CHECK int card_copy(
	const struct rehearsal *r, const struct machine *m, const char *image, struct err *e);

/*
 * Mounts file (an ext4) on dir through a loop device that vanishes with the mount. For a process
 * in a mount namespace of its own.
 */
MUST_CHECK int card_mount(const char *file, const char *dir, bool readonly, struct err *e);

/*
 * Waits, for seconds at most, until no loop device has the file: the kernel unmounts what a machine
 * that is gone had mounted in its own time, and until then nobody else may mount it.
 */
MUST_CHECK int card_wait_free(const char *file, struct err *e);

#endif
