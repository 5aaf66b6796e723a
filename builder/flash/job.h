/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FLASH_JOB_H
#define BRAMBLE_FLASH_JOB_H

#include <stdatomic.h>
#include "decode.h"
#include "device.h"
#include "keep.h"

/*
 * One card's way, in a thread of its own:
 *
 *	close	an MBR that boots nothing takes the old one's place, and is on the card before
 *		anything else is; with kept data it still tells whose card it is and where p3 lies
 *	write	all pieces, wherever the map puts them; what lies between is left or discarded;
 *		those of a compressed image come from a feed all of its cards share
 *	verify	each piece is read back from the card and compared by its sum; those that differ or
 *		cannot be read are written once more, and then all are read again: one more
 *		difference, and the card has failed
 *	open	the head with the new MBR, last, verified too
 *
 * So a card that was interrupted anywhere does not boot, and can be flashed again as it could
 * before. The cards of a run do not wait for each other: when one fails the others go on.
 */
enum job_phase { JOB_WAITING, JOB_WRITING, JOB_VERIFYING, JOB_DONE, JOB_FAILED };

struct job {
	const struct plan *plan;
	struct device device;
	int fd;            /* of the open device */
	struct feed *feed; /* of a streamed image, */
	size_t seat;       /* and its place there */
	bool discard;
	bool keep; /* p3 stays: */
	enum keep_store store;
	struct extent p3; /* where it lies on the card */

	/* Written by the thread, read by whoever shows it. */
	_Atomic enum job_phase phase;
	_Atomic uint64_t done; /* bytes of the phase, of plan->bytes */
	_Atomic unsigned retries;
	_Atomic bool
		closed;   /* it was begun: what was on the card before is gone, but for kept data */
	struct err error; /* once phase is JOB_FAILED */
};

/* Does all of it; the phase is JOB_DONE or JOB_FAILED in the end. */
void job_run(struct job *j);

#endif
