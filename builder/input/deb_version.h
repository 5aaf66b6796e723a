/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_DEB_VERSION_H
#define BRAMBLE_DEB_VERSION_H

#include <stdbool.h>

/*
 * Debian's order of versions (deb-version(7)): epoch, upstream version, revision; runs of
 * non-digits and digits in turn, "~" before everything, even the end. <0, 0 or >0. Any text has a
 * place in the order; nothing is refused here.
 */
int deb_version_cmp(const char *a, const char *b);

/* Does "a OP b" hold? OP is one of <<, <=, =, >=, >> (deb-control(5)) or the old < and >. */
bool deb_version_holds(const char *a, const char *op, const char *b);

#endif
