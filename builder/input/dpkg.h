/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_DPKG_H
#define BRAMBLE_DPKG_H

#include "image/ext4.h"

/*
 * The packages of a root filesystem, and those that shall come in beside them: are their
 * dependencies met, do they conflict? The rules are deb-control(5)'s for a card of one
 * architecture: relations with versions, alternatives, Provides, Conflicts and Breaks both ways.
 */
struct dpkg_package {
	char *name, *version, *architecture;
	char *depends[2];   /* Pre-Depends, Depends */
	char *conflicts[2]; /* Conflicts, Breaks */
	char *provides;
	bool multi_arch_foreign;
	bool incoming;
};

struct dpkg {
	const char *architecture; /* of the card */
	struct dpkg_package *packages;
	size_t n, room;
};

/* Reads /var/lib/dpkg/status. Only packages that are installed, or at
 * least unpacked, count; no file: none are. */
MUST_CHECK int dpkg_load(struct dpkg *d, struct ext4 *fs, const char *architecture, struct err *e);
void dpkg_free(struct dpkg *d);
#define _cleanup_dpkg_ _cleanup_(dpkg_free)

/* Adds a package that comes in, or one that will be there already; stanza: its control file. */
void dpkg_add(struct dpkg *d, const char *stanza, bool incoming);

const struct dpkg_package *dpkg_find(const struct dpkg *d, const char *name);

/*
 * EXIT_INPUT unless every dependency of what comes in is met and nothing conflicts with it; the
 * error lists what is missing and for whom.
 */
MUST_CHECK int dpkg_check(const struct dpkg *d, struct err *e);

#endif
