/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_MAINTSCRIPT_H
#define BRAMBLE_MAINTSCRIPT_H

#include "buf.h"

/*
 * bramble runs no script of a package: there is no card to run it on. It reads preinst and
 * postinst instead. Many hold nothing but what debhelper put there, marked by "# Automatically
 * added by dh_NAME" and "# End automatically added section"; those of maintscript.c's table need
 * nothing on a new card, or only a unit enabled.
 */

/*
 * NULL: every line is known to do nothing on a new card, and the names of units to be enabled are
 * appended to units, one a line. Else the first line that is not known, for the caller to free.
 */
char *maintscript_unknown(const char *text, struct buf *units);

#endif
