/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CONFIGURE_H
#define BRAMBLE_CONFIGURE_H

#include "deb.h"

/*
 * What packages' scripts would do on a new card. For packages of configure.c's table it is done by
 * hand-written code; for scripts that hold only known debhelper snippets (maintscript.h) units are
 * enabled and the rest is nothing; for a few nothing waits for, it is left to dpkg on the card
 * ("deferred": entered as unpacked, the next `dpkg --configure -a` or apt run finishes it).
 */

/* EXIT_INPUT, with the first line that is not known, when the package is none of these. */
MUST_CHECK int configure_check(const struct deb *d, struct err *e);
bool configure_is_deferred(const struct deb *d);
/* When all packages are unpacked. */
MUST_CHECK int configure_run(const struct deb *d, struct ext4 *fs, struct err *e);

#endif
