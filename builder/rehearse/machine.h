/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_MACHINE_H
#define BRAMBLE_MACHINE_H

#include "rehearsal.h"

/*
 * One machine: systemd-nspawn on the partitions of a card, in a mount namespace and control group
 * of its own, with its port on the bridge of the network namespace the caller is in. It dies with
 * the caller. p3 is a mount point at /srv/bramble, as on the board.
 */

/* Switches it on: returns once systemd-nspawn runs, m->pid is then its child process. */
MUST_CHECK int machine_boot(const struct rehearsal *r, struct machine *m, struct err *e);

/* The machine's process 1 as seen from here; -1 when it is off. */
MUST_CHECK pid_t machine_leader(const struct machine *m, struct err *e);

/* A power cut: how it is done says what is lost. */
enum cut {
	CUT_REAL,       /* all that was not synced to the card */
	CUT_KEEP_CACHE, /* nothing: the page cache reaches the card later */
};

/* Waits until the machine is gone, but not for its status: that is its parent's to collect. */
MUST_CHECK int machine_cut(
	const struct rehearsal *r, const struct machine *m, enum cut how, struct err *e);

#endif
