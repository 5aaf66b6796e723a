/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_ACCOUNT_H
#define BRAMBLE_ACCOUNT_H

#include "ext4.h"

/* Users in a root filesystem's own /etc/passwd, shadow and group. */
struct account {
	uid_t uid;
	gid_t gid;
	char *home;
};

void account_free(struct account *a);
#define _cleanup_account_ _cleanup_(account_free)

/* 1: *a is the user of that name; 0: there is none. */
MUST_CHECK int account_find(struct ext4 *fs, const char *name, struct account *a, struct err *e);

/*
 * Adds a system user and its group, which have the same number, unless they are there. That name
 * with another number, or that number with another name, is EXIT_INPUT: files on p3 outlive a
 * re-flash and go by the number.
 */
MUST_CHECK int account_add_system(
	struct ext4 *fs, const char *name, unsigned uid, const char *home, struct err *e);

/* The lowest number of 1000 to 1999 that neither a user nor a group has. */
MUST_CHECK int account_free_number(struct ext4 *fs, unsigned *number, struct err *e);

/*
 * Adds a user who logs in by key, with a group of the same number and in the groups of Raspberry Pi
 * OS's first user, unless the name is there. Its home is only named, not made.
 */
MUST_CHECK int account_add_login(
	struct ext4 *fs, const char *name, const struct account *a, struct err *e);

/* The same with the highest number of 100 to 999 that is free, as systemd-sysusers chooses. */
MUST_CHECK int account_add_free(struct ext4 *fs, const char *name, const char *home, struct err *e);

/* 1: *gid is the number of the group of that name; 0: there is none. */
MUST_CHECK int account_find_group(struct ext4 *fs, const char *name, gid_t *gid, struct err *e);

#endif
