/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_DEB_H
#define BRAMBLE_DEB_H

#include "image/ext4.h"

/* A .deb (deb(5)): what it says of itself, and its files put straight into an ext4. */

/* A file of control.tar besides `control`: md5sums, conffiles, postinst, triggers, ... */
struct deb_member {
	char *name;
	struct buf text;
};

struct deb {
	const char *path; /* the caller's */
	char *package, *version, *architecture;
	bool multi_arch_same;
	struct buf control; /* the stanza as shipped */
	struct deb_member *members;
	size_t nmembers;
	struct buf list;          /* every path of data.tar, as dpkg's .list has them */
	struct buf conffile_sums; /* " /etc/x MD5" lines, as dpkg's status has them */
};

/* Reads control.tar only. EXIT_INPUT for what is no package. path must outlive d. */
MUST_CHECK int deb_read_control(const char *path, struct deb *d, struct err *e);

/* The text of a file of control.tar, or NULL. */
const struct buf *deb_member(const struct deb *d, const char *name);

/*
 * Unpacks data.tar to "/" with its own owners and modes, and fills list and conffile_sums. As dpkg
 * does, it keeps folders that exist, refuses to replace a file, and leaves a conffile that is there
 * as it is.
 */
MUST_CHECK int deb_unpack(struct deb *d, struct ext4 *fs, struct err *e);

void deb_free(struct deb *d);
#define _cleanup_deb_ _cleanup_(deb_free)

#endif
