/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_ENTER_H
#define BRAMBLE_ENTER_H

#include "rehearsal.h"

/*
 * Runs a command inside a machine with the caller's standard streams, as root there and with the
 * rights the machine has, not the host's (else `date -s` would set this computer's clock). Returns
 * its exit status (128 + signal when one killed it), or -1.
 */
MUST_CHECK int enter_exec(const struct machine *m, const char *const argv[], struct err *e);

/* The journal of a machine, running or not, by journalctl with further arguments. As above. */
MUST_CHECK int enter_logs(const struct rehearsal *r, const struct machine *m, char *const args[],
	size_t nargs, struct err *e);

#endif
