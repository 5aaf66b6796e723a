/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_DEB_SET_H
#define BRAMBLE_DEB_SET_H

#include "deb.h"

/*
 * Packages that come onto a card together: cluster.conf's `packages`, or a Java set. They are
 * checked as a whole before anything is written, then unpacked and entered into dpkg's own books,
 * so that dpkg and apt on the card take them for installed. No script of theirs is run: what a
 * script would do is done by us (configure.h), or the package is refused.
 */
struct deb_set {
	char **paths;
	struct deb *debs; /* of the same places; the base has some of them: those are empty */
	size_t n;
};

/* Adds a .deb, or all of a folder by name. */
MUST_CHECK int deb_set_add(struct deb_set *s, const char *path, struct err *e);

/*
 * Reads the control files and looks into the card's root. What the base has already is passed over,
 * in whatever version. before: a checked set that will be there then, or NULL. EXIT_INPUT: another
 * architecture, one package twice, a script nobody knows, or a dependency that is not met.
 */
MUST_CHECK int deb_set_check(struct deb_set *s, const struct deb_set *before, struct ext4 *fs,
	const char *architecture, struct err *e);

/* After deb_set_check. each, when not NULL, is called before each package with its place. */
MUST_CHECK int deb_set_install(struct deb_set *s, struct ext4 *fs,
	void (*each)(void *arg, size_t i, size_t n), void *arg, struct err *e);

void deb_set_free(struct deb_set *s);
#define _cleanup_deb_set_ _cleanup_(deb_set_free)

#endif
