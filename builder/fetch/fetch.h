/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FETCH_H
#define BRAMBLE_FETCH_H

#include <stdio.h>
#include "catalogue.h"

struct fetch_options {
	const char *dir;    /* the inputs folder */
	const char *mirror; /* instead of the entry's own hosts; NULL: those */
	unsigned stall_s;   /* give up when nothing comes for so long */
	FILE *out;          /* what goes on; not the errors */
};

/*
 * Downloads an entry into the folder. What is there of it from before is gone on from; nothing has
 * the file's name before its SHA-256 was found right, and what is wrong is removed. A file that is
 * there already is checked, not fetched.
 *
 * EXIT_INPUT: what came is not what the catalogue says. EXIT_BUSY: another bramble fetches it.
 * EXIT_FAILED: the network, the server or the disk; what came so far is kept.
 */
MUST_CHECK int fetch_entry(
	const struct catalogue_entry *x, const struct fetch_options *o, struct err *e);

#endif
