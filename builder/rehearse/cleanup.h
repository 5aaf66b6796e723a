/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CLEANUP_H
#define BRAMBLE_CLEANUP_H

#include "rehearsal.h"

/*
 * Takes away everything a rehearsal put on the host: processes, mounts and loop devices with
 * them, control groups, the network namespace, the folder, the record. Works from the record
 * alone, so it does not matter how the supervisor ended; may be repeated. The caller holds the
 * lock, and is not in one of the machines' control groups.
 */
MUST_CHECK int cleanup_all(const struct rehearsal *r, struct err *e);

/*
 * The lock of a cluster's rehearsal: an open file, or -1; EXIT_BUSY when a supervisor lives.
 * It is let go by closing it, so by the supervisor's death however it comes.
 */
MUST_CHECK int cleanup_lock(const char *cluster, struct err *e);

/*
 * Has this process be the one that may be told to stop by a signal, from when no other one is that
 * has the lock open. It is until it closes it.
 */
void cleanup_answer_for(int lock);
/* That process; 0: there is none, or not yet. */
pid_t cleanup_holder(const char *cluster);

#endif
